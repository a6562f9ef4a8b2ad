-- Each budget as it stands: its newest state, deleted ones included (status `deleted`).
CREATE VIEW IF NOT EXISTS budgets_current AS
SELECT
    name,
    scope,
    scope_dimensions,
    period,
    timezone,
    mode,
    epoch,
    window,
    status,
    spent_usd,
    reserved_usd,
    limit_usd,
    overshoot_usd,
    until,
    warned_at,
    warn_at,
    created_at,
    changed_at,
    call_id,
    call_finished_at
FROM budget_states FINAL
ORDER BY changed_at DESC, kafka_offset DESC
LIMIT 1 BY name;
