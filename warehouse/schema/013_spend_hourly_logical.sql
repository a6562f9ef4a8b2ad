-- The view of 004 with the column of 012.
CREATE OR REPLACE VIEW spend_hourly AS
SELECT
    team,
    hour,
    org,
    project,
    provider,
    model,
    outcome,
    calls,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    audio_input_tokens,
    output_tokens,
    reasoning_tokens,
    audio_output_tokens,
    cost_usd,
    input_cost_usd,
    cache_cost_usd,
    output_cost_usd,
    list_cost_usd,
    unpriced_calls,
    estimated_calls,
    latency_ms_sum,
    computed_at,
    logical_calls
FROM spend_by_team_hour FINAL
WHERE calls > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;
