package config

import "go.yaml.in/yaml/v3"

// Bounds of what a provider may be asked for.
const (
	maxRateLimit   = 10_000
	maxConcurrency = 1_000
)

// config is the file's shape: every key that there is, and where it goes.
func (r *reader) config(n *yaml.Node, c *Config) {
	r.mapping(n, "", map[string]field{
		"database": r.group(map[string]field{
			"url":     r.text(&c.Database.URL),
			"dir":     r.text(&c.Database.Dir),
			"migrate": r.boolean(&c.Database.Migrate),
		}),
		"timezone": r.text(&c.Timezone),
		"ledger": r.group(map[string]field{
			"url":       r.text(&c.Ledger.URL),
			"query":     r.text(&c.Ledger.Query),
			"lookback":  r.duration(&c.Ledger.Lookback),
			"writeback": r.text(&c.Ledger.Writeback),
		}),
		"providers": list(r, &c.Providers, r.provider),
		"matching": r.group(map[string]field{
			"metadata_keys": texts(r, &c.Matching.MetadataKeys),
			"batch_keys":    texts(r, &c.Matching.BatchKeys),
			"date_window":   r.duration(&c.Matching.DateWindow),
			"grace":         r.duration(&c.Matching.Grace),
			"stale_after": r.group(map[string]field{
				"deposit":      r.duration(&c.Matching.StaleAfter.Deposit),
				"payout":       r.duration(&c.Matching.StaleAfter.Payout),
				"needs_action": r.duration(&c.Matching.StaleAfter.NeedsAction),
			}),
			"amount_tolerance": textMap(r, &c.Matching.AmountTolerance),
			"rules":            list(r, &c.Matching.Rules, r.rule),
		}),
		"polling": r.group(map[string]field{
			"recheck_window": r.duration(&c.Polling.RecheckWindow),
			"pending_ladder": list(r, &c.Polling.PendingLadder, r.rung),
			"unknown_ladder": list(r, &c.Polling.UnknownLadder, r.rung),
		}),
		"fees": list(r, &c.Fees, func(f *Fee) map[string]field {
			return map[string]field{
				"provider": r.text(&f.Provider),
				"kind":     r.text(&f.Kind),
				"currency": r.text(&f.Currency),
				"percent":  r.text(&f.Percent),
				"fixed":    r.text(&f.Fixed),
				"tax":      r.text(&f.Tax),
			}
		}),
		"severity": r.group(map[string]field{
			"critical":     textMap(r, &c.Severity.Critical),
			"high":         textMap(r, &c.Severity.High),
			"critical_age": r.duration(&c.Severity.CriticalAge),
		}),
		"reports": r.group(map[string]field{
			"dir":           r.text(&c.Reports.Dir),
			"mask":          r.boolean(&c.Reports.Mask),
			"mask_metadata": texts(r, &c.Reports.MaskMetadata),
			"currency": r.group(map[string]field{
				"code":  r.text(&c.Reports.Currency.Code),
				"rates": r.text(&c.Reports.Currency.Rates),
			}),
		}),
		"delivery": r.delivery(&c.Delivery),
		"retention": r.group(map[string]field{
			"report_files": r.duration(&c.Retention.ReportFiles),
			"observations": r.duration(&c.Retention.Observations),
			"working_rows": r.duration(&c.Retention.WorkingRows),
		}),
		"schedules": list(r, &c.Schedules, func(s *Schedule) map[string]field {
			return map[string]field{
				"name":  r.text(&s.Name),
				"cron":  r.text(&s.Cron),
				"job":   r.text(&s.Job),
				"range": r.text(&s.Range),
			}
		}),
	})
}

// group reads a mapping inside another one.
func (r *reader) group(fields map[string]field) field {
	return func(n *yaml.Node, key string) { r.mapping(n, key, fields) }
}

func (r *reader) provider(p *Provider) map[string]field {
	return map[string]field{
		"name":                   r.text(&p.Name),
		"type":                   r.text(&p.Type),
		"base_url":               r.text(&p.BaseURL),
		"credentials":            textMap(r, &p.Credentials),
		"rate_limit":             r.integer(&p.RateLimit, 1, maxRateLimit),
		"concurrency":            r.integer(&p.Concurrency, 1, maxConcurrency),
		"timeout":                r.duration(&p.Timeout),
		"decimals":               r.decimals(p),
		"statement_callback_url": r.text(&p.StatementCallbackURL),
		"options":                textMap(r, &p.Options),
		"statement_columns":      textMap(r, &p.StatementColumns),
		"normalize_references":   texts(r, &p.NormalizeReferences),
		"statement_decimal":      r.text(&p.StatementDecimal),
		"statement_dates":        r.text(&p.StatementDates),
	}
}

func (r *reader) decimals(p *Provider) field {
	return func(n *yaml.Node, key string) {
		p.Decimals = nil
		r.entries(n, key, func(currency string, v *yaml.Node, at string) {
			exp := -1
			r.integer(&exp, 0, maxDecimals)(v, at)
			if exp < 0 {
				r.add(at, "must be a whole number from 0 to %d", maxDecimals)
				return
			}
			if p.Decimals == nil {
				p.Decimals = map[string]int{}
			}
			p.Decimals[currency] = exp
		})
	}
}

func (r *reader) rule(m *MatchingRule) map[string]field {
	return map[string]field{
		"provider":                 r.text(&m.Provider),
		"kind":                     r.text(&m.Kind),
		"currency":                 r.text(&m.Currency),
		"grace":                    r.optional(&m.Grace),
		"stale_after":              r.optional(&m.StaleAfter),
		"stale_after_needs_action": r.optional(&m.StaleNeedsAction),
		"amount_tolerance":         r.text(&m.AmountTolerance),
	}
}

func (r *reader) rung(g *Rung) map[string]field {
	return map[string]field{"age": r.duration(&g.Age), "every": r.duration(&g.Every)}
}
