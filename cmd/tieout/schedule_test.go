package main

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestScheduleRunsAgainAndAgainSkipsWhatIsBusyAndEndsWithoutAHalfRun(t *testing.T) {
	t.Parallel()
	w := small()
	server := serveWorld(t, w)
	s := newSite(t, w, server)
	s.configure(settings{schedules: `schedules:
  - { name: often, cron: "@every 2s", job: run, range: last_4_days }
  - { name: with-seconds, cron: "30 0 6 1 1 *", job: poll, range: yesterday }
`})
	s.must(0, "config", "check")
	p := start(t, s.dir, nil, "schedule")
	p.says(`"message":"done"`, 2)

	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	var held atomic.Bool
	server.meet(func(rw http.ResponseWriter, r *http.Request, api http.Handler) {
		held.Store(true)
		select {
		case <-gate:
		case <-r.Context().Done():
		}
		api.ServeHTTP(rw, r)
	})
	eventually(t, held.Load)
	const skipped = "skipped: the last run still goes"
	p.says(skipped, strings.Count(p.err.String(), skipped)+1)
	p.stop()
	p.says("stopping", 1)
	open()
	r := p.wait()
	assert.Equal(t, 0, r.code, r.err)
	assert.GreaterOrEqual(t, get[int](s, `SELECT count(*) FROM tieout.runs WHERE status = 'published'`), 3)
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.runs WHERE status <> 'published' OR delivered_at IS NULL`))
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.run_locks`))
}

func TestScheduleWithoutSchedulesIsWrongUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	assert.Contains(t, s.must(2, "schedule").err, "no schedules")
}
