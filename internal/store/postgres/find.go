package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the first major version that has all that is used here.
const oldest = 14

// binaries is one installed PostgreSQL.
type binaries struct {
	dir     string
	major   int
	version string // as the server says it: "15.4"
}

// Locate returns the folder of the PostgreSQL programs that a new database
// would be started with, or ErrNoBinaries.
func Locate(ctx context.Context) (string, error) {
	b, err := find(ctx, "", "")
	return b.dir, err
}

// find returns the first usable PostgreSQL, of the cluster's major version
// where there is a cluster already. A folder that was named is the only one
// looked at.
func find(ctx context.Context, named, cluster string) (binaries, error) {
	if named == "" {
		named = os.Getenv("TIEOUT_POSTGRES_BIN")
	}
	dirs := []string{named}
	if named == "" {
		dirs = usualPlaces(ctx)
	}
	var found, why []string
	for _, dir := range dirs {
		b, err := inspect(ctx, dir)
		if ctx.Err() != nil {
			return binaries{}, ctx.Err()
		}
		if err != nil {
			if !errors.Is(err, os.ErrNotExist) || named != "" {
				why = append(why, err.Error())
			}
			continue
		}
		if cluster == "" || cluster == strconv.Itoa(b.major) {
			return b, nil
		}
		found = append(found, b.version)
	}
	if len(found) > 0 {
		return binaries{}, fmt.Errorf("%w: the database was made by version %s, here is only %s: install that version too, or name its folder by TIEOUT_POSTGRES_BIN",
			ErrNoBinaries, cluster, strings.Join(found, ", "))
	}
	reason := ""
	if len(why) > 0 {
		reason = " (" + strings.Join(why, "; ") + ")"
	}
	return binaries{}, fmt.Errorf("%w%s: %s (version %d or later), name the folder of initdb and postgres by TIEOUT_POSTGRES_BIN, or set database.url",
		ErrNoBinaries, reason, installHint(), oldest)
}

func installHint() string {
	if runtime.GOOS == "darwin" {
		return "run `brew install postgresql@17`"
	}
	return "install it by `apt-get install postgresql`, `dnf install postgresql-server`, `apk add postgresql` or `zypper install postgresql-server`"
}

// usualPlaces lists the folders where PostgreSQL's server programs may be: what
// the user set up first, then the newest that the system's packages brought.
func usualPlaces(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var packaged []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/lib/postgresql[0-9]*/bin",     // SUSE
		"/usr/pgsql-*/bin",                  // Fedora, RHEL: PostgreSQL's own packages
		"/usr/libexec/postgresql[0-9]*",     // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew
		"/usr/local/opt/postgresql*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/[0-9]*/bin",
		"/opt/local/lib/postgresql*/bin", // MacPorts
	} {
		if m, err := filepath.Glob(pattern); err == nil {
			packaged = append(packaged, m...)
		}
	}
	slices.SortStableFunc(packaged, func(a, b string) int { return numberIn(b) - numberIn(a) })
	return append(append(dirs, packaged...), "/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin")
}

var digits = regexp.MustCompile(`\d+`)

// numberIn reads the version from a folder's name; 0 when it has none.
func numberIn(dir string) int {
	n, err := strconv.Atoi(digits.FindString(dir))
	if err != nil {
		return 0
	}
	return n
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// inspect looks at one folder. Links are followed first: a link elsewhere
// often stands for one program alone.
func inspect(ctx context.Context, dir string) (binaries, error) {
	program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return binaries{}, err
	}
	program, err = filepath.Abs(program)
	if err != nil {
		return binaries{}, err
	}
	home := filepath.Dir(program)
	if _, err := os.Stat(filepath.Join(home, "initdb")); err != nil {
		return binaries{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s --version: %w", program, err)
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return binaries{}, fmt.Errorf("%s says no version", program)
	}
	major, err := strconv.Atoi(m[2])
	if err != nil {
		return binaries{}, fmt.Errorf("%s says no version: %w", program, err)
	}
	if major < oldest {
		return binaries{}, fmt.Errorf("%s is version %s", program, m[1])
	}
	return binaries{dir: home, major: major, version: m[1]}, nil
}
