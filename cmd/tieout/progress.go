package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"tieout/jobs"
)

// progress shows how far a long step is, where a terminal looks on; elsewhere
// the log tells enough.
type progress struct {
	mu   sync.Mutex
	w    io.Writer
	on   bool
	bar  *progressbar.ProgressBar
	job  jobs.Job
	done map[string][2]int64
}

func newProgress(w io.Writer) *progress { return &progress{w: w, on: isTerminal(w)} }

func (p *progress) hear(job jobs.Job, what string, done, total int64) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil || job != p.job {
		p.finish()
		p.job, p.done = job, map[string][2]int64{}
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(string(job)),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	}
	p.done[what] = [2]int64{done, total}
	var sum, of int64
	for _, d := range p.done {
		sum, of = sum+d[0], of+max(d[0], d[1])
	}
	p.bar.ChangeMax64(of)
	_ = p.bar.Set64(sum)
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
		_, _ = fmt.Fprint(p.w, "\r\033[K")
		p.bar = nil
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}
