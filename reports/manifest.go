package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ManifestName is the name of the file that names the others.
const ManifestName = "manifest.json"

// Manifest is manifest.json: which run made the files, and what they must hash to.
type Manifest struct {
	RunID         string      `json:"run_id"`
	From          string      `json:"from"` // business date, ISO
	To            string      `json:"to"`
	Selection     string      `json:"selection"`
	Timezone      string      `json:"timezone"`
	Version       int         `json:"version"`
	Coverage      json.Number `json:"coverage"` // 0 to 1 with four decimals
	ConfigDigest  string      `json:"config_digest"`
	TieoutVersion string      `json:"tieout_version"`
	Rates         *RatesFile  `json:"rates,omitempty"` // of the reporting currency
	ControlTotals []Check     `json:"control_totals"`
	Files         []File      `json:"files"`
}

// RatesFile is the file that the rates of the reporting currency came from.
type RatesFile struct {
	Currency string `json:"currency"`
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
}

// NewManifest describes a run's files. files are what Write returned.
func NewManifest(p Passport, checks []Check, files []File) Manifest {
	m := Manifest{
		RunID: p.RunID, From: p.From.Format(time.DateOnly), To: p.To.Format(time.DateOnly),
		Selection: p.Selection, Timezone: location(p).String(), Version: p.Version,
		Coverage: json.Number(p.Coverage), ConfigDigest: p.ConfigDigest, TieoutVersion: p.TieoutVersion,
		ControlTotals: checks, Files: files,
	}
	if p.Rates != nil {
		m.Rates = &RatesFile{Currency: p.Rates.Currency, File: p.Rates.File, SHA256: p.Rates.SHA256}
	}
	if m.ControlTotals == nil {
		m.ControlTotals = []Check{}
	}
	if m.Files == nil {
		m.Files = []File{}
	}
	return m
}

// WriteManifest writes manifest.json into dir. Write it last: whoever finds it
// finds all other files complete. Its Rows are the number of files it names.
func WriteManifest(dir string, m Manifest) (File, error) {
	if !fourDecimals(string(m.Coverage)) {
		return File{}, fmt.Errorf("write %s: coverage %q is no share with four decimals", ManifestName, m.Coverage)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return File{}, fmt.Errorf("encode %s: %w", ManifestName, err)
	}
	out, err := createFile(dir, ManifestName)
	if err != nil {
		return File{}, err
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return File{}, out.abort(err)
	}
	file, err := out.commit(int64(len(m.Files)))
	if err != nil {
		return File{}, err
	}
	return file, syncDir(dir)
}

// fourDecimals tells whether s is a share such as 0.9950 or 1.0000.
func fourDecimals(s string) bool {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) != 4 || strings.Trim(frac, "0123456789") != "" {
		return false
	}
	return whole == "0" || s == "1.0000"
}
