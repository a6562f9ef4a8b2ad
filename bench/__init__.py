"""Measurements that anybody can repeat: `python -m bench.pipeline`, or `make bench`."""
