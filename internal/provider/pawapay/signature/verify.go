package signature

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"
)

// Verifier says whether a callback or an answer is pawaPay's.
type Verifier struct {
	Keys KeySource
	Now  func() time.Time
	// Label names the signature; empty: the only one, or else pawaPay's.
	Label string
	// Must lists the components that have to be covered. nil means
	// content-digest, and for a request also @method, @authority and @path.
	Must []string
	// Skew is how far the clocks may differ; 30 s when zero.
	Skew time.Duration
	// MaxAge is how old a signature may be that does not say when it expires;
	// 15 minutes when zero, as long as pawaPay repeats a callback.
	MaxAge time.Duration
	// Algorithm is believed for RSA keys where the message names none.
	Algorithm Algorithm
}

// Verify returns nil only for a message whose signature fits, covers what it
// must, is in time, and whose body fits its digest. An error that wraps
// ErrUnknownKey is about the key; any other says what is wrong.
func (v *Verifier) Verify(ctx context.Context, m Message) error {
	list, sig, err := v.find(m)
	if err != nil {
		return err
	}
	if err := v.covers(list, m); err != nil {
		return err
	}
	if err := v.inTime(list.Params); err != nil {
		return err
	}
	id, _ := param[string](list.Params, "keyid")
	if id == "" {
		return errors.New("the signature names no key")
	}
	public, err := v.Keys.Key(ctx, id)
	if err != nil {
		return fmt.Errorf("find the key of the signature: %w", err)
	}
	algorithm := algorithmOf(public)
	if algorithm == "" {
		algorithm = v.Algorithm
	}
	if named, ok := param[string](list.Params, "alg"); ok {
		algorithm = Algorithm(named)
	}
	base, err := m.base(list)
	if err != nil {
		return err
	}
	if err := algorithm.verify(public, base, sig); err != nil {
		return err
	}
	if len(m.Header.Values("Content-Digest")) > 0 {
		return verifyDigest(m.Header, m.Body)
	}
	return nil
}

// find takes the signature and what it covers out of the headers.
func (v *Verifier) find(m Message) (list httpsfv.InnerList, sig []byte, err error) {
	inputs, err := httpsfv.UnmarshalDictionary(m.Header.Values("Signature-Input"))
	if err != nil {
		return list, nil, errors.New("the header Signature-Input can't be read")
	}
	sigs, err := httpsfv.UnmarshalDictionary(m.Header.Values("Signature"))
	if err != nil {
		return list, nil, errors.New("the header Signature can't be read")
	}
	label := v.Label
	if label == "" {
		label = Label
		if names := inputs.Names(); len(names) == 1 {
			label = names[0]
		}
	}
	input, _ := inputs.Get(label)
	list, isList := input.(httpsfv.InnerList)
	if !isList {
		return list, nil, fmt.Errorf("the message has no signature %q", label)
	}
	member, _ := sigs.Get(label)
	item, _ := member.(httpsfv.Item)
	sig, isBytes := item.Value.([]byte)
	if !isBytes {
		return list, nil, fmt.Errorf("the message has no signature %q", label)
	}
	return list, sig, nil
}

func (v *Verifier) covers(list httpsfv.InnerList, m Message) error {
	must := v.Must
	if must == nil {
		must = []string{"content-digest"}
		if m.Status == 0 {
			must = append(must, "@method", "@authority", "@path")
		}
	}
	for _, name := range must {
		if !slices.ContainsFunc(list.Items, func(i httpsfv.Item) bool { return i.Value == name && len(i.Params.Names()) == 0 }) {
			return fmt.Errorf("the signature does not cover %q", name)
		}
	}
	return nil
}

func (v *Verifier) inTime(p *httpsfv.Params) error {
	skew, age := v.Skew, v.MaxAge
	if skew == 0 {
		skew = 30 * time.Second
	}
	if age == 0 {
		age = 15 * time.Minute
	}
	now := v.Now()
	created, ok := param[int64](p, "created")
	if !ok {
		return errors.New("the signature does not say when it was made")
	}
	expires := time.Unix(created, 0).Add(age)
	if at, ok := param[int64](p, "expires"); ok {
		expires = time.Unix(at, 0)
	}
	switch {
	case now.Add(skew).Before(time.Unix(created, 0)):
		return errors.New("the signature is from the future; check the clocks")
	case !now.Add(-skew).Before(expires):
		return errors.New("the signature has expired")
	}
	return nil
}

// param reads a parameter of the wanted type; another type counts as absent.
func param[T any](p *httpsfv.Params, name string) (T, bool) {
	raw, _ := p.Get(name)
	v, ok := raw.(T)
	return v, ok
}
