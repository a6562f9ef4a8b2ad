"""The embedded ClickHouse as its clients see it."""
