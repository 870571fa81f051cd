-- +goose Up

-- One row a payment of each run, written and read by the run: that no payment
-- stands there twice is proven by the control totals. A key over ids in no order
-- cost more than all else in a match of a million payments.
ALTER TABLE tieout.run_results DROP CONSTRAINT run_results_pkey;
CREATE INDEX run_results_run_id ON tieout.run_results (run_id);
