"""ClickHouse's engine (chdb) behind ClickHouse's HTTP interface, in one process that owns one folder.

`clickhouse-connect`, curl and everything else that speaks HTTP to ClickHouse work unchanged, so that going over to a
ClickHouse server is another URL and no other code. What differs from a server: one user, no Keeper (no Replicated
tables), no access to files and other hosts from SQL, and the transport-level block compression of the native
clients (`compress=1`) is refused. Read `server.py` first, then `http.py`, `requests.py` and `engine.py`.
"""
