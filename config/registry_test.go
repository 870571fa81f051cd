package config

import (
	"os"
	"strings"
	"testing"

	"tieout/internal/provider/registry"
)

func TestTheExampleFitsTheProvidersOfThisBuild(t *testing.T) {
	t.Parallel()
	if _, err := Load("tieout.example.yaml", registry.Specs(), environment); err != nil {
		t.Fatal(err)
	}
}

func TestTheDocumentationNamesEverySetting(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, s := range registry.Specs() {
		for _, list := range [][]string{{s.Type}, s.Credentials, s.Options} {
			for _, name := range list {
				if !strings.Contains(page, "`"+name+"`") {
					t.Errorf("%s: %s is not explained", s.Type, name)
				}
			}
		}
	}
	r := &reader{}
	groups := []map[string]field{r.provider(&Provider{}), r.rung(&Rung{}), r.rule(&MatchingRule{})}
	for _, g := range groups {
		for key := range g {
			if !strings.Contains(page, "`"+key+"`") && !strings.Contains(page, key+" }") && !strings.Contains(page, "{ "+key) {
				t.Errorf("%s is not explained", key)
			}
		}
	}
}

func TestAnOptionThatItsTypeCannotUseIsAMistakeOfTheConfiguration(t *testing.T) {
	t.Parallel()
	const secret = "{ client_id: x, client_secret: y }"
	for entry, want := range map[string]string{
		`type: pawapay, credentials: { token: x }, options: { api_version: "3" }`:                      `options.api_version: must be "1" or "2"`,
		`type: pawapay, credentials: { token: x }, options: { statement_wait: 10 }`:                    "options.statement_wait: must be a duration such as 10s",
		`type: pawapay, credentials: { token: x, signing_key: k }`:                                     "credentials.signing_key: is of use only together with signing_key_id",
		`type: pesaswap, credentials: { api_key: x }, options: { force_sync_after: "5" }`:              "options.force_sync_after: must be a duration such as 30m",
		`type: pesaway, credentials: ` + secret + `, options: { region: xx }`:                          "options.region: must be ke, ug, tz, zm, gh or cm",
		`type: pesaway, credentials: ` + secret + `, options: { result_codes: "1032=paid" }`:           "options.result_codes: must be such as 1032=cancelled; the meaning is failed, cancelled, expired or rejected",
		`type: pivot, credentials: ` + secret + `, options: { per_page: "1000" }`:                      "options.per_page: must be a whole number from 1 to 100",
		`type: pivot, credentials: { client_id: x }, options: { submerchant_id: main, per_page: "0" }`: "options.submerchant_id: must be a uuid",
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			path := write(t, "providers:\n  - { name: a, "+entry+" }\n")
			_, err := Load(path, registry.Specs(), environment)
			if want := path + ":2: providers[0]." + want; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not tell %s", err, want)
			}
		})
	}
}
