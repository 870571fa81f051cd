package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"tieout/config"
	"tieout/internal/provider/registry"
	"tieout/internal/store"
	"tieout/internal/store/postgres"
	"tieout/jobs"
)

// app is what a command that works with the database has.
type app struct {
	jobs.Env
	embedded *postgres.Server
}

// load reads the configuration.
func (o *options) load() (*config.Config, error) {
	return config.Load(config.Path(o.configPath, os.LookupEnv), registry.Specs(), os.LookupEnv)
}

// open loads the configuration and connects.
func (o *options) open(ctx context.Context) (*app, error) {
	log, err := o.logger()
	if err != nil {
		return nil, err
	}
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	return connect(ctx, cfg, log)
}

// connect opens the database that the configuration names, or starts the
// embedded one, and sees to its schema.
func connect(ctx context.Context, cfg *config.Config, log zerolog.Logger) (*app, error) {
	a := &app{Env: jobs.Env{Config: cfg, Specs: registry.Specs(), Log: log, Now: time.Now, Version: tieoutVersion(), Progress: func(jobs.Job, string, int64, int64) {}}}
	if err := a.connect(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) connect(ctx context.Context) error {
	url := a.Config.Database.URL
	if url == "" {
		server, err := postgres.Start(ctx, postgres.Options{Dir: filepath.Join(a.Config.Database.Dir, "postgres"), Log: a.Log})
		if err != nil {
			return err
		}
		a.embedded, url = server, server.URL()
	}
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	a.Store = s
	return nil
}

// schema brings the schema up to date where that is allowed.
func (a *app) schema(ctx context.Context) error {
	if a.Config.Database.Migrate || a.embedded != nil {
		_, err := a.Store.Migrate(ctx)
		return err
	}
	return a.Store.CheckSchema(ctx)
}

// ready sees to the schema and opens the ledger.
func (a *app) ready(ctx context.Context) error {
	err := a.schema(ctx)
	if err != nil {
		return err
	}
	a.Ledger, err = a.Store.OpenLedger(ctx, a.Config.Ledger.URL, a.Config.Ledger.Query)
	return err
}

// close gives everything back, the last opened first.
func (a *app) close() error {
	var errs []error
	if a.Ledger != nil {
		errs = append(errs, a.Ledger.Close())
	}
	if a.Store != nil {
		errs = append(errs, a.Store.Close())
	}
	if a.embedded != nil {
		errs = append(errs, a.embedded.Stop())
	}
	return errors.Join(errs...)
}

// with opens the app, its schema and its ledger for the time of f.
func (o *options) with(ctx context.Context, f func(*app) error) error {
	return o.withSchema(ctx, func(a *app) error {
		if err := a.ready(ctx); err != nil {
			return err
		}
		return f(a)
	})
}

// withStore opens the app and its schema for the time of f, without the ledger:
// what stands in tieout's own database needs no other.
func (o *options) withStore(ctx context.Context, f func(*app) error) error {
	return o.withSchema(ctx, func(a *app) error {
		if err := a.schema(ctx); err != nil {
			return err
		}
		return f(a)
	})
}

// withSchema opens the app for the time of f, whatever its schema.
func (o *options) withSchema(ctx context.Context, f func(*app) error) error {
	a, err := o.open(ctx)
	if err != nil {
		return err
	}
	err = f(a)
	if closeErr := a.close(); closeErr != nil {
		a.Log.Warn().Err(closeErr).Msg("closing")
	}
	return err
}

// rejectFile is a file that is made when the first row goes into it.
type rejectFile struct {
	path string
	file *os.File
}

func (r *rejectFile) Write(b []byte) (int, error) {
	if r.file == nil {
		f, err := os.OpenFile(filepath.Clean(r.path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return 0, fmt.Errorf("the file for rows that are set aside: %w", err)
		}
		r.file = f
	}
	return r.file.Write(b)
}

func (r *rejectFile) Close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Sync(), r.file.Close())
}
