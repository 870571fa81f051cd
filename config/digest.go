package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
)

// digest is the SHA-256 of the effective configuration in one fixed form: JSON
// with sorted keys, credentials reduced to their names, database URLs to their
// places. Where the file lies and where reports go makes no difference to what
// a report says, so neither counts.
func (c *Config) digest() string {
	plain := struct {
		Timezone  string
		Database  string
		Ledger    Ledger
		Providers []Provider
		Matching  Matching
		Polling   Polling
		Fees      []Fee
		Severity  Severity
		Mask      bool
		MaskKeys  []string
		Currency  string
		Schedules []Schedule
	}{
		c.Timezone, place(c.Database.URL), c.Ledger, make([]Provider, len(c.Providers)), c.Matching, c.Polling,
		c.Fees, c.Severity, c.Reports.Mask, c.Reports.MaskMetadata, c.Reports.Currency.Code, c.Schedules,
	}
	for i, p := range c.Providers {
		// A callback address often carries a token; it is kept twice.
		p.StatementCallbackURL = withoutQuery(p.StatementCallbackURL)
		options := map[string]string{}
		for k, v := range p.Options {
			options[k] = v
		}
		delete(options, statementURL)
		p.Options = options
		plain.Providers[i] = p
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return "" // texts, numbers and maps of texts can't fail
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
