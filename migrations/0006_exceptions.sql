-- +goose Up

-- A change that a person makes touches several fields of an exception at once:
-- change_id holds them together, so that it can be undone as a whole.
CREATE SEQUENCE tieout.exception_changes;
ALTER TABLE tieout.exception_history ADD COLUMN change_id bigint, ADD COLUMN undoes bigint;
COMMENT ON COLUMN tieout.exception_history.change_id IS 'the change that a person made; null: a run made it';
COMMENT ON COLUMN tieout.exception_history.undoes IS 'the change_id that this change took back';
