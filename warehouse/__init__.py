"""What was stored and how it is asked: tables, loading, queries, and the embedded ClickHouse."""
