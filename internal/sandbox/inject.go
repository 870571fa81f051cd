package sandbox

import (
	"bytes"
	"context"
	"hash/fnv"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tieout/internal/corpus"
)

// injector lets the faults of one account happen.
type injector struct {
	seed    int64
	account corpus.Account
	faults  []Fault

	mu   sync.Mutex
	met  []int          // by fault: matching requests so far
	seen map[string]int // by request: how often it came
}

func newInjector(seed int64, a corpus.Account, f Faults) *injector {
	x := &injector{seed: seed, account: a, faults: f.Requests}
	x.reset()
	return x
}

func (x *injector) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.met, x.seen = make([]int, len(x.faults)), map[string]int{}
}

func (x *injector) wrap(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		latency, effect, err := x.choose(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !pause(r.Context(), latency) {
			panic(http.ErrAbortHandler) // the client is gone
		}
		x.spoil(w, r, api, effect)
	})
}

// choose adds up the latencies of all faults that strike, and takes the first
// of their other effects. The request's own header goes before the file.
func (x *injector) choose(r *http.Request) (time.Duration, Effect, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var latency time.Duration
	var chosen Effect
	strike := func(e Effect) {
		latency += e.Latency
		e.Latency = 0
		if chosen == (Effect{}) {
			chosen = e
		}
	}
	request := r.Method + " " + r.URL.RequestURI()
	if text := r.Header.Get(HeaderFault); text != "" {
		e, times, err := headerFault(text)
		if err != nil {
			return 0, Effect{}, err
		}
		if n := x.count(text + " " + request); times == 0 || n <= times {
			strike(e)
		}
	}
	for i, f := range x.faults {
		if !f.matches(x.account.Name, r) {
			continue
		}
		x.met[i]++
		if f.Probability > 0 && !x.lot(f.Probability, i, request) || !f.due(x.met[i]) {
			continue
		}
		strike(f.Effect)
	}
	return latency, chosen, nil
}

// count needs the lock.
func (x *injector) count(what string) int {
	x.seen[what]++
	return x.seen[what]
}

// lot draws by the request and how often it came, not by the order in which
// requests arrive, which no two runs share.
func (x *injector) lot(probability float64, fault int, request string) bool {
	what := strconv.Itoa(fault) + " " + request
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatInt(x.seed, 10) + x.account.Name + what + strconv.Itoa(x.count(what)))) // a hash never fails
	v := h.Sum64()
	v = (v ^ v>>29) * 0xbf58476d1ce4e5b9 // spread: similar texts have similar hashes
	return float64((v^v>>32)>>11)/(1<<53) < probability
}

// due tells whether the fault strikes at its n-th matching request.
func (f Fault) due(n int) bool {
	if f.First > 0 && n > f.First {
		return false
	}
	if f.Every > 0 {
		return (n-1)%f.Every >= f.Every-max(f.Burst, 1)
	}
	return true
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (x *injector) spoil(w http.ResponseWriter, r *http.Request, api http.Handler, e Effect) {
	switch {
	case e == (Effect{}):
		api.ServeHTTP(w, r)
	case e.Drop:
		panic(http.ErrAbortHandler)
	case e.ExpiredToken:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(expired(x.account.Type))) // a client that went away needs no answer
	case e.Status != 0:
		e.answer(w)
	default:
		e.distort(w, r, api)
	}
}

// expired is how each API says that a token or key is not valid (any more).
func expired(providerType string) string {
	switch providerType {
	case corpus.Pawapay:
		return `{"failureReason":{"failureCode":"AUTHENTICATION_ERROR","failureMessage":"The token was not recognised."}}`
	case corpus.Pesaswap:
		return `{"error":{"type":"invalid_request","message":"API key not provided or invalid API key used","code":"IR_01"}}`
	case corpus.Pesaway:
		return `{"code":"401.001","description":"Missing authentication credentials"}`
	default:
		return `{"code":"credentials_invalid","message":"Credentials invalid","error":{"type":"API_ERROR","details":[],"traceId":"00000000000000000000000000000000"}}`
	}
}

func (e Effect) answer(w http.ResponseWriter) {
	contentType, body := e.ContentType, e.Body
	if contentType == "" {
		contentType = "text/html; charset=utf-8"
	}
	if body == "" {
		body = "<html><body><h1>" + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status) + "</h1></body></html>"
	}
	w.Header().Set("Content-Type", contentType)
	if e.RetryAfter != "" {
		w.Header().Set("Retry-After", e.RetryAfter)
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte(body)) // a client that went away needs no answer
}

// distort takes the right answer and sends it in a wrong way.
func (e Effect) distort(w http.ResponseWriter, r *http.Request, api http.Handler) {
	right := &recorder{header: http.Header{}, status: http.StatusOK}
	api.ServeHTTP(right, r)
	maps.Copy(w.Header(), right.header)
	body := right.body.Bytes()
	if e.ContentType != "" {
		w.Header().Set("Content-Type", e.ContentType)
	}
	if e.InvalidJSON {
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(right.status)
	if !e.Half {
		_, _ = w.Write(body) // a client that went away needs no answer
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // so that the half is really sent; the connection ends anyway
	panic(http.ErrAbortHandler)
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(status int)      { r.status = status }
