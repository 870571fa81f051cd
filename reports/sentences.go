package reports

import (
	"cmp"
	"slices"
	"strings"
)

// tiesDetail says beside the verdict what was proven.
func (s *settlement) tiesDetail() string {
	out := s.controlWords() + " "
	given, agree, differ := s.statementCounts()
	switch {
	case given == 0:
		out += "No provider gave a statement."
	case len(differ) == 0:
		out += statementsAgree(given)
	case len(differ) <= 3:
		out += count(agree) + " of " + plural(given, "statement total") + verb(agree, " agrees; ", " agree; ") +
			list(differ) + " do not."
	default:
		out += count(agree) + " of " + plural(given, "statement total") + verb(agree, " agrees.", " agree.")
	}
	return out
}

func (s *settlement) controlWords() string {
	if s.controlsTie == s.controls && s.checksOff() == 0 {
		return "All " + plural(int64(s.controls), "control total") + " tie."
	}
	return count(int64(s.controlsTie)) + " of " + plural(int64(s.controls), "control total") + " tie."
}

func statementsAgree(given int64) string {
	if given == 1 {
		return "The one statement total agrees."
	}
	return "All " + plural(given, "statement total") + " agree."
}

// statementVerdict stands in Control totals.
func (s *settlement) statementVerdict() (sentence string, bad bool) {
	given, agree, differ := s.statementCounts()
	switch {
	case given == 0:
		return "No provider gave a statement: nothing to compare with.", false
	case len(differ) == 0:
		return markTies + " " + statementsAgree(given), false
	default:
		return markDiffers + " " + count(given-agree) + " of " + plural(given, "statement total") +
			verb(given-agree, " leaves ", " leave ") + list(s.unexplainedWords()) + " unexplained: see 5.", true
	}
}

// movedWords answers how many of the payments completed, and where the rest is.
func (s *settlement) movedWords() (answer, detail string) {
	var completed, failed, reversed, pulled, pending, aside int64
	for i := range s.f.Lines {
		completed += s.f.Lines[i].Count
		failed += s.f.Lines[i].FailedCount
		reversed += s.f.Lines[i].ReversedCount
	}
	// the lines of closed days are as they were closed, the payments as they are now
	for i := range s.f.Adjustments {
		if l := &s.f.Adjustments[i].Line; inRange(l.BusinessDate, s.b.passport) {
			completed, failed, reversed = completed+l.Count, failed+l.FailedCount, reversed+l.ReversedCount
		}
	}
	for i := range s.f.Pulled {
		pulled += s.f.Pulled[i].Pulled
		pending += s.f.Pulled[i].Pending
		aside += s.f.Pulled[i].Exceptions
	}
	answer = count(completed) + " of " + plural(pulled, "payment") + " completed"
	parts := []string{count(failed) + " failed"}
	if reversed > 0 {
		parts = append(parts, count(reversed)+" reversed")
	}
	parts = append(parts, count(pending)+" pending", count(aside)+" set aside as "+verb(aside, "an exception", "exceptions"))
	return answer, strings.Join(parts, ", ") + ". Coverage " + percentWords(s.b.passport.Coverage) + "."
}

func riskAnswer(t *exceptionTally) string {
	switch n := t.open[0]; {
	case t.open.total() == 0:
		return "Nothing"
	case n == 0:
		return "Nothing critical"
	default:
		return "◆ " + plural(n, "critical exception")
	}
}

func riskDetail(t *exceptionTally) string {
	open := t.open.total()
	if open == 0 {
		return "No exceptions. Nothing to do."
	}
	all := plural(open, "exception") + verb(open, " is", " are") + " open in all."
	if t.open[0] == 0 {
		return all
	}
	return criticalDetail(t) + " " + all
}

func resolveAnswer(t *exceptionTally) string {
	switch urgent, open := t.open[0]+t.open[1], t.open.total(); {
	case open == 0:
		return "Nothing to do"
	case urgent == 0:
		return "Look at " + plural(open, "exception")
	default:
		return "Resolve " + plural(urgent, "exception")
	}
}

