-- +goose Up

-- What the provider named where references or recipients differ, as a digest:
-- who closes such an exception has seen this one, not the next.
ALTER TABLE tieout.run_exceptions ADD COLUMN provider_named text;
ALTER TABLE tieout.exceptions ADD COLUMN provider_named text;
