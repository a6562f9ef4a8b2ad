-- Everything that an event says about a call, so that its row can be turned back into the event (warehouse/restoring.py):
-- pricing a call again reads this table, which is kept longer than the log.
--
--   attempt             which try of one logical call; 0 is the first
--   request_bytes       length of the request's body
--   hold_usd            worst case at admission; provider_cost_usd: what the provider itself says the call costs
--   budget_windows      beside `budgets`: the window of each, which with it names the balance that was charged
--   has_usage           whether usage was reported (or estimated) at all; without it, counts of 0 mean "not known"
--   usage_extra         token classes and pieces that have no column of their own, by their names in ingest/usage.py
--   logged_at           when the broker appended the record of this version to llm.costs: the same after a replay
--   time_flag           'late': started more than 35 days before that; 'ahead': more than 5 minutes after it
--
-- Rows from before this migration: the first try; in time (their append time is not known, and is taken as their start, so
-- that they count as usage of their own month); usage unless the reason for having no price says otherwise.
ALTER TABLE calls_raw
    ADD COLUMN IF NOT EXISTS attempt UInt32 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS request_bytes UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS hold_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS provider_cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS budget_windows Array(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS has_usage Bool DEFAULT unpriced_because != 'the provider reported no usage',
    ADD COLUMN IF NOT EXISTS usage_extra Map(String, UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS logged_at DateTime64(3, 'UTC') DEFAULT toDateTime64(started_at, 3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS time_flag LowCardinality(String);