func resolveDetail(t *exceptionTally, notPolled int64) string {
	critical, high := t.open[0], t.open[1]
	var out []string
	switch {
	case critical > 0 && high > 0:
		out = append(out, count(critical)+" critical first, then "+count(high)+" high: see exceptions.xlsx.")
	case critical+high > 0:
		out = append(out, count(critical+high)+verb(critical, " critical", " high")+": see exceptions.xlsx.")
	case t.open.total() > 0:
		out = append(out, "None is critical or high: see exceptions.xlsx.")
	}
	if notPolled > 0 {
		out = append(out, "Run again for "+plural(notPolled, "payment")+" that could not be asked.")
	}
	if len(out) == 0 {
		return "Every payment was asked."
	}
	return strings.Join(out, " ")
}

// ageingVerdict says what is pending and what of it has been so for too long.
func ageingVerdict(rows []Ageing) string {
	var all, past int64
	for i := range rows {
		all += rows[i].Count
		past += rows[i].PastAllowed
	}
	switch {
	case all == 0:
		return "Nothing is pending."
	case past == 0:
		return plural(all, "payment") + verb(all, " is", " are") + " still pending, none past the allowed time."
	default:
		return plural(all, "payment") + verb(all, " is", " are") + " still pending; " + count(past) + " of them" +
			verb(past, " is past the allowed time and stands", " are past the allowed time and stand") + " in exceptions.xlsx as stale."
	}
}

// openingWords say where the opening of what is pending comes from.
func openingWords(c Carried) string {
	if c.RunID == "" {
		return "Nothing was reported before this range: nothing is carried in."
	}
	span := c.From
	if c.To != c.From {
		span += " to " + c.To
	}
	return "Opening: payments of before this range that version " + count(int64(c.Version)) + " of " + span + " (run " + c.RunID + ") left pending. " +
		"What later runs found out about them counts here; closing is what is still pending, carried in or new."
}

// feesVerdict says whether fees follow the schedule and refunds our records.
func feesVerdict(fees []FeeLine, refunds []Refund) string {
	var differ, scheduled, unknown int64
	for i := range fees {
		differ += fees[i].Differing
		if fees[i].Scheduled != nil {
			scheduled++
		}
	}
	for i := range refunds {
		if refunds[i].AtProvider != refunds[i].InOurs {
			unknown++
		}
	}
	var out string
	switch {
	case scheduled == 0:
		out = "No fee schedule is configured."
	case differ == 0:
		out = "Every known fee follows the schedule."
	default:
		out = plural(differ, "fee") + verb(differ, " differs", " differ") + " from the schedule."
	}
	switch {
	case len(refunds) == 0:
		return out + " Nothing was refunded."
	case unknown == 0:
		return out + " Every refund at a provider is known in our records."
	default:
		return out + " Every refund at a provider is known in our records, except " + count(unknown) + ": see exceptions.xlsx."
	}
}

// changesVerdict counts what changed against the version before.
func changesVerdict(changes []Change) string {
	n := int64(len(changes))
	if n == 0 {
		return "Nothing changed."
	}
	groups, order := map[string]int64{}, []string(nil)
	for i := range changes {
		g := changes[i].Group
		if g == "" {
			continue
		}
		if groups[g] == 0 {
			order = append(order, g)
		}
		groups[g]++
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(groups[b], groups[a]) }) // the most first
	var words []string
	for _, g := range order {
		words = append(words, groupWords(groups[g], g))
	}
	out := plural(n, "payment") + " changed"
	if len(words) > 0 {
		out += ": " + strings.Join(words, ", ")
	}
	return out + "."
}

// groupWords counts a group named in the singular, "exception was closed": the
// first word and the verb take the plural.
func groupWords(n int64, group string) string {
	if n == 1 {
		return "1 " + group
	}
	first, rest, _ := strings.Cut(group, " ")
	if was, ok := strings.CutPrefix(rest, "was "); ok {
		rest = "were " + was
	}
	noun := plural(n, first)
	return strings.TrimSpace(noun + " " + rest)
}
