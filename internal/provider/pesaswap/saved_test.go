package pesaswap

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"tieout/internal/payment"
	"tieout/internal/provider/httpx"
)

const savedID = "pm_4fJt8sLz2QeWc6Ry1XoB"

// methodServer shows a customer's methods and one payment.
type methodServer struct {
	status  int
	methods string
	payment string
	lists   atomic.Int32
}

func (s *methodServer) client(t *testing.T) *client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/customers/"):
			s.lists.Add(1)
			send(w, s.status, s.methods)
		case s.payment == "":
			send(w, 503, "")
		default:
			send(w, 200, s.payment)
		}
	})
}

func savedTx(method string) payment.Transaction {
	return payment.Transaction{Kind: payment.Deposit, ID: payID, CustomerID: "cus_otieno77", SavedMethodID: method, Amount: kes(10050)}
}

func TestSavedMethods(t *testing.T) {
	t.Parallel()
	shown := sample(t, "customer_methods.json")
	card := map[string]string{"payment_method": `"card"`, "payment_method_type": `"debit"`, "payment_method_id": `"` + savedID + `"`}
	paid := func(change map[string]string) string {
		return with(t, with(t, sample(t, "payment.json"), card), change)
	}
	for name, tc := range map[string]struct {
		status             int
		methods, payment   string
		method             string
		present, checkable bool
		reason             string
	}{
		"present":                           {200, shown, "", savedID, true, true, ""},
		"hidden by a list, told by itself":  {200, shown, paid(nil), "", true, true, ""},
		"not in the list":                   {200, shown, paid(map[string]string{"payment_method_id": `"pm_x"`}), "pm_x", false, true, "does not show"},
		"an entry without a token":          {200, strings.Replace(shown, "token_c8Wv1NqZ5xRtYb3KmPjd", "", 1), paid(nil), savedID, false, true, "does not show"},
		"nothing saved":                     {200, shown, paid(map[string]string{"payment_method_id": "null"}), "", false, true, "saved no method"},
		"saved and not active":              {200, `{"customer_payment_methods": []}`, paid(map[string]string{"payment_method_status": `"inactive"`}), savedID, false, true, "inactive"},
		"no customer":                       {200, shown, paid(map[string]string{"customer_id": "null"}), "", false, true, "no customer"},
		"unknown customer":                  {404, envelope("HE_02", "m"), paid(nil), savedID, false, true, "does not know the customer"},
		"M-Pesa leaves no token":            {200, shown, paid(map[string]string{"payment_method_type": `"m_pesa_express"`}), "", false, false, "m_pesa_express"},
		"a newer one of the wallet":         {200, strings.Replace(shown, `"debit"`, `"google_pay"`, 1), paid(map[string]string{"payment_method_id": `"pm_x"`, "payment_method_type": `"google_pay"`}), "pm_x", true, true, ""},
		"moved to another service":          {403, envelope("IR_22", "m"), paid(nil), savedID, false, false, "IR_22"},
		"down":                              {503, "", paid(nil), savedID, false, false, "503"},
		"half a body":                       {200, `{"customer`, paid(nil), savedID, false, false, "not JSON"},
		"another answer":                    {200, `{}`, paid(nil), savedID, false, false, "missing"},
		"the payment can't be looked up":    {200, `{"customer_payment_methods": []}`, "", savedID, false, false, "looked up"},
		"present although the type is none": {200, shown, "", savedID, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &methodServer{status: tc.status, methods: tc.methods, payment: tc.payment}
			present, checkable, reason := s.client(t).SavedMethods(t.Context(), "", savedTx(tc.method))
			assert.Equal(t, tc.present, present, reason)
			assert.Equal(t, tc.checkable, checkable, reason)
			assert.Contains(t, reason, tc.reason)
			if tc.present {
				assert.Empty(t, reason)
			}
		})
	}
}

func TestACustomerIsListedOnce(t *testing.T) {
	t.Parallel()
	s := &methodServer{status: 200, methods: sample(t, "customer_methods.json")}
	c := s.client(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			present, _, reason := c.SavedMethods(t.Context(), "cus_otieno77", savedTx(savedID))
			assert.True(t, present, reason)
		})
	}
	all.Wait()
	assert.Equal(t, int32(1), s.lists.Load())
}

func TestAFailedListIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := &methodServer{status: 501, methods: envelope("IR_00", "m")}
	c := s.client(t)
	for range 2 {
		_, checkable, _ := c.SavedMethods(t.Context(), "", savedTx(savedID))
		assert.False(t, checkable)
	}
	assert.Equal(t, int32(2), s.lists.Load())
}

func TestTokensAreNoEvidence(t *testing.T) {
	t.Parallel()
	s := &methodServer{status: 200, methods: sample(t, "customer_methods.json")}
	ctx := httpx.WithRecorder(t.Context(), func(e httpx.Exchange) { t.Errorf("recorded %s", e.Path) })
	present, _, _ := s.client(t).SavedMethods(ctx, "", savedTx(savedID))
	assert.True(t, present)
}

func TestACustomerThatCannotExistIsNotAsked(t *testing.T) {
	t.Parallel()
	s := &methodServer{status: 200, methods: sample(t, "customer_methods.json")}
	tx := savedTx(savedID)
	tx.CustomerID = ""
	_, checkable, reason := s.client(t).SavedMethods(t.Context(), "../x", tx)
	assert.False(t, checkable)
	assert.Contains(t, reason, "can't exist")
	assert.Zero(t, s.lists.Load())
}
