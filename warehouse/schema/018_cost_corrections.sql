-- Every correction of a call's cost that had an effect: from what to what, why, and where it counts.
--
-- `is_closed`: the month in which the call started (`call_month`) was closed when the correction was logged. It then counts in
-- the month in which it was logged, else in the call's own month: `month` says which.
CREATE OR REPLACE VIEW cost_corrections AS
SELECT
    call_id,
    version,
    previous_version,
    previous_cost_usd,
    cost_usd,
    cost_usd - previous_cost_usd AS delta_usd,
    was_priced,
    is_priced,
    correction_reason AS reason,
    price_version,
    logged_at,
    logged_at >= closes_at AS is_closed,
    toStartOfMonth(started_at) AS call_month,
    if(is_closed, toStartOfMonth(logged_at), call_month) AS month,
    started_at,
    org,
    team,
    project,
    key_id,
    user,
    provider,
    model
FROM applied_versions
WHERE NOT is_first;
