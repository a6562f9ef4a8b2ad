-- For the calls in call_versions: each version that was the call's cost for a while, and the one that it took the place of.
--
-- A version counts from when it was logged, unless a higher one stood on the log by then: that one had made it void. So each
-- step goes from one cost of the call to the next, and all steps of a call sum to what it costs now, whatever has been
-- corrected how often and in which order.
--
-- Versions that are not (yet) in calls_raw are left out, and what is there counts although it is not here: at every moment,
-- also in the middle of loading and after a crash, the steps agree with the view `calls`.
CREATE OR REPLACE VIEW applied_versions AS
SELECT
    call_id,
    started_at,
    org,
    team,
    project,
    key_id,
    user,
    provider,
    model,
    version,
    cost_usd,
    is_priced,
    price_version,
    correction_reason,
    logged_at,
    closes_at,
    row_number() OVER steps = 1 AS is_first,
    lagInFrame(version) OVER steps AS previous_version,
    lagInFrame(cost_usd) OVER steps AS previous_cost_usd,
    lagInFrame(is_priced) OVER steps AS was_priced,
    lagInFrame(provider) OVER steps AS previous_provider,
    lagInFrame(model) OVER steps AS previous_model
FROM
(
    SELECT
        *,
        min(toUnixTimestamp64Milli(logged_at)) OVER
            (PARTITION BY team, hour, call_id ORDER BY version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS voided,
        count() OVER
            (PARTITION BY team, hour, call_id ORDER BY version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS higher
    FROM
    (
        SELECT
            *,
            max(stored_version) OVER (PARTITION BY team, hour, call_id) AS newest,
            max(closes) OVER (PARTITION BY team, hour, call_id) AS closes_at
        FROM
        (
            SELECT
                team,
                hour,
                call_id,
                version,
                any(started) AS started_at,
                any(org_of) AS org,
                any(project_of) AS project,
                any(key_of) AS key_id,
                any(user_of) AS user,
                any(provider_of) AS provider,
                any(model_of) AS model,
                any(cost) AS cost_usd,
                any(priced) AS is_priced,
                any(prices) AS price_version,
                any(reason) AS correction_reason,
                min(logged) AS logged_at,
                max(closing) AS closes,
                max(stored) AS stored_version
            FROM
            (
                SELECT
                    team, toStartOfHour(started_at) AS hour, call_id, version, started_at AS started, org AS org_of,
                    project AS project_of, key_id AS key_of, user AS user_of, provider AS provider_of, model AS model_of,
                    cost_usd AS cost, is_priced AS priced, price_version AS prices, correction_reason AS reason,
                    logged_at AS logged, closes_at AS closing, toUInt64(0) AS stored
                FROM call_versions
                UNION ALL
                SELECT
                    team, toStartOfHour(started_at) AS hour, call_id, version, started_at AS started, org AS org_of,
                    project AS project_of, key_id AS key_of, user AS user_of, provider AS provider_of, model AS model_of,
                    cost_usd AS cost, is_priced AS priced, price_version AS prices, correction_reason AS reason,
                    logged_at AS logged, toDateTime64(0, 3, 'UTC') AS closing, version AS stored
                FROM calls_raw FINAL
                WHERE (team, toStartOfHour(started_at), call_id) IN
                    (SELECT team, toStartOfHour(started_at), call_id FROM call_versions)
            )
            GROUP BY team, hour, call_id, version
        )
    )
    WHERE version <= newest
)
WHERE higher = 0 OR voided > toUnixTimestamp64Milli(logged_at)
WINDOW steps AS (PARTITION BY team, hour, call_id ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
SETTINGS do_not_merge_across_partitions_select_final = 1;
