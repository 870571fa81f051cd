package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tieout/internal/exception"
	"tieout/internal/store"
	"tieout/reports"
)

// report publishes the run. Where a day was closed or reopened since the run
// settled, the books say something else now: it settles again.
func (s *state) report(ctx context.Context) error {
	if err := s.settled(); err != nil {
		return err
	}
	for {
		err := s.publish(ctx)
		if !errors.Is(err, store.ErrDaysMoved) {
			return err
		}
		s.Log.Info().Msg("a day was closed or reopened meanwhile: settling again")
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
}

// publish writes the files, publishes them with the rows, together or not at
// all, and puts them into their folder.
func (s *state) publish(ctx context.Context) error {
	if err := s.placeLate(ctx); err != nil {
		return err
	}
	version, previous, err := s.Store.NextVersion(ctx, s.run)
	if err != nil {
		return err
	}
	// nothing is ever overwritten, also not what another database wrote
	version = max(version, highestVersion(s.run.Folder)+1)
	if err := s.figures(ctx, version, previous); err != nil {
		return err
	}
	fresh, err := freshDir(s.run.Folder, s.run.ID)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()

	tmp := filepath.Join(fresh, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	hide, err := s.Masks(ctx)
	if err != nil {
		return err
	}
	files, err := reports.Write(ctx, fresh, s.sum.Figures, s.Store.Rows(s.run, hide), reports.Options{TmpDir: tmp})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if files, err = s.writeRejects(ctx, fresh, files); err != nil {
		return err
	}
	f := s.sum.Figures
	manifest, err := reports.WriteManifest(fresh, reports.NewManifest(f.Passport, f.Checks, files))
	if err != nil {
		return err
	}
	s.sum.ExitCode = s.exitCode()
	if err := s.planDeliveries(ctx, hide); err != nil {
		return err
	}
	if err := s.Store.Publish(ctx, s.run, s.lease, version, s.sum.ExitCode, fresh, append(files, manifest)); err != nil {
		return err
	}
	// published: from here on only the folder is missing, and the next run
	// would put it there
	s.sum.Version = version
	if s.sum.Dir, err = place(fresh, s.run.Folder, version); err != nil {
		return err
	}
	if err := s.Store.Delivered(context.WithoutCancel(ctx), s.run.ID); err != nil {
		return err
	}
	s.writeBack(ctx)
	s.deliver(ctx)
	s.prune(ctx)
	return nil
}

// settled makes sure that a step which was asked for alone has what it needs.
func (s *state) settled() error {
	if slices.Contains(s.req.Steps, Settle) || s.run.SettledAt.Valid {
		return nil
	}
	return errors.New("the run is not settled: run `tieout settle` for the range first")
}

// figures collects what the reports and the summary show.
func (s *state) figures(ctx context.Context, version int, previous *store.Run) error {
	waiting, err := s.waitingNotes(ctx)
	if err != nil {
		return err
	}
	if err := s.Store.Note(ctx, s.run, append(waiting, s.requestsNote(ctx)...)...); err != nil {
		return err
	}
	s.sum.Figures, err = s.Store.Figures(ctx, s.run, version, previous, store.FigureRules{
		Location: s.Config.Location, Schedule: s.schedule(),
		Passport: reports.Passport{TieoutVersion: s.Version, ReadAt: s.Now().UTC(), Mask: s.Config.Reports.Mask, Rates: s.rates},
	})
	if err != nil {
		return err
	}
	p := s.sum.Figures.Passport
	s.sum.Coverage, s.sum.NotPolled = p.Coverage, int64(p.NotPolled)
	s.sum.Open, err = s.Store.OpenExceptions(ctx, s.run)
	s.sum.ExitCode = s.exitCode()
	return err
}

// waitingNotes tell which pending payments move no further until the merchant acts.
func (s *state) waitingNotes(ctx context.Context) ([]string, error) {
	waiting, err := s.Store.Waiting(ctx, s.run)
	if err != nil {
		return nil, err
	}
	notes := make([]string, 0, len(waiting))
	for _, w := range waiting {
		notes = append(notes, fmt.Sprintf("%s: %d pending %s wait for you. %s", w.Provider, w.Payments, plural(w.Payments, string(w.Kind)), exception.ToDo(w.Action)))
	}
	return notes, nil
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// requestsNote tells how much the providers were asked.
func (s *state) requestsNote(ctx context.Context) []string {
	run, err := s.Store.RunByID(ctx, s.run.ID)
	if err != nil || s.sum.Pulled.Payments == 0 {
		return nil
	}
	perThousand := run.Requests * 1000 / s.sum.Pulled.Payments
	return []string{fmt.Sprintf("The providers were asked %d times, %d for each 1,000 payments.", run.Requests, perThousand)}
}

func (s *state) exitCode() int {
	switch {
	case s.sum.NotPolled > 0:
		return ExitCoverage
	case s.req.FailOnExceptions && s.sum.Open > 0:
		return ExitExceptions
	default:
		return ExitDone
	}
}

// freshDir makes an empty folder beside the versions, where nobody looks.
func freshDir(folder, runID string) (string, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	// what runs left that were killed while writing: nobody else writes here now
	left, err := filepath.Glob(filepath.Join(folder, ".writing-*"))
	if err != nil {
		return "", err
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(folder, ".writing-"+runID)
	return dir, os.Mkdir(dir, 0o750)
}

// place gives the finished folder its name and lets latest point to it.
func place(fresh, folder string, version int) (string, error) {
	name := "v" + strconv.Itoa(version)
	dir := filepath.Join(folder, name)
	if err := syncDir(fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return "", fmt.Errorf("putting the reports into %s: %w", dir, err)
	}
	// the version's name is on disk before latest names it
	if err := errors.Join(syncDir(folder), syncDir(filepath.Dir(folder))); err != nil {
		return "", err
	}
	return dir, pointLatest(folder)
}

// pointLatest lets latest name the highest version that is there, in one step: a
// version that comes late does not take it back.
func pointLatest(folder string) error {
	name := "v" + strconv.Itoa(highestVersion(folder))
	link := filepath.Join(folder, ".latest-"+name)
	_ = os.Remove(link) // of a run that was killed here
	if err := os.Symlink(name, link); err != nil {
		return err
	}
	if err := os.Rename(link, filepath.Join(folder, "latest")); err != nil {
		return err
	}
	return syncDir(folder)
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func highestVersion(folder string) int {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0
	}
	highest := 0
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "v")); err == nil && strings.HasPrefix(e.Name(), "v") {
			highest = max(highest, n)
		}
	}
	return highest
}

// placeLate puts the files of runs into their folders that were published and
// then killed before it was done. A folder that can't be written any more (a
// disk that is gone) is told of and tried again by the next run: it must not
// keep this one from its reports.
func (s *state) placeLate(ctx context.Context) error {
	late, err := s.Store.Undelivered(ctx)
	if err != nil {
		return err
	}
	for _, r := range late {
		if err := s.placeAgain(ctx, r); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			s.Log.Error().Err(err).Str("late", r.ID).Str("folder", r.Folder).
				Msg("the reports of an earlier run could not be put into their folder: `tieout runs files` gives them back")
		}
	}
	return nil
}

