"""The chaos run: a mixed load while everything is killed and everything is sent twice, and then an exact comparison."""
