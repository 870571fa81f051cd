package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/jobs"
)

// printSummary tells a person what a run found.
func printSummary(w io.Writer, s jobs.Summary) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	if s.Figures.Passport.RunID == "" { // a single step
		p("%s done for run %s.", stepsDone(s.Steps), s.RunID)
		return
	}
	p("")
	printResults(w, s)
	printExceptions(w, s)
	printSettled(w, s)
	ties, total := 0, len(s.Figures.Checks)
	for _, c := range s.Figures.Checks {
		if c.Ties {
			ties++
		}
	}
	if ties == total {
		p("✓ All control totals tie (%s).", plural(int64(total), "proof"))
	} else {
		p("✗ %d of %d control totals do not tie.", total-ties, total)
	}
	if n := int64(len(s.Figures.Adjustments)); n > 0 {
		p("%s of closed days: see adjustments.csv and the sheet Adjustments.", plural(n, "adjustment"))
	}
	if s.Pulled.SetAside > 0 {
		p("%d rows of the ledger were set aside: they are no payments. rejects.csv beside the reports, and `tieout runs show`, name each.", s.Pulled.SetAside)
	}
	if s.NotPolled > 0 {
		p("%s could not be asked (coverage %s): run again.", plural(s.NotPolled, "payment"), s.Coverage)
	}
	if s.DryRun {
		p("Dry run: nothing was written.")
		return
	}
	p("Run %s, version %d, reports in %s", s.RunID, s.Version, fromHere(s.Dir))
	printDeliveries(w, s.Deliveries)
}

// fromHere is a path as a person would type it from here.
func fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

func stepsDone(steps []jobs.Job) string {
	names := make([]string, len(steps))
	for i, j := range steps {
		names[i] = string(j)
	}
	return strings.Join(names, ", ")
}

func newTable(w io.Writer, numbers ...int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	var columns []table.ColumnConfig
	for _, n := range numbers {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

func printResults(w io.Writer, s jobs.Summary) {
	t := newTable(w, 2, 3, 4, 5)
	t.AppendHeader(table.Row{"Currency", "Payments", "Matched", "Pending", "Exceptions"})
	var sum [4]int64
	for _, p := range s.Figures.Pulled {
		t.AppendRow(table.Row{p.Currency, p.Pulled, p.Matched, p.Pending, p.Exceptions})
		for i, n := range []int64{p.Pulled, p.Matched, p.Pending, p.Exceptions} {
			sum[i] += n
		}
	}
	t.AppendFooter(table.Row{"All", sum[0], sum[1], sum[2], sum[3]})
	t.Render()
	_, _ = fmt.Fprintln(w)
}

func printExceptions(w io.Writer, s jobs.Summary) {
	if len(s.Matched.Exceptions) == 0 {
		return
	}
	kinds := make([]payment.ExceptionKind, 0, len(s.Matched.Exceptions))
	for k := range s.Matched.Exceptions {
		kinds = append(kinds, k)
	}
	sort.Slice(kinds, func(i, j int) bool {
		a, b := s.Matched.Exceptions[kinds[i]], s.Matched.Exceptions[kinds[j]]
		return a > b || a == b && kinds[i] < kinds[j]
	})
	t := newTable(w, 2)
	t.AppendHeader(table.Row{"Exceptions by kind", "Found"})
	for _, k := range kinds {
		t.AppendRow(table.Row{strings.ReplaceAll(string(k), "_", " "), s.Matched.Exceptions[k]})
	}
	t.Render()
	_, _ = fmt.Fprintln(w)
}

func printSettled(w io.Writer, s jobs.Summary) {
	type key struct {
		provider, kind, currency string
		exp                      int
	}
	type sums struct{ count, gross, net int64 }
	all := map[key]*sums{}
	var order []key
	for _, l := range s.Figures.Lines {
		k := key{l.Provider, string(l.Kind), l.Currency, l.Exp}
		if all[k] == nil {
			all[k] = &sums{}
			order = append(order, k)
		}
		all[k].count += l.Count
		all[k].gross += l.Gross
		all[k].net += l.Net
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		return a.provider+"\x00"+a.kind+"\x00"+a.currency < b.provider+"\x00"+b.kind+"\x00"+b.currency
	})
	t := newTable(w, 3, 4, 5)
	t.AppendHeader(table.Row{"Provider", "Kind", "Completed", "Gross", "Net", "Currency"})
	for _, k := range order {
		of := func(v int64) string {
			h, _, _ := strings.Cut(money.Amount{Minor: v, Exp: k.exp, Currency: k.currency}.Human(), " ")
			return h
		}
		t.AppendRow(table.Row{k.provider, k.kind, all[k].count, of(all[k].gross), of(all[k].net), k.currency})
	}
	t.Render()
	_, _ = fmt.Fprintln(w)
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
