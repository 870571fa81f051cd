-- +goose Up

-- By what a row that was set aside would have been found at its provider.
ALTER TABLE tieout.run_rejects ADD COLUMN provider_payment_id text, ADD COLUMN reference text;
