-- Each dead letter as it stands: `open` until its newest action is a replay or a dismissal. A letter that was put right and
-- not replayed yet is open and `is_fixed`.
CREATE VIEW IF NOT EXISTS dead_letters_current AS
SELECT
    l.topic AS topic,
    l.kafka_partition AS kafka_partition,
    l.kafka_offset AS kafka_offset,
    if(a.last IN ('replayed', 'dismissed'), a.last, 'open') AS state,
    l.reason AS reason,
    l.seen_at AS seen_at,
    a.fixes > 0 AS is_fixed,
    a.acted_at AS acted_at,
    a.acted_by AS acted_by,
    a.last_note AS note,
    a.last_replayed_to AS replayed_to
FROM (SELECT topic, kafka_partition, kafka_offset, reason, seen_at FROM dead_letters FINAL) AS l
LEFT JOIN
(
    SELECT
        topic,
        kafka_partition,
        kafka_offset,
        argMax(action, at) AS last,
        countIf(action = 'fixed') AS fixes,
        toNullable(max(at)) AS acted_at,
        argMax(by, at) AS acted_by,
        argMax(dead_letter_actions.note, at) AS last_note,
        argMax(tuple(dead_letter_actions.replayed_to), at).1 AS last_replayed_to
    FROM dead_letter_actions FINAL
    GROUP BY topic, kafka_partition, kafka_offset
) AS a ON l.topic = a.topic AND l.kafka_partition = a.kafka_partition AND l.kafka_offset = a.kafka_offset;