// placeAgain puts the files of one published run into its folder.
func (s *state) placeAgain(ctx context.Context, r store.Run) error {
	name := "v" + strconv.FormatInt(r.Version.Int64, 10)
	if _, err := os.Stat(filepath.Join(r.Folder, name)); err == nil {
		if err := pointLatest(r.Folder); err != nil {
			return err
		}
		return s.Store.Delivered(ctx, r.ID)
	}
	fresh, err := freshDir(r.Folder, r.ID)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := s.WriteFiles(ctx, r.ID, fresh); err != nil {
		return fmt.Errorf("placing the files of run %s: %w", r.ID, err)
	}
	if _, err := place(fresh, r.Folder, int(r.Version.Int64)); err != nil {
		return err
	}
	return s.Store.Delivered(ctx, r.ID)
}

// fileMode is the most that a report's file allows: the owner writes, the group reads.
const fileMode os.FileMode = 0o640

// WriteFiles writes the files of a published run into dir and proves their
// digests.
func (e *Env) WriteFiles(ctx context.Context, runID, dir string) error {
	files, err := e.Store.Files(ctx, runID)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("run %s has published no files", runID)
	}
	if err := e.kept(ctx, runID); err != nil {
		return err
	}
	for _, f := range files {
		if err := e.writeFile(ctx, runID, dir, f); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

func (e *Env) writeFile(ctx context.Context, runID, dir string, f reports.File) error {
	path := filepath.Join(dir, filepath.Base(f.Name))
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	h := sha256.New()
	err = e.Store.CopyFile(ctx, runID, f.Name, io.MultiWriter(out, h))
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil && hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		err = fmt.Errorf("%s: its digest is not the one that was published", f.Name)
	}
	if err != nil {
		_ = os.Remove(path)
		return err
	}
	return nil
}
