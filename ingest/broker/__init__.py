"""Apache Kafka 4.3.1 without a server, Docker or an installed Java: `launcher.EmbeddedBroker` runs it as a child process.

The steps of a start, a file each: `locks` and `leftovers` (is the folder ours?), `ports`, `java`, `jars` (over `fetcher`),
`storage`, `properties`, `jvm` and `cds` (the command), `child` (over `tether`), `probe` (is it ready?), `logfile`.
"""
