package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every mistake names its key and line, and never a value from outside.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const ok = "providers: [{ name: a, type: pawapay, credentials: { token: x } }]\n"
	one := func(rest string) string {
		return "providers:\n  - { name: a, type: pawapay, credentials: { token: x }, " + rest + " }\n"
	}
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":                   {ok + "timezon: UTC", "2: timezon: unknown key; the nearest known one is timezone"},
		"unknown key inside":            {ok + "matching:\n  gracee: 1m", "3: matching.gracee: unknown key; the nearest known one is grace"},
		"unknown key of a provider":     {one("ratelimit: 5"), "2: providers[0].ratelimit: unknown key; the nearest known one is rate_limit"},
		"merge key":                     {ok + "x: &x {a: 1}\nmatching: { <<: *x }", "3: matching.<<: unknown key; the nearest known one is grace"},
		"a key twice":                   {ok + "timezone: UTC\ntimezone: UTC", "3: timezone: stands twice, first on line 2"},
		"a key that is a list":          {ok + "? [a, b]\n: c", "2: a key must be plain text"},
		"a list for a mapping":          {ok + "matching: [1]", "2: matching: must be a mapping of keys to values"},
		"a text for a mapping":          {ok + "ledger: here", "2: ledger: must be a mapping of keys to values"},
		"a mapping for a list":          {"providers: { name: a }", "1: providers: must be a list"},
		"a list for a text":             {ok + "timezone: [UTC]", "2: timezone: must be one value, not a list or a mapping"},
		"a text for a number":           {one("rate_limit: fast"), "2: providers[0].rate_limit: must be a whole number from 1 to 10000"},
		"no requests at all":            {one("rate_limit: 0"), "2: providers[0].rate_limit: must be a whole number from 1 to 10000"},
		"half a worker":                 {one("concurrency: 1.5"), "2: providers[0].concurrency: must be a whole number from 1 to 1000"},
		"a number without a unit":       {ok + "matching: { grace: 15 }", "2: matching.grace: must be a duration such as 90s, 15m, 72h or 30d"},
		"no reporting currency":         {ok + "reports: { currency: { code: SHS, rates: r.csv } }", "2: reports.currency.code: must be an ISO 4217 currency code such as KES"},
		"a currency without rates":      {ok + "reports: { currency: { code: KES } }", "2: reports.currency.rates: is needed with reports.currency.code: a CSV with the columns date, currency, rate"},
		"yes for true":                  {ok + "reports: { mask: yes }", "2: reports.mask: must be true or false"},
		"a tag":                         {ok + "timezone: !secret UTC", "2: timezone: has a YAML tag; a text that begins with ! needs quotes"},
		"the file is a list":            {"- a", "1: must be a mapping of keys to values"},
		"no YAML":                       {"providers: [", "1: is no YAML: did not find expected node content"},
		"two documents":                 {ok + "---\n" + ok, "2: a second YAML document begins; one is allowed"},
		"unset variable":                {"providers:\n  - name: a\n    type: pawapay\n    credentials:\n      token: ${NO_SUCH}", "5: providers[0].credentials.token: environment variable NO_SUCH is not set"},
		"empty variable":                {"providers: [{ name: a, type: pawapay, credentials: { token: \"${EMPTY}\" } }]", "1: providers[0].credentials.token: is missing or empty; type pawapay needs it"},
		"variable with a zero byte":     {"providers: [{ name: a, type: pawapay, credentials: { token: \"${ZERO}\" } }]", "1: providers[0].credentials.token: environment variable ZERO holds a zero byte"},
		"secret of two lines":           {"providers: [{ name: a, type: pawapay, credentials: { token: \"${LINES}\" } }]", "1: providers[0].credentials.token: has a line break inside"},
		"missing file":                  {"providers: [{ name: a, type: pawapay, credentials: { token: \"${file:/no/such}\" } }]", "1: providers[0].credentials.token: file /no/such cannot be read: no such file or directory"},
		"a default for a variable":      {ok + "timezone: ${TZ:-UTC}", "2: timezone: has a ${…} that is neither ${VARIABLE} nor ${file:/path}; $${ stands for ${ itself"},
		"an open variable":              {ok + "timezone: ${TZ", "2: timezone: has ${ without }"},
		"no providers":                  {"timezone: UTC", "providers: at least one provider is needed"},
		"an empty file":                 {"", "providers: at least one provider is needed"},
		"a name with capitals":          {"providers: [{ name: PawaPay, type: pawapay, credentials: { token: x } }]", "1: providers[0].name: must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first, 63 at most"},
		"a name that climbs":            {"providers: [{ name: ../x, type: pawapay, credentials: { token: x } }]", "1: providers[0].name: must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first, 63 at most"},
		"a name twice":                  {"providers:\n- { name: a, type: pawapay, credentials: { token: x } }\n- { name: a, type: pawapay, credentials: { token: x } }", "3: providers[1].name: a is the name of providers[0] too"},
		"no type":                       {"providers: [{ name: a }]", "1: providers[0].type: is missing; it is one of pawapay, pesaswap, pesaway, pivot"},
		"unknown type":                  {"providers: [{ name: a, type: pawpay }]", "1: providers[0].type: pawpay is not known; the nearest known one is pawapay"},
		"missing credential":            {"providers: [{ name: a, type: pivot, credentials: { client_id: x } }]", "1: providers[0].credentials.client_secret: is missing or empty; type pivot needs it"},
		"unknown credential":            {"providers: [{ name: a, type: pawapay, credentials: { token: x, signingkey: y } }]", "1: providers[0].credentials.signingkey: type pawapay has no such credential; the nearest known one is signing_key"},
		"unknown option":                {one("options: { apiversion: 1 }"), "2: providers[0].options.apiversion: type pawapay has no such option; the nearest known one is api_version"},
		"an option where there is none": {"providers: [{ name: a, type: pesaswap, credentials: { api_key: x }, options: { region: ke } }]", "1: providers[0].options.region: type pesaswap has no such option; it has none"},
		"http to the world":             {one("base_url: 'http://api.pawapay.io'"), "2: providers[0].base_url: must be https; http is for this machine alone"},
		"http to a look-alike":          {one("base_url: 'http://localhost.evil.example'"), "2: providers[0].base_url: must be https; http is for this machine alone"},
		"no URL":                        {one("base_url: api.pawapay.io"), "2: providers[0].base_url: must be a URL such as https://api.example.com"},
		"a password in the URL":         {one("base_url: 'https://me:pw@api.pawapay.io'"), "2: providers[0].base_url: must hold no user, query or fragment"},
		"callback over http":            {one("statement_callback_url: 'http://x.example'"), "2: providers[0].statement_callback_url: must be an https address"},
		"callback elsewhere":            {"providers: [{ name: a, type: pesaswap, credentials: { api_key: x }, statement_callback_url: 'https://x.example' }]", "1: providers[0].statement_callback_url: type pesaswap asks for no statements this way"},
		"two callbacks":                 {one("statement_callback_url: 'https://x.example', options: { statement_callback_url: 'https://y.example' }"), "2: providers[0].statement_callback_url: differs from options.statement_callback_url"},
		"a rule of spelling":            {one("normalize_references: [case, zeros]"), "2: providers[0].normalize_references[1]: must be one of case, spaces, dashes, leading_zeros"},
		"a rule of spelling twice":      {one("normalize_references: [case, case]"), "2: providers[0].normalize_references[1]: stands twice"},
		"decimals of no currency":       {one("decimals: { UGS: 2 }"), "2: providers[0].decimals.UGS: UGS is not a currency of ISO 4217"},
		"too many decimals":             {one("decimals: { UGX: 9 }"), "2: providers[0].decimals.UGX: must be a whole number from 0 to 6"},
		"decimals left out":             {one("decimals: { UGX: }"), "2: providers[0].decimals.UGX: must be a whole number from 0 to 6"},
		"no time for a call":            {one("timeout: 1h"), "2: providers[0].timeout: must be more than zero and at most 10m"},
		"unknown statement column":      {one("statement_columns: { amonut: Paid }"), "2: providers[0].statement_columns.amonut: unknown column; the nearest known one is amount"},
		"a decimal mark":                {one("statement_decimal: ;"), `2: providers[0].statement_decimal: must be "." or ","`},
		"an order of dates":             {one("statement_dates: year"), "2: providers[0].statement_dates: must be day/month/year or month/day/year"},
		"one header for two columns":    {one("statement_columns: { amount: Paid, fee: Paid }"), "2: providers[0].statement_columns.fee: is the same column as amount"},
		"a column without a header":     {one("statement_columns: { amount: '' }"), "2: providers[0].statement_columns.amount: must be the header of a column of the provider's file"},
		"unknown zone":                  {ok + "timezone: Africa/Nairoby", "2: timezone: Africa/Nairoby is not known; it must be a name such as Africa/Nairobi or UTC"},
		"the machine's zone":            {ok + "timezone: Local", "2: timezone: must be a name such as Africa/Nairobi or UTC"},
		"a database that is none":       {ok + "database: { url: 'mysql://u:hunter2@h/d' }", "2: database.url: must be a URL: postgres://user:password@host:5432/database?sslmode=require"},
		"a ledger without a query":      {ok + "ledger: { url: 'postgres://h/d' }", "2: ledger.query: is needed with ledger.url: a SELECT with the columns of payments"},
		"a query without a range":       {ok + "ledger: { query: 'SELECT * FROM p WHERE a::from > :to' }", "2: ledger.query: must use :from and :to, the first instant of the range and the first after it"},
		"a query that writes":           {ok + "ledger: { query: 'DELETE FROM p' }", "2: ledger.query: must be one SELECT"},
		"two queries":                   {ok + "ledger: { query: 'SELECT :from, :to; DROP TABLE p' }", "2: ledger.query: must be one statement"},
		"an unknown parameter":          {ok + "ledger: { writeback: 'UPDATE p SET s = :status WHERE i = :payment_ids' }", "2: ledger.writeback: there is no parameter :payment_ids; the nearest known one is :payment_id, and there are :payment_id, :status, :provider_status, :provider_payment_id, :provider_reference, :network_reference, :failure_code, :failure_message, :amount, :currency, :completed_at, :decided_at, :run_id, :held"},
		"a write-back without a status": {ok + "ledger: { writeback: 'UPDATE p SET s = 1 WHERE i = :payment_id' }", "2: ledger.writeback: must use :payment_id and :status"},
		"a write-back of anything":      {ok + "ledger:\n  writeback: |\n    UPDATE p SET s = ':status' -- :status\n    WHERE i = :payment_id", "3: ledger.writeback: must use :payment_id and :status"},
		"a write-back that deletes":     {ok + "ledger: { writeback: 'DELETE FROM p WHERE i = :payment_id AND s = :status' }", "2: ledger.writeback: must be one UPDATE, INSERT or MERGE, or a SELECT of a function that writes"},
		"two write-backs":               {ok + "ledger: { writeback: 'UPDATE p SET s = :status WHERE i = :payment_id; DROP TABLE p' }", "2: ledger.writeback: must be one statement"},
		"numbered parameters":           {ok + "ledger: { writeback: 'UPDATE p SET s = $1 WHERE i = $2' }", "2: ledger.writeback: must use named parameters such as :payment_id, not numbered ones"},
		"a write-back that is open":     {ok + "ledger: { writeback: \"UPDATE p SET s = :status WHERE i = :payment_id AND t = 'x\" }", "2: ledger.writeback: has a quote or a comment without an end"},
		"an empty batch key":            {ok + "matching: { batch_keys: [' '] }", "2: matching.batch_keys[0]: must be the name of a metadata key, of 80 characters at most"},
		"a rule for everything":         {ok + "matching:\n  rules:\n    - { grace: 1h }", "4: matching.rules[0]: needs a provider, a kind or a currency"},
		"a rule that changes nothing":   {ok + "matching: { rules: [{ kind: payout, grace: }] }", "2: matching.rules[0]: changes nothing: it needs grace, stale_after, stale_after_needs_action or amount_tolerance"},
		"a rule of nobody":              {ok + "matching: { rules: [{ provider: b, grace: 1h }] }", "2: matching.rules[0].provider: b is not a configured provider"},
		"a rule of no kind":             {ok + "matching: { rules: [{ kind: refund, grace: 1h }] }", "2: matching.rules[0].kind: must be payout or deposit"},
		"a rule of no currency":         {ok + "matching: { rules: [{ currency: KSH, amount_tolerance: '1' }] }", "2: matching.rules[0].currency: KSH is not a currency of ISO 4217"},
		"a rule twice":                  {ok + "matching:\n  rules:\n    - { kind: payout, grace: 1h }\n    - { provider: a, grace: 1h }\n    - { kind: payout, grace: 2h }", "6: matching.rules[2]: is for the same provider, kind and currency as matching.rules[0]"},
		"a rule that is stale at once":  {ok + "matching: { rules: [{ kind: payout, stale_after: 0s }] }", "2: matching.rules[0].stale_after: must be more than zero"},
		"a rule that can't wait":        {ok + "matching: { rules: [{ kind: payout, stale_after_needs_action: 0s }] }", "2: matching.rules[0].stale_after_needs_action: must be more than zero"},
		"a rule with half a duration":   {ok + "matching: { rules: [{ kind: payout, grace: 15 }] }", "2: matching.rules[0].grace: must be a duration such as 90s, 15m, 72h or 30d"},
		"a rule with an unknown key":    {ok + "matching: { rules: [{ kind: payout, stale_afer: 1h }] }", "2: matching.rules[0].stale_afer: unknown key; the nearest known one is stale_after"},
		"a rule that is too fine":       {ok + "matching: { rules: [{ currency: UGX, amount_tolerance: '0.5' }] }", "2: matching.rules[0].amount_tolerance: must be a decimal number with at most 0 decimals"},
		"a rule too fine for some":      {ok + "matching: { rules: [{ kind: payout, amount_tolerance: '0.5' }] }", "2: matching.rules[0].amount_tolerance: has decimals that not every currency has: name the rule's currency"},
		"a rule below nothing":          {ok + "matching: { rules: [{ kind: payout, amount_tolerance: '-1' }] }", "2: matching.rules[0].amount_tolerance: must not be negative"},
		"no lookback":                   {ok + "ledger: { lookback: 0s }", "2: ledger.lookback: must be more than zero"},
		"never stale":                   {ok + "matching: { stale_after: { payout: 0s } }", "2: matching.stale_after.payout: must be more than zero"},
		"an empty metadata key":         {ok + "matching: { metadata_keys: [''] }", "2: matching.metadata_keys[0]: must be the name of a metadata key, of 80 characters at most"},
		"a metadata key twice":          {ok + "matching: { metadata_keys: [a, b, a] }", "2: matching.metadata_keys[2]: stands twice"},
		"tolerance of no currency":      {ok + "matching: { amount_tolerance: { KSH: '1' } }", "2: matching.amount_tolerance.KSH: KSH is neither a currency of ISO 4217 nor default"},
		"tolerance too fine":            {ok + "matching: { amount_tolerance: { UGX: '0.5' } }", "2: matching.amount_tolerance.UGX: must be a decimal number with at most 0 decimals"},
		"negative tolerance":            {ok + "matching: { amount_tolerance: { default: '-1' } }", "2: matching.amount_tolerance.default: must not be negative"},
		"a ladder that goes down":       {ok + "polling:\n  pending_ladder:\n    - { age: 2h, every: 1m }\n    - { age: 1h, every: 5m }", "5: polling.pending_ladder[1].age: must be greater than that of the rung before, and than zero"},
		"a rung without a step":         {ok + "polling: { unknown_ladder: [{ age: 2h }] }", "2: polling.unknown_ladder[0].every: must be more than zero"},
		"no ladder":                     {ok + "polling: { unknown_ladder: [] }", "2: polling.unknown_ladder: needs at least one rung"},
		"fee of nobody":                 {ok + "fees: [{ provider: b, kind: deposit, percent: 1, currency: ZMW }]", "2: fees[0].provider: b is not a configured provider"},
		"fee of no kind":                {ok + "fees: [{ provider: a, kind: refund, percent: 1, currency: ZMW }]", "2: fees[0].kind: must be payout or deposit"},
		"fee of no currency":            {ok + "fees: [{ provider: a, kind: deposit, percent: 1 }]", "2: fees[0].currency: (nothing) is not a currency of ISO 4217"},
		"a fee in scientific notation":  {ok + "fees: [{ provider: a, kind: deposit, percent: 1e1, currency: ZMW }]", "2: fees[0].percent: must be a decimal number from 0 to 100, with at most 6 decimals"},
		"a fee above everything":        {ok + "fees: [{ provider: a, kind: deposit, percent: 100.01, currency: ZMW }]", "2: fees[0].percent: must be a decimal number from 0 to 100, with at most 6 decimals"},
		"a fee too fine":                {ok + "fees: [{ provider: a, kind: deposit, fixed: '0.001', currency: ZMW }]", "2: fees[0].fixed: must be a decimal number with at most 2 decimals"},
		"a fee of nothing":              {ok + "fees: [{ provider: a, kind: deposit, currency: ZMW }]", "2: fees[0]: needs percent, fixed or both"},
		"a fee twice":                   {ok + "fees:\n- { provider: a, kind: deposit, percent: 1, currency: ZMW }\n- { provider: a, kind: deposit, percent: 2, currency: ZMW }", "4: fees[1]: is for the same provider, kind and currency as fees[0]"},
		"severity upside down":          {ok + "severity: { critical: { default: '1' }, high: { default: '2' } }", "2: severity.critical.default: is less than severity.high.default"},
		"severity for the rest":         {ok + "severity: { critical: { KES: '900' } }", "2: severity.critical.default: is missing: the amount for currencies that are not named"},
		"a job that is none":            {ok + "schedules: [{ name: x, cron: '0 6 * * *', job: rum, range: today }]", "2: schedules[0].job: must be one of run, pull, poll, match, settle, report"},
		"a range that is none":          {ok + "schedules: [{ name: x, cron: '0 6 * * *', job: run, range: last_0_days }]", "2: schedules[0].range: must be today, yesterday, last_N_days, month_to_date, last_month or outstanding"},
		"a schedule twice":              {ok + "schedules:\n- { name: x, cron: '0 6 * * *', job: run, range: today }\n- { name: x, cron: '0 7 * * *', job: run, range: today }", "4: schedules[1].name: x is the name of schedules[0] too"},
		"a zone and no schedule":        {ok + "schedules: [{ name: x, cron: 'TZ=UTC', job: run, range: today }]", "2: schedules[0].cron: a time zone must be followed by a schedule"},
		"a time that never comes":       {ok + "schedules: [{ name: x, cron: '0 0 30 2 *', job: run, range: today }]", "2: schedules[0].cron: names a time that never comes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tc.text)
			cfg, err := Load(path, specs, environment)
			var wrong *Error
			if !errors.As(err, &wrong) || cfg != nil {
				t.Fatalf("got %v, want an Error", err)
			}
			prefix := path + ":"
			if tc.want[0] < '0' || tc.want[0] > '9' { // no line
				prefix += " "
			}
			found := false
			for line := range strings.Lines(err.Error()) {
				found = found || strings.TrimSuffix(line, "\n") == prefix+tc.want
			}
			if !found {
				t.Errorf("got\n%s\nwant\n%s%s", err, prefix, tc.want)
			}
			for _, hidden := range []string{secret, "hunter2"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("shows a secret: %v", err)
				}
			}
		})
	}
}

