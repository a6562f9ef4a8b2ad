-- All versions of those calls of which one is not enough: calls that were corrected, and calls (or repeats of them) that
-- reached the log after their month was closed. calls_raw forgets a version once a higher one is merged with it; a closed
-- month must still be shown as it was. Everything else has one version only, and it stands in calls_raw.
--
-- Filled by the loader before it stores the version that would replace (warehouse/versions.py). People ask the views
-- `cost_corrections` and `statements`.
--
-- `closes_at` is when the month in which the call started is closed; `logged_at` is as in calls_raw. The same version that
-- was logged twice (a repeat after a crash) counts as of the first time: the row with the greatest `precedence` holds.
-- Partition and key are those of calls_raw, so that both can be read hour by hour, and the version.
CREATE TABLE IF NOT EXISTS call_versions
(
    call_id String CODEC(ZSTD(1)),
    started_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    org LowCardinality(String),
    team LowCardinality(String),
    project LowCardinality(String),
    key_id LowCardinality(String),
    user LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    is_priced Bool,
    price_version LowCardinality(String),
    correction_reason LowCardinality(String),
    version UInt64 CODEC(T64, ZSTD(1)),
    logged_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    closes_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    precedence UInt64 DEFAULT toUInt64(9000000000000 - toUnixTimestamp64Milli(logged_at)) CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(started_at)
ORDER BY (team, toStartOfHour(started_at), call_id, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
