"""Rebuild an empty warehouse from the log, and compare the two row for row."""
