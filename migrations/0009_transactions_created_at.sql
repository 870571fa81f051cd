-- +goose Up

-- With provider and kind in front, the index by time looked as good as those by
-- id and reference to a planner that had no statistics yet, and every lookup
-- read all transactions of a provider.
DROP INDEX tieout.transactions_created_at;
CREATE INDEX transactions_created_at ON tieout.transactions (created_at);
