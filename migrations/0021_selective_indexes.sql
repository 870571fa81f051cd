-- +goose Up

-- Provider and kind stand last. In front, they alone made any of these indexes
-- look as good as the right one wherever the statistics had not seen a provider
-- yet, and one lookup read all of its transactions.
ALTER TABLE tieout.transactions DROP CONSTRAINT transactions_provider_kind_key_key;
ALTER TABLE tieout.transactions ADD CONSTRAINT transactions_key UNIQUE (key, provider, kind);

DROP INDEX tieout.transactions_list_key;
CREATE UNIQUE INDEX transactions_list_key ON tieout.transactions (list_key, provider, kind) WHERE list_key IS NOT NULL;

DROP INDEX tieout.transactions_provider_payment_id;
CREATE INDEX transactions_provider_payment_id ON tieout.transactions (provider_payment_id, provider, kind);

DROP INDEX tieout.transactions_own_id;
CREATE INDEX transactions_own_id ON tieout.transactions (own_id, provider, kind) WHERE own_id IS NOT NULL;

DROP INDEX tieout.transactions_reference;
CREATE INDEX transactions_reference ON tieout.transactions (reference, provider, kind) WHERE reference IS NOT NULL;

DROP INDEX tieout.payments_reference;
CREATE INDEX payments_reference ON tieout.payments (reference, provider, kind);
DROP INDEX tieout.payments_provider_payment_id;
CREATE INDEX payments_provider_payment_id ON tieout.payments (provider_payment_id, provider, kind);
