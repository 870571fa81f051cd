// Package sandbox serves the APIs of the four providers over a generated world:
// for the demo, for tests of tieout, and for tests of those who use it. Each
// account lives under its own name, beside a small API that changes the truth
// while the servers run. It knows corpus and no client.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"tieout/internal/corpus"
	"tieout/internal/sandbox/state"
)

// Options of a Server; the zero value is usable.
type Options struct {
	// Seed makes the credentials and the chance of faults.
	Seed int64
	// Credentials by account name replace the generated ones.
	Credentials map[string]map[string]string
	Faults      Faults
	// Log gets a line a request, at debug level. The zero value logs nothing.
	Log zerolog.Logger
	// Now is the clock of the providers; default time.Now.
	Now func() time.Time
}

// Server serves a world.
type Server struct {
	world   corpus.World
	log     zerolog.Logger
	serving map[string]*served
	handler http.Handler
}

// served is one account with all that stands before its API.
type served struct {
	state  *state.Account
	faults *injector
	counts *counter
}

// New makes a server of the world. It fails on an account of an unknown type,
// on two accounts of one name and on faults that make no sense.
func New(w corpus.World, o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{world: w, log: o.Log, serving: map[string]*served{}}
	if err := o.Faults.validate(w.Accounts); err != nil {
		return nil, err
	}
	types := handlers()
	mux := http.NewServeMux()
	for _, a := range w.Accounts {
		handler, known := types[a.Type]
		if !known {
			return nil, fmt.Errorf("account %s: there is no sandbox of type %q", a.Name, a.Type)
		}
		if a.Name == "" || s.serving[a.Name] != nil || url.PathEscape(a.Name) != a.Name || strings.HasPrefix(a.Name, "_") {
			return nil, fmt.Errorf("account %q: names must be different, not empty and fit into a path", a.Name)
		}
		x := &served{state: state.New(a, w.Transactions), counts: newCounter(), faults: newInjector(o.Seed, a, o.Faults)}
		x.state.Now = o.Now
		x.state.Credentials = credentials(o.Seed, a)
		if given, ok := o.Credentials[a.Name]; ok {
			x.state.Credentials = maps.Clone(given)
		}
		x.state.SetHooks(o.Faults.hooks(a.Name))
		s.serving[a.Name] = x
		mux.Handle("/"+a.Name+"/", http.StripPrefix("/"+a.Name, s.watch(a.Name, x, handler(x.state))))
	}
	mux.Handle("/_control/", http.StripPrefix("/_control", s.control()))
	mux.HandleFunc("/", s.unknown)
	s.handler = mux
	s.SetBaseURL("http://127.0.0.1")
	return s, nil
}

// Handler serves all accounts and the control API.
func (s *Server) Handler() http.Handler { return s.handler }

// Credentials returns what a client of the account needs, by the names that the
// configuration uses; nil for an unknown account.
func (s *Server) Credentials(account string) map[string]string {
	x, ok := s.serving[account]
	if !ok {
		return nil
	}
	return maps.Clone(x.state.Credentials)
}

// BaseURL is where the API of an account begins; empty for an unknown account.
func (s *Server) BaseURL(account string) string {
	x, ok := s.serving[account]
	if !ok {
		return ""
	}
	return x.state.BaseURL
}

// SetBaseURL tells the accounts under which address Handler is served, for the
// links in their answers. It must be called before the first request;
// ListenAndServe does so itself.
func (s *Server) SetBaseURL(base string) {
	base = strings.TrimRight(base, "/")
	foreign := base
	if u, err := url.Parse(base); err == nil {
		switch u.Hostname() {
		case "127.0.0.1", "::1":
			u.Host = otherHost(u, "localhost")
		case "localhost":
			u.Host = otherHost(u, "127.0.0.1")
		}
		foreign = u.String()
	}
	for name, x := range s.serving {
		x.state.BaseURL = base + "/" + name
		x.state.ForeignURL = foreign + "/" + name
	}
}

func otherHost(u *url.URL, host string) string {
	if port := u.Port(); port != "" {
		return net.JoinHostPort(host, port)
	}
	return host
}

// Reset restores the world with which the server began. Counts and the
// progress of faults begin anew.
func (s *Server) Reset() {
	for _, x := range s.serving {
		x.state.Replace(s.world.Transactions)
		x.counts.reset()
		x.faults.reset()
	}
}

// Requests tells how many requests an account got, and the most of them within
// any one second.
func (s *Server) Requests(account string) Requests {
	x, ok := s.serving[account]
	if !ok {
		return Requests{}
	}
	return x.counts.now()
}

// ListenAndServe serves on addr ("127.0.0.1:0" takes any free port) until the
// context ends, then lets running requests finish for a few seconds. ready,
// where given, is called with the base URL once requests are taken; its error
// ends the server.
func (s *Server) ListenAndServe(ctx context.Context, addr string, ready func(base string) error) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("sandbox: listening on %s: %w", addr, err)
	}
	base := "http://" + reachable(l.Addr())
	s.SetBaseURL(base)
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	s.log.Info().Str("url", base).Int("accounts", len(s.serving)).Msg("sandbox is up")
	var unready error
	if ready != nil {
		unready = ready(base)
	}
	if unready == nil {
		select {
		case err := <-failed:
			return fmt.Errorf("sandbox: serving: %w", err)
		case <-ctx.Done():
		}
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close() // the error of Shutdown says it all
		return fmt.Errorf("sandbox: stopping: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sandbox: serving: %w", err)
	}
	return unready
}

// reachable is an address that a client on this machine can use.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// watch counts and logs the requests of an account and lets faults happen.
func (s *Server) watch(name string, x *served, api http.Handler) http.Handler {
	inner := x.faults.wrap(api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		start := time.Now()
		x.counts.arrived()
		defer func() {
			x.counts.answered(seen.status)
			s.log.Debug().Str("account", name).Str("method", r.Method).Str("path", r.URL.Path).Int("status", seen.status).
				Dur("took", time.Since(start)).Msg("request")
		}()
		inner.ServeHTTP(seen, r)
	})
}

func (s *Server) unknown(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusNotFound, map[string]any{"error": "no such account", "accounts": s.names()})
}

func (s *Server) names() []string {
	names := make([]string, 0, len(s.world.Accounts))
	for _, a := range s.world.Accounts {
		names = append(names, a.Name)
	}
	return names
}
