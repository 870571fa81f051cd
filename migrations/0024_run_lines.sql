-- +goose Up

-- What was observed before the configured decimals of a currency changed stands
-- in a line of its own: the figures of one line have one scale.
ALTER TABLE tieout.run_lines DROP CONSTRAINT run_lines_pkey;
ALTER TABLE tieout.run_lines ADD PRIMARY KEY (run_id, business_date, provider, kind, currency, exp);
