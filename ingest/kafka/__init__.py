"""The log on Kafka: the only folder that knows aiokafka. Each file keeps one Protocol of `ingest.log`."""
