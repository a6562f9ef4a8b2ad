-- How far each partition of a topic is stored here: everything before `position` is in its table and in the rollup.
-- Written after both, so that a crash in between repeats work (which changes nothing) and never skips any.
--
-- Not max(kafka_offset) of the calls: one insert may touch two months, which are two parts, and a crash can keep the part
-- with the higher offsets and lose the other.
--
-- `log` is the id of the Kafka cluster: on another cluster, offsets mean other records and begin anew.
-- `fingerprint` is a hash of the record just before `position`. On the next start that record is read again and compared:
-- a topic that was made anew or cut off is noticed, where else its new calls would be skipped in silence.
--
-- ReplacingMergeTree(position): the furthest position holds, whoever wrote it. ORDER BY: what is asked for, whole.
CREATE TABLE IF NOT EXISTS stored_positions
(
    log LowCardinality(String),
    topic LowCardinality(String),
    kafka_partition UInt32,
    position UInt64,
    fingerprint UInt64,
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(position)
ORDER BY (log, topic, kafka_partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
