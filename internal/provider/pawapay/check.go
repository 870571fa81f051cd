package pawapay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Check implements provider.Client: it reads the account's active
// configuration, which tells countries, currencies and decimals, and its wallets.
func (c *client) Check(ctx context.Context) (string, error) {
	conf, err := c.activeConf(ctx)
	if err != nil {
		return "", err
	}
	var countries []string
	finer := map[string]bool{}
	for _, country := range conf.Countries {
		countries = append(countries, fmt.Sprintf("%s (%s)", clip(string(country.Country)), strings.Join(country.currencies(), ", ")))
		for currency := range country.finer(c) {
			finer[currency] = true
		}
	}
	sort.Strings(countries)
	line := fmt.Sprintf("%s: %s", clip(string(conf.CompanyName)), strings.Join(countries, ", "))
	if len(finer) > 0 {
		line += fmt.Sprintf("; some networks move hundredths of %s: set decimals to 2 if payments carry them", strings.Join(sorted(finer), ", "))
	}
	for _, note := range conf.decimals(c.scale) {
		line += "; " + note
	}
	if len(c.callbacks.urls) > 0 && conf.Signatures.Callbacks == "false" {
		line += "; callback_url is given, but the account's callbacks are not signed, so none will be believed: switch signed callbacks on in pawaPay's dashboard"
	}
	line += "; " + c.balances(ctx)
	if c.callbackURL == "" && c.version.statements() {
		line += "; no statement_callback_url: transactions that the merchant does not know can't be found"
	}
	return line, nil
}

func (c *client) activeConf(ctx context.Context) (activeConf, error) {
	var conf activeConf
	body, bad := c.get(ctx, c.version.prefix()+"/active-conf")
	if bad != nil {
		return conf, fmt.Errorf("read the active configuration: %w", bad)
	}
	if err := json.Unmarshal(body, &conf); err != nil || len(conf.Countries) == 0 {
		return conf, errors.New("read the active configuration: the answer names no countries; check base_url and api_version")
	}
	return conf, nil
}

// balances says what stands in the account's wallets now.
func (c *client) balances(ctx context.Context) string {
	wallets, err := c.wallets(ctx)
	if err != nil {
		return "the wallets' balances can't be read"
	}
	var said []string
	for _, w := range wallets {
		balance, err := c.scale.Parse(w.Balance, w.Currency)
		if err != nil {
			said = append(said, clip(w.String())+" unreadable")
			continue
		}
		said = append(said, fmt.Sprintf("%s (%s)", balance.Human(), clip(strings.TrimRight(w.Country+" "+w.Provider, " "))))
	}
	return "in the wallets: " + strings.Join(said, ", ")
}

type activeConf struct {
	CompanyName text          `json:"companyName"`
	Countries   []confCountry `json:"countries"`
	Signatures  struct {
		Callbacks text `json:"signedCallbacks"`
	} `json:"signatureConfiguration"`
}

type confCountry struct {
	Country   text `json:"country"`
	Providers []struct {
		Currencies []confCurrency `json:"currencies"`
	} `json:"providers"`
	Correspondents []confCurrency `json:"correspondents"` // the first API's
}

type confCurrency struct {
	Currency text `json:"currency"`
	// OperationTypes comes as an object, as a list, and as a list of both.
	OperationTypes json.RawMessage `json:"operationTypes"`
}

func (c confCountry) all() []confCurrency {
	all := c.Correspondents
	for _, p := range c.Providers {
		all = append(all, p.Currencies...)
	}
	return all
}

func (c confCountry) currencies() []string {
	set := map[string]bool{}
	for _, cur := range c.all() {
		set[clip(string(cur.Currency))] = true
	}
	return sorted(set)
}

// finer names the currencies of which a network moves finer fractions than
// tieout is configured to hold.
func (c confCountry) finer(cl *client) map[string]bool {
	out := map[string]bool{}
	for _, cur := range c.all() {
		exp, known := cl.scale.Exponent(string(cur.Currency))
		if known && exp < 2 && bytes.Contains(cur.OperationTypes, []byte(`"TWO_PLACES"`)) {
			out[string(cur.Currency)] = true
		}
	}
	return out
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}
