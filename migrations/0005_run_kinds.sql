-- +goose Up

-- A whole run is gone on with by the next whole run of its range; steps that
-- were run alone are gone on with by steps.
ALTER TABLE tieout.runs ADD COLUMN whole boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN tieout.runs.status IS 'running, published, polled, failed or abandoned';
