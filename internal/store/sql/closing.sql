-- Closed days against what a run ($1) knows. /*measures*/ are the figures of a
-- line, /*sums*/ the same added up by sign, /*nonzero*/ that one of these differs.

-- step: tables
CREATE TEMP TABLE items (LIKE tieout.closed_items) ON COMMIT DROP;
CREATE TEMP TABLE differs (LIKE tieout.run_adjustments) ON COMMIT DROP;
ALTER TABLE differs ADD COLUMN old_result text, ADD COLUMN old_outcome text, ADD COLUMN old_kinds text, ADD COLUMN resolved text;

-- step: items
-- what each payment and transaction of the days ($3) adds to the lines, and what it is
INSERT INTO items
SELECT 0, l.business_date, l.payment_id, l.transaction_id, l.provider, l.kind, l.currency, l.exp, /*measures*/, l.fee_known, l.tax_known,
       coalesce(s.result, ''), coalesce(s.outcome, ''), coalesce(s.kinds, ''), coalesce(s.provider_payment_id, ''), coalesce(s.reference, ''), '', '', '', ''
FROM (/*lines*/) l
LEFT JOIN (
    SELECT rr.payment_id, 0::bigint AS transaction_id, rr.result, rr.outcome, e.kinds, rr.provider_payment_id, rp.reference
    FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id)
    LEFT JOIN (SELECT payment_id, string_agg(kind, ', ' ORDER BY kind) AS kinds FROM tieout.run_exceptions
               WHERE run_id = $1 AND NOT orphan GROUP BY 1) e USING (payment_id)
    WHERE rr.run_id = $1
    UNION ALL
    SELECT '', transaction_id, 'exception', max(provider_status), string_agg(kind, ', ' ORDER BY kind), max(provider_payment_id), max(reference)
    FROM tieout.run_exceptions WHERE run_id = $1 AND orphan AND transaction_id IS NOT NULL GROUP BY 2
    UNION ALL
    SELECT '', t.id, 'exception', t.status, 'ambiguous_match', t.provider_payment_id, t.reference
    FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id WHERE rt.run_id = $1 AND rt.role = 'candidate'
) s ON s.payment_id = l.payment_id AND s.transaction_id = l.transaction_id
WHERE l.business_date = ANY ($3);

-- step: items, found fast
CREATE INDEX ON items (payment_id, transaction_id);
ANALYZE items;

-- step: differences
-- open = known now - closed - booked since. Of a payment that the run does not
-- know, what is known now is what the last run found that did.
WITH r AS (
    SELECT * FROM tieout.runs WHERE id = $1
), active AS (
    SELECT a.id, a.business_date, a.run_id,
           (SELECT min(b.business_date) + 1 FROM tieout.closed_days b WHERE b.reopened_at IS NULL AND b.business_date >= a.business_date
              AND NOT EXISTS (SELECT 1 FROM tieout.closed_days c WHERE c.reopened_at IS NULL AND c.business_date = b.business_date + 1)) AS next_open
    FROM tieout.closed_days a WHERE a.reopened_at IS NULL
), covered AS (
    SELECT a.id, a.business_date FROM active a, r WHERE NOT r.outstanding AND a.business_date BETWEEN r.from_date AND r.to_date
), mine AS (
    SELECT payment_id FROM tieout.run_payments WHERE run_id = $1 AND in_range
), signed AS (
    SELECT 1 AS sign, true AS seen, i.* FROM items i, r WHERE i.payment_id <> '' OR NOT r.outstanding
    UNION ALL
    SELECT -1, true, ci.* FROM covered c JOIN tieout.closed_items ci ON ci.closing_id = c.id AND ci.business_date = c.business_date, r
    WHERE ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds)
    UNION ALL
    -- payments that the run holds and that belonged elsewhere when their day was closed
    SELECT -1, true, ci.* FROM mine JOIN tieout.closed_items ci USING (payment_id) JOIN active a ON a.id = ci.closing_id AND a.business_date = ci.business_date, r
    WHERE NOT (ci.closing_id IN (SELECT id FROM covered) AND ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds))
    UNION ALL
    SELECT 1, false, cc.* FROM tieout.closed_changes cc JOIN active a ON a.id = cc.closing_id, r
    WHERE NOT (cc.closing_id IN (SELECT id FROM covered) AND cc.provider = ANY (r.providers) AND cc.kind = ANY (r.kinds))
      AND NOT EXISTS (SELECT 1 FROM mine WHERE mine.payment_id = cc.payment_id)
    UNION ALL
    SELECT -1, false, ci.* FROM tieout.closed_items ci JOIN active a ON a.id = ci.closing_id AND a.business_date <> ci.business_date
), d AS (
    SELECT business_date, payment_id, transaction_id, provider, kind, currency, exp, /*sums*/,
           bool_or(fee_known) AS fee_known, bool_or(tax_known) AS tax_known, bool_or(seen) AS seen,
           max(provider_payment_id) AS provider_payment_id, max(reference) AS reference
    FROM signed GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING /*nonzero*/
), placed AS (
    SELECT d.*, a.id AS closing_id, a.next_open,
           NOT r.outstanding AND d.provider = ANY (r.providers) AND d.kind = ANY (r.kinds)
           AND (d.business_date BETWEEN r.from_date AND r.to_date OR a.next_open BETWEEN r.from_date AND r.to_date) AS shown
    FROM d JOIN active a USING (business_date), r
)
INSERT INTO differs
SELECT $1, p.next_open, false, p.shown, p.seen, p.closing_id, p.business_date, p.payment_id, p.transaction_id, p.provider, p.kind, p.currency, p.exp,
       /*measures*/, p.fee_known, p.tax_known,
       coalesce(n.result, c.result, ''), coalesce(n.outcome, c.outcome, ''), coalesce(n.kinds, c.kinds, ''), p.provider_payment_id, p.reference, '', '', '', '',
       o.result, o.outcome, o.kinds,
       (/*closed by a person*/)
