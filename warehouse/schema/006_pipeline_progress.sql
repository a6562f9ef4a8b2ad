-- How far each stage has come with each partition, reported every few seconds: the freshness of every figure.
-- `settled_through`: everything that was on the log by then is stored. `position` is the next offset to be stored, `log_end`
-- the next to be written. Only the newest report of a stage and partition is of interest, and it is asked for whole.
CREATE TABLE IF NOT EXISTS pipeline_progress
(
    stage LowCardinality(String),
    partition UInt32,
    position UInt64,
    log_end UInt64,
    settled_through DateTime64(3, 'UTC'),
    reported_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (stage, partition);
