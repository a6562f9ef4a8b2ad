-- Every version of every call, as the loader read it from llm.costs. People ask the view `calls`.
--
-- ReplacingMergeTree(version): what the log repeats (redelivery, a restart, a duplicate send) has the same key and the
-- same version and collapses; a corrected cost has a higher version and replaces. Reading needs FINAL.
--
-- ORDER BY holds only what never changes for a call, or a correction would stand beside the row that it corrects:
--   team                        first, since most questions and all rights are by team, and few values make it cheap
--   toStartOfHour(started_at)   a question about a period reads only its hours; also the grain of the rollup
--   call_id                     the identity; UUIDv7 sorts by time, so that neighbours compress well
-- PARTITION BY month of the start: bounds a question to its months, lets months be dropped, and no call ever moves.
--
-- Codecs: instants and offsets grow within a team and hour, so differences are small (Delta); counts are small whole
-- numbers in wide types, which T64 packs into the bits that a block needs; ZSTD(1) after each, since more effort costs
-- insert speed and gains a few percent. Names repeat: LowCardinality stores them once for a part.
-- Decimal(38, 12): money to the twelfth place, exact (see ingest/money.py); Map for tags, since nobody knows their names.
--
-- non_replicated_deduplication_window: an insert that is sent again because its answer got lost is recognised by its
-- token. fsync: a position is recorded only after this returns, so that even a power cut loses no call.
CREATE TABLE IF NOT EXISTS calls_raw
(
    call_id String CODEC(ZSTD(1)),
    started_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    finished_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    latency_ms UInt32 CODEC(T64, ZSTD(1)),
    ttft_ms Nullable(UInt32) CODEC(ZSTD(1)),
    org LowCardinality(String),
    team LowCardinality(String),
    project LowCardinality(String),
    key_id LowCardinality(String),
    user LowCardinality(String),
    tags Map(String, String) CODEC(ZSTD(1)),
    provider LowCardinality(String),
    model LowCardinality(String),
    operation LowCardinality(String),
    is_stream Bool,
    outcome LowCardinality(String),
    http_status UInt16 CODEC(T64, ZSTD(1)),
    input_tokens UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens UInt64 CODEC(T64, ZSTD(1)),
    audio_input_tokens UInt64 CODEC(T64, ZSTD(1)),
    output_tokens UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens UInt64 CODEC(T64, ZSTD(1)),
    audio_output_tokens UInt64 CODEC(T64, ZSTD(1)),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    input_cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    cache_cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    output_cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    list_cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    price_version LowCardinality(String),
    is_priced Bool,
    is_estimated Bool,
    request_model LowCardinality(String),
    response_id String CODEC(ZSTD(1)),
    service_tier LowCardinality(String),
    error_type LowCardinality(String),
    origin LowCardinality(String),
    path LowCardinality(String),
    budgets Array(String) CODEC(ZSTD(1)),
    cache_write_1h_tokens UInt64 CODEC(T64, ZSTD(1)),
    web_searches UInt64 CODEC(T64, ZSTD(1)),
    unpriced_because LowCardinality(String),
    correction_reason LowCardinality(String),
    version UInt64 CODEC(T64, ZSTD(1)),
    kafka_partition UInt32 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (team, toStartOfHour(started_at), call_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
