package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/money"
	"tieout/internal/provider"
)

// specs are the types of the design, without their clients.
var specs = []provider.Spec{
	{
		Type: "pawapay", BaseURL: "https://api.pawapay.io", RateLimit: 50, Concurrency: 16,
		Credentials: []string{"token", "signing_key", "signing_key_id"}, Required: []string{"token"},
		Options: []string{"api_version", "statement_callback_url"},
	},
	{
		Type: "pesaswap", BaseURL: "https://api.pesaswap.io",
		Credentials: []string{"api_key", "profile_id"}, Required: []string{"api_key"},
	},
	{
		Type: "pesaway", BaseURL: "https://api.pesaway.com", RateLimit: 20, Concurrency: 8,
		Credentials: []string{"client_id", "client_secret"}, Required: []string{"client_id", "client_secret"},
		Options: []string{"region", "generation"},
	},
	{
		Type: "pivot", BaseURL: "https://api.pivot-payment.com",
		Credentials: []string{"client_id", "client_secret"}, Required: []string{"client_id", "client_secret"},
	},
}

const secret = "s3cr3t-value"

// environment has every variable that the examples name.
func environment(name string) (string, bool) {
	switch name {
	case "DATABASE_URL", "LEDGER_URL":
		return "postgres://tieout:" + secret + "@db.internal:5432/tieout?sslmode=require", true
	case "EMPTY":
		return "", true
	case "ZERO":
		return "a\x00b", true
	case "LINES":
		return "one\ntwo", true
	case "PAWAPAY_TOKEN", "PESASWAP_API_KEY", "PESAWAY_CLIENT_ID", "PESAWAY_CLIENT_SECRET", "PIVOT_CLIENT_ID", "PIVOT_CLIENT_SECRET":
		return secret, true
	case "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "SMTP_PASSWORD", "WEBHOOK_SECRET":
		return secret + secret, true
	case "WEBHOOK_URL":
		return "https://hooks.example.com/" + secret, true
	default:
		return "", false
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tieout.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Load(write(t, text), specs, environment)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The example of the design, as it stands there.
const design = `database:
  url: ${DATABASE_URL}          # empty: an embedded Postgres under ./.tieout
timezone: Africa/Nairobi        # business dates
ledger:                         # where payments come from; default: tieout's own table payments
  url: ${LEDGER_URL}            # another database is allowed, read only
  query: |                      # any SELECT with the columns of payments; gets :from and :to
    SELECT * FROM app.payments WHERE created_at >= :from AND created_at < :to
providers:
  - name: pawapay-zm
    type: pawapay
    base_url: https://api.sandbox.pawapay.io
    credentials: { token: "${PAWAPAY_TOKEN}" }
    rate_limit: 50              # requests a second, all workers together
    concurrency: 16
    timeout: 10s
matching:
  metadata_keys: [orderId]
  date_window: 72h
  grace: 15m
  stale_after: { deposit: 24h, payout: 72h, needs_action: 24h }
  amount_tolerance: { default: "0" }
polling:
  recheck_window: 720h          # completed payments younger than this are asked again, once a day
fees:                           # optional: what the contract says
  - { provider: pawapay-zm, kind: deposit, percent: "2.5", fixed: "0", currency: ZMW }
reports:
  dir: ./out
  mask: true                    # mask phone numbers, account numbers, customer ids
  mask_metadata: [customerName] # and these metadata keys
schedules:
  - { name: poll, cron: "*/15 * * * *", job: poll, range: last_3_days }
  - { name: daily, cron: "0 6 * * *", job: run, range: yesterday }
`

func TestTheDesignsExampleIsRead(t *testing.T) {
	t.Parallel()
	got := load(t, design)
	nairobi, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	url, _ := environment("DATABASE_URL")
	want := Default()
	want.Path, want.Digest = got.Path, got.Digest
	want.Database.URL, want.Ledger.URL = url, url
	want.Ledger.Query = "SELECT * FROM app.payments WHERE created_at >= :from AND created_at < :to\n"
	want.Timezone, want.Location = "Africa/Nairobi", nairobi
	want.Providers = []Provider{{
		Name: "pawapay-zm", Type: "pawapay", BaseURL: "https://api.sandbox.pawapay.io",
		Credentials: Secrets{"token": secret}, RateLimit: 50, Concurrency: 16, Timeout: 10 * time.Second,
	}}
	want.Matching.MetadataKeys = []string{"orderId"}
	want.Fees = []Fee{{Provider: "pawapay-zm", Kind: "deposit", Percent: "2.5", Fixed: "0", Currency: "ZMW"}}
	want.Reports.MaskMetadata = []string{"customerName"}
	want.Schedules = []Schedule{
		{Name: "poll", Cron: "*/15 * * * *", Job: "poll", Range: "last_3_days"},
		{Name: "daily", Cron: "0 6 * * *", Job: "run", Range: "yesterday"},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, sameZone); diff != "" {
		t.Errorf("read differently (-want +got):\n%s", diff)
	}
	if len(got.Digest) != 64 {
		t.Errorf("digest %q is no SHA-256", got.Digest)
	}
}

func TestTheExampleFileIsValid(t *testing.T) {
	t.Parallel()
	cfg, err := Load("tieout.example.yaml", specs, environment)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Providers) != len(specs) {
		t.Errorf("%d providers, want one of each type", len(cfg.Providers))
	}
	raw, err := os.ReadFile("tieout.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// What is commented out must be valid too. A comment of the file begins
	// with a capital letter or goes on from one; what is left is YAML.
	text := string(raw)
	for _, block := range [][2]string{
		{"  # url: ${LEDGER_URL} # another", "  url: ${LEDGER_URL} # another"},
		{"  # query: |\n  #   SELECT", "  query: |\n    SELECT"},
		{"\n  #          customer_id", "\n           customer_id"},
		{"\n  #   FROM", "\n    FROM"},
		{"\n  #   WHERE", "\n    WHERE"},
		{"\n  # writeback: |\n  #   UPDATE", "\n  writeback: |\n    UPDATE"},
		{"      # signing_key: ${file:/run/secrets/pawapay-key.pem}", "      signing_key: key"},
		{"      # signing_key_id", "      signing_key_id"},
		{"    # statement_callback_url", "    statement_callback_url"},
		{"    # decimals", "    decimals"},
		{"    # options: { api", "    options: { api"},
		{"    # options: { region", "    options: { region"},
		{"      # profile_id", "      profile_id"},
		{"    # statement_columns", "    statement_columns"},
		{"    # statement_decimal", "    statement_decimal"},
		{"    # statement_dates", "    statement_dates"},
		{"  # batch_keys", "  batch_keys"},
		{"  # rules", "  rules"},
		{"  # pending_ladder", "  pending_ladder"},
		{"  # unknown_ladder", "  unknown_ladder"},
		{"\n  #   - {", "\n    - {"},
		{"# severity", "severity"},
		{"#   critical", "  critical"},
		{"#   high", "  high"},
		{"# delivery", "delivery"},
		{"\n#   timeout", "\n  timeout"},
		{"\n#   give_up_after", "\n  give_up_after"},
		{"\n#   link_base", "\n  link_base"},
		{"\n#   targets", "\n  targets"},
		{"\n#     - name", "\n    - name"},
		{"\n#       ", "\n      "},
		{"# retention", "retention"},
		{"\n#   report_files", "\n  report_files"},
		{"\n#   observations", "\n  observations"},
		{"\n#   working_rows", "\n  working_rows"},
	} {
		if !strings.Contains(text, block[0]) {
			t.Errorf("the example has no %q", block[0])
		}
		text = strings.ReplaceAll(text, block[0], block[1])
	}
	full := load(t, text)
	defaults := Default()
	if diff := cmp.Diff(defaults.Polling, full.Polling); diff != "" {
		t.Errorf("the ladders shown are not the defaults:\n%s", diff)
	}
	if len(full.Matching.Rules) != 3 || full.Matching.BatchKeys == nil || full.Ledger.Writeback == "" {
		t.Errorf("not read: %+v, %q", full.Matching, full.Ledger.Writeback)
	}
	if len(full.Delivery.Targets) != 3 || full.Delivery.Timeout != defaults.Delivery.Timeout || full.Delivery.GiveUpAfter != defaults.Delivery.GiveUpAfter ||
		full.Delivery.LinkBase == "" || full.Retention.ReportFiles == 0 || full.Retention.Observations == 0 || full.Retention.WorkingRows == 0 {
		t.Errorf("not read: %+v, %+v", full.Delivery, full.Retention)
	}
	if full.Severity.CriticalAge != defaults.Severity.CriticalAge {
		t.Errorf("critical_age shown is not the default")
	}
}

func TestDefaultsComeFromTheType(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
providers:
  - { name: a, type: pawapay, credentials: { token: x }, statement_callback_url: "https://x.example/y" }
  - { name: b, type: pivot, credentials: { client_id: x, client_secret: 0123 } }
`)
	a, b := cfg.Providers[0], cfg.Providers[1]
	if a.BaseURL != "https://api.pawapay.io" || a.RateLimit != 50 || a.Concurrency != 16 || a.Timeout != 10*time.Second {
		t.Errorf("got %+v, want the type's defaults", a)
	}
	if a.Options["statement_callback_url"] != "https://x.example/y" {
		t.Errorf("the client does not get the callback URL: %v", a.Options)
	}
	if b.RateLimit != 10 || b.Concurrency != 8 {
		t.Errorf("got %+v, want the general defaults", b)
	}
	if b.Credentials["client_secret"] != "0123" {
		t.Errorf("a secret of digits lost its form: %q", b.Credentials["client_secret"])
	}
	if cfg.Timezone != "UTC" || !cfg.Database.Migrate || !cfg.Reports.Mask {
		t.Error("defaults are missing")
	}
}

func TestValuesFromOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("from-${FILE}\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"${PAWAPAY_TOKEN}":             secret,
		"a-${PAWAPAY_TOKEN}-${EMPTY}z": "a-" + secret + "-z",
		"${file:" + file + "}":         "from-${FILE}",
		"$${PAWAPAY_TOKEN}":            "${PAWAPAY_TOKEN}",
		"$PAWAPAY_TOKEN $1 100$":       "$PAWAPAY_TOKEN $1 100$",
		"*${PAWAPAY_TOKEN}":            "*" + secret,
	} {
		cfg := load(t, `providers: [{ name: a, type: pawapay, credentials: { token: '`+value+`' } }]`)
		if got := cfg.Providers[0].Credentials["token"]; got != want {
			t.Errorf("%s gives %q, want %q", value, got, want)
		}
	}
}

func TestAFileBesideTheConfigurationIsFound(t *testing.T) {
	t.Parallel()
	path := write(t, `providers: [{ name: a, type: pawapay, credentials: { token: "${file:token}" } }]`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "token"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, specs, environment)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Providers[0].Credentials["token"] != secret {
		t.Error("the file's content is not the token")
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	cfg := load(t, design)
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for how, text := range map[string]string{
		"%v": fmt.Sprintf("%v", *cfg), "%+v": fmt.Sprintf("%+v", *cfg), "%#v": fmt.Sprintf("%#v", *cfg),
		"pointer": fmt.Sprintf("%+v", cfg), "json": string(asJSON),
		"credentials": fmt.Sprintf("%q", cfg.Providers[0].Credentials), "database": fmt.Sprint(cfg.Database, cfg.Ledger),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret: %s", how, text)
		}
	}
	if !strings.Contains(string(asJSON), "db.internal") {
		t.Error("the database's place should be shown")
	}
}

func TestTheDigestIsOfWhatMattersAndNotOfSecrets(t *testing.T) {
	t.Parallel()
	base := load(t, design)
	other := func(old, fresh string) string {
		t.Helper()
		text := strings.Replace(design, old, fresh, 1)
		if text == design {
			t.Fatalf("the design's example has no %q", old)
		}
		return load(t, text).Digest
	}
	if other("${PAWAPAY_TOKEN}", "another") != base.Digest {
		t.Error("a credential changes the digest")
	}
	if other("url: ${DATABASE_URL} ", "url: postgres://me:pw@db.internal:5432/tieout") != base.Digest {
		t.Error("a database password changes the digest")
	}
	if other("dir: ./out", "dir: ./elsewhere") != base.Digest {
		t.Error("the place of the reports changes the digest")
	}
	seen := map[string]string{base.Digest: "nothing"}
	for old, fresh := range map[string]string{
		"grace: 15m": "grace: 16m", `percent: "2.5"`: `percent: "2.6"`, "Africa/Nairobi": "Africa/Lusaka",
		"app.payments": "app.other", `{ default: "0" }`: `{ default: "0", ZMW: "1" }`, "mask: true": "mask: false",
		"  grace: 15m\n": "  grace: 15m\n  rules: [{ kind: payout, grace: 1h }]\n", "  metadata_keys: [orderId]\n": "  metadata_keys: [orderId]\n  batch_keys: [b]\n",
		"  query: |": "  writeback: UPDATE p SET s = :status WHERE i = :payment_id\n  query: |",
	} {
		d := other(old, fresh)
		if what, taken := seen[d]; taken {
			t.Errorf("%s: the digest is that of %s", fresh, what)
		}
		seen[d] = fresh
	}
	again := base.Digest
	if err := base.Validate(specs); err != nil || base.Digest != again {
		t.Errorf("validating again gives %v and another digest", err)
	}
}

func TestAConfigurationMadeInCode(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Providers = []Provider{{
		Name: "demo", Type: "pawapay", BaseURL: "http://127.0.0.1:1234", Credentials: Secrets{"token": "x"}, Decimals: money.Scale{"UGX": 2},
	}}
	if err := cfg.Validate(specs); err != nil {
		t.Fatal(err)
	}
	if cfg.Location == nil || cfg.Digest == "" || cfg.Providers[0].RateLimit != 50 {
		t.Errorf("not filled in: %+v", cfg)
	}
	cfg.Providers[0].RateLimit = -1
	err := cfg.Validate(specs)
	var wrong *Error
	if !errors.As(err, &wrong) || err.Error() != "providers[0].rate_limit: must be a whole number from 1 to 10000" {
		t.Errorf("got %v", err)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	env := func(v string, ok bool) func(string) (string, bool) {
		return func(string) (string, bool) { return v, ok }
	}
	for _, tc := range []struct {
		flag string
		env  func(string) (string, bool)
		want string
	}{
		{"a.yaml", env("b.yaml", true), "a.yaml"},
		{"", env("b.yaml", true), "b.yaml"},
		{"", env("", true), "./tieout.yaml"},
		{"", env("", false), "./tieout.yaml"},
	} {
		if got := Path(tc.flag, tc.env); got != tc.want {
			t.Errorf("Path(%q) = %s, want %s", tc.flag, got, tc.want)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "30d": 30 * day, "1d12h": 36 * time.Hour, "0": 0, "0d": 0,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%s is %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "5", "-1h", "d", "1d-1h", "1.5d", "999999d", "1d1d", "3 days", "36600d9223372036854s", "1w"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(design)
	f.Add("providers: [{name: a, type: pawapay, credentials: {token: *x}}]")
	f.Add("a: &a [*a]")
	f.Add("schedules: [{cron: \"TZ=\"}, {cron: \"CRON_TZ=UTC\"}, {cron: \"@every 1h\"}]")
	f.Add("timezone: ${")
	f.Add("--- 1\n--- 2")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") {
			return // would read any file of the machine
		}
		cfg, err := Load(write(t, text), specs, environment)
		var wrong *Error
		if err != nil && (!errors.As(err, &wrong) || len(wrong.Problems) == 0 || cfg != nil) {
			t.Fatalf("got %T %v, want an Error with problems", err, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Fatalf("shows a secret: %v", err)
		}
		if err == nil && (cfg.Location == nil || cfg.Digest == "" || len(cfg.Providers) == 0) {
			t.Fatalf("incomplete: %+v", cfg)
		}
	})
}
