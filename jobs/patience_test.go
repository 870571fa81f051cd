package jobs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// silentLine is a provider that has given no answer for some time.
type silentLine struct {
	since time.Time
	tried int
}

func (l *silentLine) Silence() (since time.Time, attempts int) { return l.since, l.tried }

func TestPatienceEndsWithAnOutageThatLastsAndNotBeforeALastTry(t *testing.T) {
	t.Parallel()
	l := &silentLine{}
	p := &patience{line: l}
	assert.False(t, p.exhausted(), "nothing was asked yet")
	l.since, l.tried = time.Now().Add(-mostPatience-time.Second), 7
	assert.False(t, p.exhausted(), "the lists found it silent: one question may still try")
	assert.False(t, p.exhausted())
	l.tried++
	assert.True(t, p.exhausted())
}

func TestPatienceIsForAllOutagesTogether(t *testing.T) {
	t.Parallel()
	l := &silentLine{since: time.Now().Add(-mostPatience * 2 / 3)}
	p := &patience{line: l}
	l.tried++
	assert.False(t, p.exhausted())
	l.since = time.Time{}
	assert.False(t, p.exhausted(), "it is up again")
	l.since = time.Now().Add(-mostPatience * 2 / 3)
	assert.False(t, p.exhausted(), "seen for the first time")
	l.tried++
	assert.True(t, p.exhausted())
}
