-- The history of every budget's balance, as budget.states told it.
--
-- ORDER BY (name, changed_at, window): a chart asks for one budget over a period. The same state read again has the same
-- key and collapses. Compaction removes old states from the log, never from here.
CREATE TABLE IF NOT EXISTS budget_states
(
    name String CODEC(ZSTD(1)),
    changed_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window String CODEC(ZSTD(1)),
    status LowCardinality(String),
    spent_usd Decimal(38, 12) CODEC(ZSTD(1)),
    reserved_usd Decimal(38, 12) CODEC(ZSTD(1)),
    limit_usd Decimal(38, 12) CODEC(ZSTD(1)),
    overshoot_usd Decimal(38, 12) CODEC(ZSTD(1)),
    until Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    warned_at Array(Decimal(18, 9)) CODEC(ZSTD(1)),
    warn_at Array(Decimal(18, 9)) CODEC(ZSTD(1)),
    scope String CODEC(ZSTD(1)),
    scope_dimensions Map(String, String) CODEC(ZSTD(1)),
    period LowCardinality(String),
    timezone LowCardinality(String),
    mode LowCardinality(String),
    epoch UInt64 CODEC(T64, ZSTD(1)),
    created_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    call_id String CODEC(ZSTD(1)),
    call_finished_at Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    kafka_partition UInt32,
    kafka_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(kafka_offset)
ORDER BY (name, changed_at, window);
