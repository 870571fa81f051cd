package reports

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Options tells Write about its surroundings.
type Options struct {
	// TmpDir takes what is too large for memory while a workbook is written:
	// about 1 KB a transaction. Empty: the system's folder for temporary files.
	TmpDir string

	// sheetRows is how many rows a data sheet holds; 0: as many as the format allows.
	sheetRows int64
}

func (o Options) limit() int64 {
	if o.sheetRows > 0 {
		return o.sheetRows
	}
	return rowsPerSheet
}

// Write writes settlement.csv, exceptions.csv, transactions.csv, settlement.xlsx
// and exceptions.xlsx into dir, which must exist, and returns them in this
// order; then adjustments.csv, where days are closed. Each file is written beside its place, synced and renamed. The long
// tables are streamed: src is asked twice for each, from two goroutines at a
// time, and must give the same rows both times. After an error the files in dir
// are not to be used; nothing half-written bears a report's name.
func Write(ctx context.Context, dir string, f Figures, src Source, opts Options) ([]File, error) {
	if err := checkTmpDir(opts.TmpDir); err != nil {
		return nil, err
	}
	files := make([]File, 5)
	var (
		transactionWidths []int
		tally             *exceptionTally
	)
	// The CSV files first: on the way they measure columns and add up the
	// exceptions, so that the workbooks can stream.
	csvs, csvCtx := errgroup.WithContext(ctx)
	csvs.Go(func() (err error) {
		files[2], transactionWidths, err = writeTransactionsCSV(csvCtx, dir, src)
		return err
	})
	csvs.Go(func() (err error) {
		if files[0], err = writeSettlementCSV(dir, f.Lines); err != nil {
			return err
		}
		files[1], tally, err = writeExceptionsCSV(csvCtx, dir, src, f.Passport)
		return err
	})
	if err := csvs.Wait(); err != nil {
		return nil, fmt.Errorf("write reports: %w", err)
	}
	books, bookCtx := errgroup.WithContext(ctx)
	books.Go(func() (err error) {
		files[3], err = writeSettlementBook(bookCtx, dir, f, tally, files[2].Rows, transactionWidths, src, opts)
		return err
	})
	books.Go(func() (err error) {
		files[4], err = writeExceptionsBook(bookCtx, dir, f, tally, src, opts)
		return err
	})
	if err := books.Wait(); err != nil {
		return nil, fmt.Errorf("write reports: %w", err)
	}
	if f.showsClosed() {
		adjustments, err := writeAdjustmentsCSV(dir, f.Adjustments)
		if err != nil {
			return nil, fmt.Errorf("write reports: %w", err)
		}
		files = slices.Concat(files, []File{adjustments})
	}
	return files, syncDir(dir)
}

// checkTmpDir makes sure that rows can be put aside on disk: where they can't,
// excelize would silently keep them all in memory.
func checkTmpDir(dir string) error {
	f, err := os.CreateTemp(dir, "tieout-check-")
	if err != nil {
		return fmt.Errorf("the folder for temporary files can't be written, set TMPDIR to one that can: %w", err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("folder for temporary files: %w", err)
	}
	return nil
}

func writeSettlementBook(ctx context.Context, dir string, f Figures, t *exceptionTally, rows int64, widths []int, src Source, opts Options) (File, error) {
	return writeBook(dir, "settlement.xlsx", rows, f.Passport, opts, func(b *book) error {
		s := newSettlement(b, f, t, settlementGrid(f.Passport, f.Lines, opts.limit()),
			transactionsGrid(f.Passport, rows, widths, opts.limit()))
		return s.write(ctx, src)
	})
}

func writeExceptionsBook(ctx context.Context, dir string, f Figures, t *exceptionTally, src Source, opts Options) (File, error) {
	return writeBook(dir, "exceptions.xlsx", t.rows, f.Passport, opts, func(b *book) error {
		g := exceptionsGrid(f.Passport, t, opts.limit())
		b.addSheet("Overview")
		for _, p := range g.parts() {
			b.addSheet(p.sheet)
		}
		b.addSheet("About")
		b.describe("Exceptions", "Differences between our records and the providers'", openAnswer(t.open.total())+".")
		b.writeOverview(t, g)
		b.writeExceptionsAbout(g)
		return b.writeExceptions(ctx, g, src)
	})
}

// writeBook composes a workbook and writes it into its file.
func writeBook(dir, name string, rows int64, p Passport, opts Options, compose func(*book) error) (File, error) {
	b, err := newBook(p, opts)
	if err != nil {
		return File{}, fmt.Errorf("compose %s: %w", name, err)
	}
	b.keep(compose(b))
	if b.err != nil {
		return File{}, fmt.Errorf("compose %s: %w", name, b.save(nil))
	}
	out, err := createFile(dir, name)
	if err != nil {
		return File{}, errors.Join(err, b.file.Close())
	}
	if err := b.save(out); err != nil {
		return File{}, out.abort(err)
	}
	return out.commit(rows)
}
