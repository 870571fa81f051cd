-- +goose Up

-- Whether a payment that asked for its method to be saved left a token.
CREATE TABLE tieout.saved_methods (
    provider   text NOT NULL,
    payment_id text NOT NULL,
    present    boolean NOT NULL,
    checkable  boolean NOT NULL,
    reason     text NOT NULL,
    checked_at timestamptz NOT NULL,
    run_id     text NOT NULL,
    PRIMARY KEY (provider, payment_id)
);
