-- +goose Up

-- What retention has removed, and how far it has looked.
ALTER TABLE tieout.report_files ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN tieout.report_files.removed_at IS 'when retention removed its bytes; name, digest and size stay, and so does manifest.json';

ALTER TABLE tieout.runs ADD COLUMN files_pruned_at timestamptz, ADD COLUMN rows_pruned_at timestamptz;
COMMENT ON COLUMN tieout.runs.files_pruned_at IS 'when the files of a replaced version were gone, from Postgres and from their folder';
COMMENT ON COLUMN tieout.runs.rows_pruned_at IS 'when the working rows of a run that published nothing were gone';

-- Each observation is judged once, when it has become old enough.
CREATE TABLE tieout.retention_marks (
    what    text PRIMARY KEY,
    last_id bigint NOT NULL
);
COMMENT ON COLUMN tieout.retention_marks.last_id IS 'up to this id everything was looked at';

-- Answers about no single payment (lists) are looked for by what they said.
CREATE INDEX observations_lists ON tieout.observations (provider, kind, digest) WHERE payment_id IS NULL;
