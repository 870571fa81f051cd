-- Takes the rows of incoming_rows over ($1 provider, $2 SHA-256 of the file or of
-- the API's answer, $3 the run that asked the API; null: a file). A later word on
-- a row counts, but for one that is older in what it says: still open where we
-- know the end. What a file has shown stays a file's.
WITH merged AS (
    INSERT INTO tieout.statement_rows AS old (provider, identity, sha256, source, run_id, n, entry, provider_payment_id, reference, kind, currency, exp, amount,
        fee, tax, status, raw_status, account, created_at, completed_at, at, wallet, word, direction, reserved, settled_at)
    SELECT $1, base || '-' || coalesce(nth, row_number() OVER (PARTITION BY base ORDER BY n)), $2, CASE WHEN $3::text IS NULL THEN 'file' ELSE 'api' END, $3::text,
        n, entry, provider_payment_id, reference, kind, currency, exp, amount,
        fee, tax, status, raw_status, account, created_at, completed_at, at, wallet, word, direction, reserved, settled_at
    FROM incoming_rows ORDER BY n
    ON CONFLICT (provider, identity) DO UPDATE SET sha256 = excluded.sha256, n = excluded.n, exp = excluded.exp, amount = excluded.amount,
        source = CASE WHEN old.source = 'file' THEN 'file' ELSE excluded.source END, run_id = coalesce(excluded.run_id, old.run_id),
        fee = coalesce(excluded.fee, old.fee), tax = coalesce(excluded.tax, old.tax), status = excluded.status,
        raw_status = coalesce(excluded.raw_status, old.raw_status), account = coalesce(excluded.account, old.account),
        completed_at = coalesce(excluded.completed_at, old.completed_at), at = coalesce(excluded.completed_at, old.completed_at, excluded.at),
        wallet = coalesce(excluded.wallet, old.wallet), word = coalesce(excluded.word, old.word), direction = excluded.direction, reserved = excluded.reserved,
        settled_at = coalesce(excluded.settled_at, old.settled_at)
    WHERE (old.exp, old.amount, old.fee, old.tax, old.status, old.completed_at, old.wallet, old.settled_at) IS DISTINCT FROM
        (excluded.exp, excluded.amount, coalesce(excluded.fee, old.fee), coalesce(excluded.tax, old.tax), excluded.status,
         coalesce(excluded.completed_at, old.completed_at), coalesce(excluded.wallet, old.wallet), coalesce(excluded.settled_at, old.settled_at))
      AND NOT (excluded.status IN ('created', 'pending') AND old.status NOT IN ('created', 'pending'))
    RETURNING xmax = 0 AS fresh
)
SELECT count(*) FILTER (WHERE fresh) AS fresh, count(*) FILTER (WHERE NOT fresh) AS changed FROM merged
