-- +goose Up

-- What a person who closes an exception has seen: a refund that grows opens it again.
ALTER TABLE tieout.run_exceptions ADD COLUMN provider_refunded bigint;
ALTER TABLE tieout.exceptions ADD COLUMN provider_refunded numeric;
