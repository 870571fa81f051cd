package reports

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zip"
	"github.com/xuri/excelize/v2"
)

// book is one workbook that is being streamed. Errors of small steps are kept
// and given back by save: composing stays readable, and none is lost.
type book struct {
	file     *excelize.File
	passport Passport
	styles   map[look]int
	sheets   []string
	tmpDir   string
	rows     map[string]*rowFile // by part of the zip: what goes into it beside excelize's own
	err      error
}

func newBook(p Passport, opts Options) (*book, error) {
	b := &book{
		file:     excelize.NewFile(excelize.Options{TmpDir: opts.TmpDir}),
		passport: p, styles: map[look]int{}, tmpDir: opts.TmpDir, rows: map[string]*rowFile{},
	}
	if err := b.file.SetDefaultFont(fontFamily); err != nil {
		return nil, errors.Join(fmt.Errorf("set the font: %w", err), b.file.Close())
	}
	size := float64(fontNormal)
	b.file.Styles.Fonts.Font[0].Sz.Val = &size
	return b, nil
}

// keep remembers the first error.
func (b *book) keep(err error) {
	if b.err == nil && err != nil {
		b.err = err
	}
}

// addSheet appends a sheet; the first one is accented, and active without being
// told: SetActiveSheet would read all sheets again.
func (b *book) addSheet(name string) {
	if len(b.sheets) == 0 {
		b.keep(b.file.SetSheetName("Sheet1", name))
	} else {
		_, err := b.file.NewSheet(name)
		b.keep(err)
	}
	b.sheets = append(b.sheets, name)
}

// addName defines a name for a range, of the workbook or of one sheet.
func (b *book) addName(name, refersTo, scope string) {
	b.keep(b.file.SetDefinedName(&excelize.DefinedName{Name: name, RefersTo: refersTo, Scope: scope}))
}

// printing says how a sheet is printed.
type printing struct {
	wide, high int  // pages; high 0: as many as it takes
	scale      uint // percent; 0: fit to wide and high
}

// print sets up the page of a sheet: A4 across, narrow margins, a footer that
// says what it is. It must run before the sheet's stream is flushed.
func (b *book) print(sheet, document string, how printing) {
	paper, landscape := 9, "landscape"
	layout := &excelize.PageLayoutOptions{
		Size: &paper, Orientation: &landscape, FitToWidth: &how.wide, FitToHeight: &how.high,
	}
	if how.scale > 0 {
		layout.AdjustTo = &how.scale
	}
	b.keep(b.file.SetPageLayout(sheet, layout))
	side, top, bottom, small, centred := 0.4, 0.55, 0.6, 0.3, true
	b.keep(b.file.SetPageMargins(sheet, &excelize.PageLayoutMarginsOptions{
		Left: &side, Right: &side, Top: &top, Bottom: &bottom, Header: &small, Footer: &small, Horizontally: &centred,
	}))
	const font = `&"Arial,Regular"&8&K` + colGrey
	what := fmt.Sprintf("%s · %s · version %d", document, rangeWords(b.passport), b.passport.Version)
	b.keep(b.file.SetHeaderFooter(sheet, &excelize.HeaderFooterOptions{
		OddFooter: "&L" + font + what + "&C" + font + "&A&R" + font + "Page &P of &N",
	}))
}

// before sets what must be known when a sheet's stream begins.
func (b *book) before(sheet, dimension string, rowHeight float64, fit bool, zoom float64) {
	props := &excelize.SheetPropsOptions{FitToPage: &fit, DefaultRowHeight: &rowHeight, CustomHeight: new(true)}
	if sheet == b.sheets[0] {
		props.TabColorRGB = new("FF" + colAccent)
	}
	b.keep(b.file.SetSheetProps(sheet, props))
	b.keep(b.file.SetSheetDimension(sheet, dimension))
	grid := false
	b.keep(b.file.SetSheetView(sheet, 0, &excelize.ViewOptions{ShowGridLines: &grid, ZoomScale: &zoom}))
}

// describe writes the workbook's properties and its passport.
func (b *book) describe(title, subject, verdict string) {
	p := b.passport
	created := p.ReadAt.UTC().Format(time.RFC3339)
	b.keep(b.file.SetDocProps(&excelize.DocProperties{
		Title: title + ", " + rangeWords(p), Subject: subject, Creator: "tieout", LastModifiedBy: "tieout",
		Description: fmt.Sprintf("Run %s, version %d. %s", p.RunID, p.Version, verdict),
		Created:     created, Modified: created, Language: "en",
	}))
	for _, property := range []excelize.CustomProperty{
		{Name: "run_id", Value: p.RunID},
		{Name: "version", Value: strconv.Itoa(p.Version)},
		{Name: "from", Value: isoDate(p.From)},
		{Name: "to", Value: isoDate(p.To)},
		{Name: "selection", Value: p.Selection},
		{Name: "timezone", Value: location(p).String()},
		{Name: "coverage", Value: p.Coverage},
		{Name: "config_digest", Value: p.ConfigDigest},
		{Name: "tieout_version", Value: p.TieoutVersion},
	} {
		b.keep(b.file.SetCustomProps(property))
	}
}

// fastZip compresses lightly and quickly, straight into the file.
type fastZip struct {
	*zip.Writer
	rows map[string]*rowFile
}

// Create begins the next part.
func (z fastZip) Create(name string) (io.Writer, error) {
	w, err := z.Writer.Create(name)
	if rows := z.rows[name]; rows != nil {
		return &rowsInto{w: w, rows: rows}, err
	}
	return tidied(name, w), err
}

func newFastZip(w io.Writer, rows map[string]*rowFile) excelize.ZipWriter {
	z := zip.NewWriter(w)
	var shared *flate.Writer // parts are written one after the other
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		if shared != nil {
			shared.Reset(out)
			return shared, nil
		}
		var err error
		shared, err = flate.NewWriter(out, flate.BestSpeed)
		return shared, err
	})
	return fastZip{z, rows}
}

// save writes the workbook to out and closes it, also after an error.
func (b *book) save(out io.Writer) error {
	err := b.err
	if err == nil {
		// excelize would build the whole file in memory first: its zip writer
		// is given the file itself, and what it then writes is nothing.
		b.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return newFastZip(out, b.rows) })
		err = b.file.Write(io.Discard)
	}
	err = errors.Join(err, b.file.Close())
	for _, r := range b.rows {
		err = errors.Join(err, r.close())
	}
	return err
}
