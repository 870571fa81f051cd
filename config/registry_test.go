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