FROM placed p
LEFT JOIN LATERAL (SELECT i.result, i.outcome, i.kinds FROM items i
    WHERE p.seen AND i.business_date = p.business_date AND i.payment_id = p.payment_id AND i.transaction_id = p.transaction_id LIMIT 1) n ON true
LEFT JOIN LATERAL (SELECT cc.result, cc.outcome, cc.kinds FROM tieout.closed_changes cc
    WHERE NOT p.seen AND cc.closing_id = p.closing_id AND cc.payment_id = p.payment_id AND cc.transaction_id = p.transaction_id LIMIT 1) c ON true
-- what the books say last
LEFT JOIN LATERAL (SELECT ci.result, ci.outcome, ci.kinds, ru.settled_at FROM tieout.closed_items ci JOIN active a ON a.id = ci.closing_id
    JOIN tieout.runs ru ON ru.id = a.run_id
    WHERE ci.business_date = p.business_date AND ci.payment_id = p.payment_id AND ci.transaction_id = p.transaction_id ORDER BY ci.closing_id DESC LIMIT 1) o ON true
WHERE p.shown OR p.seen;

-- step: booked before
INSERT INTO tieout.run_adjustments
SELECT * FROM (
    SELECT $1 AS run_id, b.business_date AS booked_on, true AS frozen,
           NOT r.outstanding AND ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds)
           AND (ci.business_date BETWEEN r.from_date AND r.to_date OR b.business_date BETWEEN r.from_date AND r.to_date) AS shown,
           NOT r.outstanding AND ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds) AND ci.business_date BETWEEN r.from_date AND r.to_date
           OR EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.in_range AND rp.payment_id = ci.payment_id) AS seen,
           a.id AS closing_id, ci.business_date, ci.payment_id, ci.transaction_id, ci.provider, ci.kind, ci.currency, ci.exp, /*measures*/,
           ci.fee_known, ci.tax_known, ci.result, ci.outcome, ci.kinds, ci.provider_payment_id, ci.reference, ci.what, ci.before, ci.after, ci.why
    FROM tieout.closed_items ci
    JOIN tieout.closed_days b ON b.id = ci.closing_id AND b.business_date <> ci.business_date AND b.reopened_at IS NULL
    JOIN tieout.closed_days a ON a.business_date = ci.business_date AND a.reopened_at IS NULL, tieout.runs r
    WHERE r.id = $1
) x WHERE shown OR seen;

-- step: lines as they were closed
DELETE FROM tieout.run_lines l USING tieout.runs r, tieout.closed_days c
WHERE l.run_id = $1 AND r.id = $1 AND NOT r.outstanding AND c.business_date = l.business_date AND c.reopened_at IS NULL;
INSERT INTO tieout.run_lines (run_id, business_date, provider, kind, currency, exp, /*measures*/, fee_known, tax_known)
SELECT r.id, ci.business_date, ci.provider, ci.kind, ci.currency, ci.exp, /*totals*/, bool_or(ci.fee_known), bool_or(ci.tax_known)
FROM tieout.runs r JOIN tieout.closed_days c ON c.reopened_at IS NULL AND c.business_date BETWEEN r.from_date AND r.to_date
JOIN tieout.closed_items ci ON ci.closing_id = c.id AND ci.business_date = c.business_date AND ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds)
WHERE r.id = $1 AND NOT r.outstanding GROUP BY 1, 2, 3, 4, 5, 6;
