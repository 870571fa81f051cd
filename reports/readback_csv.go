package reports

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// WrittenRow is what a published exceptions.csv says of one exception, as far as
// a filled workbook is compared with it. The texts are as PlainCell gives them.
type WrittenRow struct {
	ID, State                                        string
	InternalAmount, ProviderAmount, ProviderCurrency string // exact decimals; empty: not known
	ProviderStatus                                   string
	Owner, Resolution, Note                          string
}

// ReadExceptionsCSV streams the rows of an exceptions.csv that Write wrote.
func ReadExceptionsCSV(in io.Reader, row func(WrittenRow) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("exceptions.csv: header: %w", err)
	}
	at := make(map[string]int, len(header))
	for i, name := range header {
		at[name] = i
	}
	needed := []string{"exception_id", "state", "internal_amount", "provider_amount", "provider_currency", "provider_status", "owner", "resolution", "note"}
	if i := slices.IndexFunc(needed, func(name string) bool { _, ok := at[name]; return !ok }); i >= 0 {
		return fmt.Errorf("exceptions.csv: it has no column %s", needed[i])
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("exceptions.csv: %w", err)
		}
		text := func(column string) string { return PlainCell(PlainText(record[at[column]])) }
		if err := row(WrittenRow{
			ID: text("exception_id"), State: text("state"), InternalAmount: record[at["internal_amount"]], ProviderAmount: record[at["provider_amount"]],
			ProviderCurrency: text("provider_currency"), ProviderStatus: text("provider_status"),
			Owner: text("owner"), Resolution: text("resolution"), Note: text("note"),
		}); err != nil {
			return err
		}
	}
}
