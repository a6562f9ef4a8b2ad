-- What each month comes to, for bookkeeping: sums to `calls` exactly, and a closed month's usage never changes.
--
-- `usage` rows of a month: its calls as they stood when the month was closed (the 5th of the following month, 00:00 UTC;
-- until then as they stand now). What was logged later about a closed month, a correction of a cost or a call that came late,
-- stands as `correction` in the month in which it was logged; `call_month` is the month in which the calls were made.
-- A correction that moves a call to another model takes it from the one (`calls` is negative) and adds it to the other.
CREATE OR REPLACE VIEW statements AS
SELECT
    month,
    charge_class,
    team,
    provider,
    model,
    sum(cost) AS cost_usd,
    sum(number) AS calls,
    call_month
FROM
(
    SELECT
        toStartOfMonth(started_at) AS month,
        'usage' AS charge_class,
        team,
        provider,
        model,
        cost_usd AS cost,
        toInt64(1) AS number,
        month AS call_month
    FROM calls_raw FINAL
    WHERE (team, toStartOfHour(started_at), call_id) NOT IN
        (SELECT team, toStartOfHour(started_at), call_id FROM call_versions)
    UNION ALL
    SELECT
        if(logged_at >= closes_at, toStartOfMonth(logged_at), toStartOfMonth(started_at)) AS month,
        if(logged_at >= closes_at, 'correction', 'usage') AS charge_class,
        team,
        part.1 AS provider,
        part.2 AS model,
        part.3 AS cost,
        part.4 AS number,
        toStartOfMonth(started_at) AS call_month
    FROM
    (
        SELECT
            *,
            arrayJoin(if(
                is_first,
                [(provider, model, cost_usd, toInt64(1))],
                [
                    (provider, model, cost_usd, toInt64(1)),
                    (previous_provider, previous_model, -previous_cost_usd, toInt64(-1))
                ]
            )) AS part
        FROM applied_versions
    )
)
GROUP BY month, charge_class, team, provider, model, call_month
HAVING cost_usd != 0 OR calls != 0
SETTINGS do_not_merge_across_partitions_select_final = 1;
