-- Calls as the application meant them: the first tries alone, where `calls` counts every try. Every row from before attempts
-- were recorded is a first try (010), so that the sums of old hours are right without being computed again.
ALTER TABLE spend_by_team_hour
    ADD COLUMN IF NOT EXISTS logical_calls UInt64 DEFAULT calls CODEC(T64, ZSTD(1));
