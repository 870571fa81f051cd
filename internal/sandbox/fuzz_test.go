package sandbox

import "testing"

// FuzzHeaderFault: what a header asks for is refused or makes sense.
func FuzzHeaderFault(f *testing.F) {
	f.Add("status=503;times=2;latency=200ms")
	f.Add("half; invalid_json;retry_after=1")
	f.Add("status=-1;times=x;;=")
	f.Fuzz(func(t *testing.T, text string) {
		e, _, err := headerFault(text)
		if err == nil && e.validate() != nil {
			t.Errorf("%q was taken as %+v", text, e)
		}
	})
}
