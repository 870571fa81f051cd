// Package rates reads exchange rates from a file and converts with them, exactly.
package rates

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
)

// Columns is the header of a file of rates: on the date, one unit of the
// currency was worth so many units of the reporting currency.
var Columns = []string{"date", "currency", "rate"}

const (
	// MaxAge is how much older than the day it is wanted for a rate may be: it
	// spans weekends and holidays, and no more.
	MaxAge = 7 * 24 * time.Hour

	mostBytes    = 64 << 20
	mostDigits   = 30 // of a rate
	mostProblems = 20 // that are told of one file
)

// Rate is what one unit of a currency was worth on a date.
type Rate struct {
	Currency string
	Date     time.Time // midnight UTC of the date
	Text     string    // the decimal without needless zeros
	digits   big.Int   // Text without its dot
	scale    int       // digits after the dot
}

// Table holds the rates of one file.
type Table struct {
	// Currency is what everything is converted to.
	Currency string
	// Exp is how many decimals it has.
	Exp int
	// File is the file's name, and SHA256 its digest in hex.
	File, SHA256 string

	rates map[string][]Rate // by currency, in order of their dates
}

// Load reads the rates of a file. The error lists its mistakes by row and field.
func Load(path, currency string) (*Table, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("reading the rates: %w", err)
	}
	defer func() { _ = f.Close() }()
	t, err := Read(f, currency)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.File = filepath.Base(path)
	return t, nil
}

// Read reads a CSV with the header date,currency,rate; the rates are worth
// units of the given currency. A file that has a mistake anywhere is refused as
// a whole: a rate that is not there is a smaller harm than a wrong one.
func Read(in io.Reader, currency string) (*Table, error) {
	exp, ok := money.Exponent(currency)
	if !ok {
		return nil, fmt.Errorf("%q is not an ISO 4217 currency code", clip(currency))
	}
	raw, err := io.ReadAll(io.LimitReader(in, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the rates: %w", err)
	}
	if len(raw) > mostBytes {
		return nil, fmt.Errorf("the file is larger than %d MiB", mostBytes>>20)
	}
	sum := sha256.Sum256(raw)
	t := &Table{Currency: currency, Exp: exp, SHA256: hex.EncodeToString(sum[:]), rates: map[string][]Rate{}}
	p := &parser{table: t, rows: map[string]int{}}
	if err := p.read(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))); err != nil {
		return nil, err
	}
	for _, list := range t.rates {
		slices.SortFunc(list, func(a, b Rate) int { return a.Date.Compare(b.Date) })
	}
	return t, nil
}

type parser struct {
	table    *Table
	rows     map[string]int // by currency and date: the row that gave it
	problems []error
}

func (p *parser) read(raw []byte) error {
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord = len(Columns)
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty; its first line must be %s", strings.Join(Columns, ","))
	}
	if err != nil || !slices.Equal(header, Columns) {
		return fmt.Errorf("row 1: the header must be %s", strings.Join(Columns, ","))
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			if !errors.Is(err, csv.ErrFieldCount) { // what follows can't be told apart
				p.problems = append(p.problems, fmt.Errorf("row %d: %w", broken.StartLine, broken.Err))
				break
			}
			p.problems = append(p.problems, fmt.Errorf("row %d: has %d fields, not %d", broken.StartLine, len(record), len(Columns)))
			continue
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		p.row(line, record)
	}
	if n := len(p.problems); n > mostProblems {
		p.problems = append(p.problems[:mostProblems:mostProblems], fmt.Errorf("and %d more", n-mostProblems))
	}
	return errors.Join(p.problems...)
}

func (p *parser) row(n int, record []string) {
	fail := func(field int, format string, args ...any) {
		p.problems = append(p.problems, fmt.Errorf("row %d, field %s: %s", n, Columns[field], fmt.Sprintf(format, args...)))
	}
	date, err := time.Parse(time.DateOnly, record[0])
	if err != nil {
		fail(0, "%q is not a date such as 2026-11-20", clip(record[0]))
		return
	}
	currency := record[1]
	if _, ok := money.Exponent(currency); !ok {
		fail(1, "%q is not an ISO 4217 currency code", clip(currency))
		return
	}
	rate, err := parse(record[2])
	if err != nil {
		fail(2, "%s", err)
		return
	}
	if currency == p.table.Currency && rate.Text != "1" {
		fail(2, "%s is the reporting currency: its rate is 1", currency)
		return
	}
	key := currency + record[0]
	if first, twice := p.rows[key]; twice {
		fail(0, "%s has a rate of %s already, in row %d", currency, record[0], first)
		return
	}
	p.rows[key] = n
	rate.Currency, rate.Date = currency, date
	p.table.rates[currency] = append(p.table.rates[currency], rate)
}

// parse reads a plain decimal greater than zero.
func parse(text string) (Rate, error) {
	whole, frac, dot := strings.Cut(text, ".")
	if whole == "" || dot && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return Rate{}, fmt.Errorf("%q is not a decimal number such as 0.0345", clip(text))
	}
	if len(whole)+len(frac) > mostDigits {
		return Rate{}, fmt.Errorf("%q has more than %d digits", clip(text), mostDigits)
	}
	whole, frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	var r Rate
	if _, ok := r.digits.SetString("0"+whole+frac, 10); !ok || r.digits.Sign() == 0 {
		return Rate{}, fmt.Errorf("%q is not greater than zero", clip(text))
	}
	r.scale = len(frac)
	if r.Text = whole; whole == "" {
		r.Text = "0"
	}
	if frac != "" {
		r.Text += "." + frac
	}
	return r, nil
}

// On returns the rate of a currency for a day (midnight UTC): the newest that is
// not later and at most MaxAge older. Where there is none, the error says so; no
// rate is ever guessed.
func (t *Table) On(day time.Time, currency string) (Rate, error) {
	if currency == t.Currency {
		r, err := parse("1")
		r.Currency, r.Date = currency, day
		return r, err
	}
	list := t.rates[currency]
	n, exact := slices.BinarySearchFunc(list, day, func(r Rate, day time.Time) int { return r.Date.Compare(day) })
	if exact {
		return list[n], nil
	}
	const form = "2 Jan 2006"
	switch {
	case len(list) == 0:
		return Rate{}, fmt.Errorf("%s has no rate", currency)
	case n == 0:
		return Rate{}, fmt.Errorf("%s has no rate before %s", currency, list[0].Date.Format(form))
	case day.Sub(list[n-1].Date) > MaxAge:
		return Rate{}, fmt.Errorf("%s has no rate after %s", currency, list[n-1].Date.Format(form))
	}
	return list[n-1], nil
}

// Convert turns units of 10^-exp of the rate's currency into units of 10^-to of
// the reporting one, rounded to the nearest, halves away from zero.
func (r Rate) Convert(minor *big.Int, exp, to int) *big.Int {
	n := new(big.Int).Mul(minor, &r.digits)
	shift := exp + r.scale - to
	if shift <= 0 {
		return n.Mul(n, pow10(-shift))
	}
	unit := pow10(shift)
	half := new(big.Int).Rsh(unit, 1)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	return n.Quo(n.Add(n, half), unit)
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// clip keeps a hostile value from filling a log line.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
