-- +goose Up

-- The secret under which masked numbers get their letters: made once, so that
-- the same person looks the same in every run and file of this installation, and
-- unguessable, so that nobody can go back by trying all numbers. gen_random_uuid
-- draws from the system's strong source.
CREATE TABLE tieout.mask_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    key      bytea NOT NULL
);
INSERT INTO tieout.mask_key (key) VALUES (sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea));