func TestABadCronExpressionIsExplained(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, "schedules: [{ name: x, cron: '61 * * * *', job: run, range: today }]"), specs, environment)
	if err == nil || !strings.Contains(err.Error(), "schedules[0].cron: is no cron expression") {
		t.Errorf("got %v", err)
	}
}

func TestAllMistakesAreListedInTheOrderOfTheirLines(t *testing.T) {
	t.Parallel()
	path := write(t, `timezone: Mars
providers:
  - name: A
    type: pawapay
    base_url: http://api.example.com
    credentials: { token: "${NO_SUCH}" }
matching:
  grace: soon
fees:
  - { provider: x, kind: deposit, percent: "2,5", currency: ZMW }
`)
	_, err := Load(path, specs, environment)
	var wrong *Error
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want an Error", err)
	}
	var keys []string
	for _, p := range wrong.Problems {
		keys = append(keys, p.Key)
	}
	want := "timezone providers[0].name providers[0].base_url providers[0].credentials.token matching.grace fees[0].provider fees[0].percent"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(wrong.Problems) {
		t.Errorf("%d lines for %d problems", n, len(wrong.Problems))
	}
}

func TestAnAnchorThatMayBeASecretIsNotShown(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, "providers: [{ name: a, type: pawapay, credentials: { token: *hunter2 } }]"), specs, environment)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "begins with * needs quotes") {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "no such file: begin with a copy of tieout.example.yaml",
		dir:                             "is a directory",
	} {
		_, err := Load(path, specs, environment)
		var wrong *Error
		if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one problem with %q", err, want)
		}
	}
	huge := write(t, "timezone: UTC")
	if err := os.Truncate(huge, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(huge, specs, environment); err == nil || !strings.Contains(err.Error(), "is larger than") {
		t.Errorf("got %v for a huge file", err)
	}
}
