package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/payment"
)

// References says, by provider, which spellings of a reference count as the
// same. References of a provider that is not there are compared as they are.
type References map[string][]payment.ReferenceRule

// referenceSQL holds the SQL of each rule; no locale changes what it does.
var referenceSQL = map[payment.ReferenceRule]string{
	payment.IgnoreSpaces:       `regexp_replace(%s, '[ \t\n\r\f\v\u00A0\u200B\uFEFF]', '', 'g')`,
	payment.IgnoreDashes:       `translate(%s, '-_‐‑‒–—―−', '')`,
	payment.IgnoreCase:         `upper(%s COLLATE "C")`,
	payment.IgnoreLeadingZeros: `ltrim(%s, '0')`,
}

// providers returns the names of those whose references are normalised.
func (r References) providers() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if len(r[name]) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// key is the SQL expression of what is compared of a reference. One of which
// nothing would be left, as of 000, is compared as it is.
func (r References) key(provider, reference string) string {
	names := r.providers()
	if len(names) == 0 {
		return reference
	}
	var b strings.Builder
	b.WriteString("CASE " + provider)
	for _, name := range names {
		expr := reference
		for _, rule := range payment.ReferenceRules {
			if slices.Contains(r[name], rule) {
				expr = fmt.Sprintf(referenceSQL[rule], expr)
			}
		}
		fmt.Fprintf(&b, " WHEN %s THEN coalesce(nullif(%s, ''), %s)", pq.QuoteLiteral(name), expr, reference)
	}
	return b.String() + " ELSE " + reference + " END"
}

// define makes key callable as pg_temp.reference_key(provider, reference) for
// the rest of the transaction's statements, and pg_temp.id_key(id) for ids: a
// UUID means the same in either case, other ids do not. pg_temp.name_hash is a
// short stand-in for an id or reference of one provider and kind: equal names
// have equal hashes, and it is good for no more than that. pg_temp.ending is what
// a national number and the international one have in common; pg_temp.digest
// stands for a text that need not be kept. pg_temp.another_reference and
// pg_temp.another_account tell whether both sides name it and mean different ones.
func (r References) define(ctx context.Context, tx *sqlx.Tx) error {
	_, err := tx.ExecContext(ctx, `CREATE OR REPLACE FUNCTION pg_temp.reference_key(provider text, reference text) RETURNS text
			LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $key$ SELECT `+r.key("provider", "reference")+` $key$;
		CREATE OR REPLACE FUNCTION pg_temp.id_key(id text) RETURNS text
			LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $key$ SELECT CASE WHEN octet_length(id) = 36 THEN lower(id COLLATE "C") ELSE id END $key$;
		CREATE OR REPLACE FUNCTION pg_temp.name_hash(provider text, kind text, name text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
			AS $key$ SELECT hashtextextended(nullif(name, ''), hashtextextended(provider, hashtextextended(kind, 0))) $key$;
		CREATE OR REPLACE FUNCTION pg_temp.ending(digits text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
			AS $key$ SELECT CASE WHEN length(ltrim(digits, '0')) >= 8 THEN right(digits, 8) ELSE digits END $key$;
		CREATE OR REPLACE FUNCTION pg_temp.digest(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
			AS $key$ SELECT encode(sha256(convert_to(said, 'UTF8')), 'hex') $key$;
		CREATE OR REPLACE FUNCTION pg_temp.another_reference(provider text, ours text, our_id text, theirs text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
			AS $key$ SELECT coalesce(ours <> '' AND theirs <> '' AND theirs <> our_id
				AND pg_temp.reference_key(provider, theirs) <> pg_temp.reference_key(provider, ours), false) $key$;
		CREATE OR REPLACE FUNCTION pg_temp.another_account(ours text, theirs text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
			-- what the provider masks is not compared
			AS $key$ SELECT coalesce(theirs !~ '[*•xX#]' AND ours !~ '[*•#]' AND a <> '' AND b <> '' AND a <> b
				AND NOT (least(length(ltrim(a, '0')), length(ltrim(b, '0'))) >= 8
				         AND (a LIKE '%' || ltrim(b, '0') OR b LIKE '%' || ltrim(a, '0'))), false)
				FROM (SELECT regexp_replace(ours, '\D', '', 'g') AS a, regexp_replace(theirs, '\D', '', 'g') AS b) digits $key$`)
	return err
}
