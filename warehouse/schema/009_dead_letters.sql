-- What nobody could read, where it stood and why; the bytes are kept so that they can be replayed.
-- The key is the place on the log: the same letter told twice is one row.
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset UInt64,
    reason String CODEC(ZSTD(1)),
    key Nullable(String) CODEC(ZSTD(1)),
    value Nullable(String) CODEC(ZSTD(3)),
    seen_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (topic, kafka_partition, kafka_offset);
