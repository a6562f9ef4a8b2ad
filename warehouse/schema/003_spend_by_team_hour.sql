-- What each team's hour came to: a few thousand rows a month in place of millions of calls.
--
-- Recomputed from calls_raw FINAL whenever a call of the hour arrives (warehouse/rollup.py), never added to: a sum that
-- is incremented doubles when the log repeats itself, a sum that is recomputed does not. The newest computed_at holds.
--
-- ORDER BY (team, hour, …): a dashboard asks for a team's period, the loader rewrites one team's hour at a time. Keys and
-- users are left out: with them the rollup would have nearly as many rows as there are calls (measured).
-- A group that no call belongs to any more, since a correction moved it, stays as a row of zeros; the view leaves it out.
CREATE TABLE IF NOT EXISTS spend_by_team_hour
(
    team LowCardinality(String),
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    org LowCardinality(String),
    project LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    outcome LowCardinality(String),
    calls UInt64 CODEC(T64, ZSTD(1)),
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
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    estimated_calls UInt64 CODEC(T64, ZSTD(1)),
    latency_ms_sum UInt64 CODEC(T64, ZSTD(1)),
    computed_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (team, hour, org, project, provider, model, outcome)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
