package postgres

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnyPlaceWillDo(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) string{
		"a path longer than a socket's may be": func(t *testing.T) string {
			return filepath.Join(enterable(t), strings.Repeat("long", 20), strings.Repeat("path", 20))
		},
		"spaces and quotes": func(t *testing.T) string {
			return filepath.Join(enterable(t), `it's a "place" & more`)
		},
		"a directory that only its owner enters": func(t *testing.T) string {
			private := filepath.Join(enterable(t), "private")
			if err := os.Mkdir(private, 0o700); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(private, ".tieout", "postgres")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, place(t))
			o.shelters = []string{filepath.Join(enterable(t), "shelter")}
			s := begin(t, o)
			execute(t, s, `CREATE TABLE kept AS SELECT 42 AS n`)
			end(t, s)
			if got := ask(t, begin(t, o), `SELECT n FROM kept`); got != "42" {
				t.Errorf("got %s after a restart, want 42", got)
			}
		})
	}
}

func TestATemporaryDirectoryLeavesNothingLasting(t *testing.T) {
	t.Parallel()
	if got := sheltersFor(filepath.Join(os.TempDir(), "x", ".tieout")); got[0] != os.TempDir() {
		t.Errorf("shelters of a temporary directory are %v", got)
	}
	if got := sheltersFor("/root/shop/.tieout"); got[0] != "/var/lib/tieout" {
		t.Errorf("shelters of a lasting directory are %v", got)
	}
}

func TestALostShelterIsNotReplacedByAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	dir := enterable(t)
	if err := os.WriteFile(filepath.Join(dir, "location"), []byte(filepath.Join(dir, "lost", "data")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), options(t, dir))
	if err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("got %v, want an error that the database is not there", err)
	}
}

func TestAnUnfinishedClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := enterable(t)
	draft := filepath.Join(dir, "draft-1", "base")
	if err := os.MkdirAll(draft, 0o700); err != nil {
		t.Fatal(err)
	}
	begin(t, options(t, dir))
	if _, err := os.Stat(draft); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished cluster is still there: %v", err)
	}
}

func TestACancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := options(t, enterable(t))
	if _, err := Start(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the cancellation", err)
	}
	begin(t, o)
}

func TestAMissingPasswordIsNamed(t *testing.T) {
	t.Parallel()
	o := options(t, enterable(t))
	end(t, begin(t, o))
	if err := os.Remove(filepath.Join(o.Dir, passwordFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "bring back") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// Not parallel: a program that another test starts at the wrong moment would
// hold the script open for writing, and the system then refuses to run it.
func TestOnlyAUsableServerIsTaken(t *testing.T) {
	fake := func(t *testing.T, files map[string]string) string {
		t.Helper()
		dir := t.TempDir()
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			program := os.FileMode(0o700)
			if err := os.Chmod(path, program); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	says := func(version string) string { return "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n" }
	for name, tc := range map[string]struct {
		files   map[string]string
		cluster string
		version string
		err     string
	}{
		"an empty folder":           {nil, "", "", "no such file"},
		"no initdb":                 {map[string]string{"postgres": says("17.2")}, "", "", "initdb"},
		"too old":                   {map[string]string{"postgres": says("13.9"), "initdb": "#!/bin/sh"}, "", "", "is version 13.9"},
		"another program":           {map[string]string{"postgres": "#!/bin/sh\necho hello\n", "initdb": "#!/bin/sh"}, "", "", "says no version"},
		"a broken program":          {map[string]string{"postgres": "#!/bin/sh\nexit 7\n", "initdb": "#!/bin/sh"}, "", "", "exit status 7"},
		"oldest":                    {map[string]string{"postgres": says("14.0"), "initdb": "#!/bin/sh"}, "", "14.0", ""},
		"a packager's addition":     {map[string]string{"postgres": says("17.2 (Debian 17.2-1)"), "initdb": "#!/bin/sh"}, "", "17.2", ""},
		"a beta":                    {map[string]string{"postgres": says("19beta1"), "initdb": "#!/bin/sh"}, "", "19beta1", ""},
		"the cluster's version":     {map[string]string{"postgres": says("17.2"), "initdb": "#!/bin/sh"}, "17", "17.2", ""},
		"not the cluster's version": {map[string]string{"postgres": says("17.2"), "initdb": "#!/bin/sh"}, "15", "", "made by version 15, here is only 17.2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := find(t.Context(), fake(t, tc.files), tc.cluster)
			if tc.err == "" {
				if err != nil || got.version != tc.version {
					t.Errorf("got %+v, %v; want version %s", got, err, tc.version)
				}
				return
			}
			if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v; want ErrNoBinaries in one line with %q", err, tc.err)
			}
		})
	}
}

func TestTheEnvironmentNamesTheFolder(t *testing.T) {
	t.Setenv("TIEOUT_POSTGRES_BIN", t.TempDir())
	_, err := Locate(t.Context())
	if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "install") {
		t.Errorf("got %v, want ErrNoBinaries that says what to install", err)
	}
	if _, err := Start(t.Context(), options(t, enterable(t))); !errors.Is(err, ErrNoBinaries) {
		t.Errorf("got %v from Start, want ErrNoBinaries", err)
	}
}
