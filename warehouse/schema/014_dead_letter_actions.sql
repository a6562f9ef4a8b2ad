-- What people did with dead letters: a value put right (`fixed`), a letter published again (`replayed`) or given up
-- (`dismissed`). The key is the letter's place and the moment: the same action told twice is one row.
CREATE TABLE IF NOT EXISTS dead_letter_actions
(
    topic LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset UInt64,
    at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    action LowCardinality(String),
    by LowCardinality(String),
    note String CODEC(ZSTD(1)),
    value Nullable(String) CODEC(ZSTD(3)),
    replayed_to Nullable(UInt64),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (topic, kafka_partition, kafka_offset, at, action);
