package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestJSONKeepsWhatReconcilesAndHidesWhatTellsOnPeople(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"pawapay deposit": {
			`{"status":"FOUND","data":{"depositId":"0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED","amount":"250.00","currency":"ZMW","payer":{"type":"MMO","accountDetails":{"phoneNumber":"260763000111","provider":"MTN_MOMO_ZMB"}},"created":"2026-03-11T08:14:05Z","providerTransactionId":"9912047731","metadata":{"orderId":"KB-7781","customerEmail":"a@b.co"}}}`,
			`{"status":"FOUND","data":{"depositId":"0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED","amount":"250.00","currency":"ZMW","payer":{"type":"MMO","accountDetails":{"phoneNumber":"***0111","provider":"MTN_MOMO_ZMB"}},"created":"2026-03-11T08:14:05Z","providerTransactionId":"9912047731","metadata":{"orderId":"KB-7781","customerEmail":"***"}}}`,
		},
		"pawapay's other spelling and its links": {
			`{"phoneNUmber":"260763000111","downloadUrl":"https://files.example/a.csv?X-Sig=topsecret#x","fileSize":10}`,
			`{"phoneNUmber":"***0111","downloadUrl":"https://files.example/a.csv?***","fileSize":10}`,
		},
		"pesaway row": {
			`[{"Reference":"kQ27VbTzm4s","Receipt":"TJ42K8M1QX","TransactionDate":"2025-11-03T09:14:22Z","Recipient":"254700000111 - Jane Wanjiku","ExternalReference":"DP-2025-000913","Amount":"1250.00"}]`,
			`[{"Reference":"kQ27VbTzm4s","Receipt":"TJ42K8M1QX","TransactionDate":"2025-11-03T09:14:22Z","Recipient":"***0111","ExternalReference":"DP-2025-000913","Amount":"1250.00"}]`,
		},
		"pesaway status": {
			`{"ResultCode":0,"TransactionID":"PHY7C21D09AE4","AccountAvailableFunds":"98432.10","ReceiverPartyPublicName":"Jane Wanjiku","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`,
			`{"ResultCode":0,"TransactionID":"PHY7C21D09AE4","AccountAvailableFunds":"98432.10","ReceiverPartyPublicName":"***","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`,
		},
		"pivot charge": {
			`{"amount":{"value":150000,"currency":"IDR"},"card":{"first6":"444000","last4":"0001","expMonth":"07","deep":{"x":["Sari"]}},"virtualAccount":{"virtualAccountNumber":"880012345678","virtualAccountName":"Sari"},"customer":{"givenName":"Sari","surname":"C","email":"s@x.id","phoneNumber":{"countryCode":"+62","number":"81200000001"}},"customerId":"0198a001-77aa-7c11-9d2e-4f5a6b7c8d9e"}`,
			`{"amount":{"value":150000,"currency":"IDR"},"card":{"first6":"***","last4":"***","expMonth":"***","deep":{"x":["***"]}},"virtualAccount":{"virtualAccountNumber":"***5678","virtualAccountName":"***"},"customer":{"givenName":"***","surname":"***","email":"***","phoneNumber":{"countryCode":"***","number":"***0001"}},"customerId":"0198a001-77aa-7c11-9d2e-4f5a6b7c8d9e"}`,
		},
		"pesaswap payout": {
			`{"payout_id":"payout_7Qm2","amount":125000,"client_secret":"payout_secret_p0Yw1","billing":{"address":null,"phone":{"number":"712000431"}},"name":"A Wanjiku","phone":712000431,"recurring":true,"payout_method_id":"pm_4fJt","connector_transaction_id":"UHE4K2P9QT","payment_token":"token_c8Wv1"}`,
			`{"payout_id":"payout_7Qm2","amount":125000,"client_secret":"***","billing":{"address":null,"phone":{"number":"***0431"}},"name":"***","phone":"***0431","recurring":true,"payout_method_id":"pm_4fJt","connector_transaction_id":"UHE4K2P9QT","payment_token":"***"}`,
		},
		"tokens": {
			`{"access_token":"a","accessToken":"b","token":"c","tokenType":"Bearer","data":{"token":["d",{"e":"f"}],"refresh-token":1}}`,
			`{"access_token":"***","accessToken":"***","token":"***","tokenType":"Bearer","data":{"token":["***",{"e":"***"}],"refresh-token":"***"}}`,
		},
		"exact numbers":      {`{"a":12345678901234567890.10,"b":1e400,"c":-0.10}`, `{"a":12345678901234567890.10,"b":1e400,"c":-0.10}`},
		"sentences":          {`{"failureMessage":"No wallet for 254700000111 <x>, ask a.b@c.org"}`, `{"failureMessage":"No wallet for ***0111 <x>, ask ***"}`},
		"JSON in JSON":       {`{"raw":"{\"phone\":\"254700000111\",\"amount\":\"12.50\"}"}`, `{"raw":"{\"phone\":\"***0111\",\"amount\":\"12.50\"}"}`},
		"empty, null, bools": {`{"name":"","phone":null,"card":{"saved":true},"x":[]}`, `{"name":"","phone":null,"card":{"saved":true},"x":[]}`},
	} {
		in := []byte(tc.in)
		if got := string(Redact("application/json", in)); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
		if string(in) != tc.in {
			t.Errorf("%s: the body was changed", name)
		}
	}
}

func TestOtherBodiesAreMaskedByTheirLook(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ contentType, in, want string }{
		"broken JSON": {"application/json", `{"phoneNumber":"260763000111","name":"Jane \"J\" Wan","amount":"1250.00","token":"abc`, `{"phoneNumber":"***0111","name":"***","amount":"1250.00","token":"***`},
		"HTML":        {"text/html", `<h1>502</h1><p>254700000111, a@b.co</p>`, `<h1>502</h1><p>***0111, ***</p>`},
		"form":        {"application/x-www-form-urlencoded", `access_token=abc&amount=1250&phone=254700000111`, `access_token=***&amount=1250&phone=***0111`},
		"header":      {"text/plain", `Authorization: Bearer abc.def`, `Authorization: Bearer ***`},
		"CSV":         {"text/csv", "Transaction ID,MSISDN,Amount\n0a3c7d52-9c0f-4a58-8b5f-012345678901,260763000111,1250000.00\n", "Transaction ID,MSISDN,Amount\n0a3c7d52-9c0f-4a58-8b5f-012345678901,***0111,1250000.00\n"},
		"binary":      {"application/gzip; x=y", "\x1f\x8b\x08\x00\x01", "(application/gzip, 5 bytes, not kept)"},
		"odd type":    {"evil\r\nX: y", "\xff\xfe\x00", "(binary, 3 bytes, not kept)"},
		"BOM":         {"application/json", "\xef\xbb\xbf{\"token\":\"a\"}", `{"token":"***"}`},
		"two values":  {"application/json", `{"token":"a"}{"token":"b"}`, `{"token":"***"}{"token":"***"}`},
		"blank":       {"", " \n", ""},
	} {
		if got := string(Redact(tc.contentType, []byte(tc.in))); got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, tc.want)
		}
	}
	long := Redact("text/plain", []byte(strings.Repeat("é 254700000111\n", 4000)))
	if len(long) > 4096 || bytes.Contains(long, []byte("25470")) || len(long) < 1000 {
		t.Errorf("a long body: %d bytes, ends with %q", len(long), long[max(0, len(long)-40):])
	}
	deepJSON := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if got := Redact("application/json", []byte(deepJSON)); len(got) > 4096 {
		t.Errorf("very deep JSON: %d bytes", len(got))
	}
}

func TestTextMasksNumbersAndAddressesAndLeavesIDs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"call 254700000111 now":      "call ***0111 now",
		"call +254 700 000 111 now":  "call ***0111 now",
		"call +254-700-000111.":      "call ***0111.",
		"0700123":                    "***23",
		"070012":                     "070012",
		"phone=254700000111":         "phone=***0111",
		"cus_254700000111":           "cus_***0111",
		"jane.w+x@mail.example.org,": "***,",
		"payment 0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11": "payment 0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11",
		"payment 00000000-0000-4000-8000-000000000001": "payment 00000000-0000-4000-8000-000000000001",
		"PO-20251103-000481, DEP20251103A17":           "PO-20251103-000481, DEP20251103A17",
		"PHY7C21D09AE4 payout_7Qm2xV9bTfK4wZr8LcHd":    "PHY7C21D09AE4 payout_7Qm2xV9bTfK4wZr8LcHd",
		`amount "15000000.505" of IDR`:                 `amount "15000000.505" of IDR`,
		"at 2026-03-11T08:14:05.123456789Z":            "at 2026-03-11T08:14:05.123456789Z",
		"on 2026-03-11, HTTP 503":                      "on 2026-03-11, HTTP 503",
		"":                                             "",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzRedactNeverFailsAndHidesTheSecret(f *testing.F) {
	f.Add("application/json", `{"a":[1,{"b":"c d"}],"phone":{"x":null}}`)
	f.Add("text/csv", "a,b\n254700000111,0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11")
	f.Add("application/json", `{"access_token":"abc`)
	f.Add("", "\x00\xff")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		_ = Text(body)
		_ = Redact(contentType, []byte(body))
		// The same wrapped: whatever else is in the answer, the secret is gone
		// and what was JSON stays JSON.
		hidden, _ := json.Marshal(map[string]any{"x": body, "list": []any{map[string]any{"accessToken": "s3cr3t-" + body}}})
		out := Redact(contentType, hidden)
		if !json.Valid(out) {
			t.Errorf("no JSON any more: %s", out)
		}
		var got struct {
			List []struct{ AccessToken string }
		}
		if err := json.Unmarshal(out, &got); err != nil || len(got.List) != 1 || got.List[0].AccessToken != mask {
			t.Errorf("got %s, %v", out, err)
		}
		if json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimSpace(body), "{") {
			out := Redact(contentType, []byte(body))
			if len(out) != 0 && !json.Valid(out) && len(body) < 100 {
				t.Errorf("no JSON any more: %q to %q", body, out)
			}
		}
	})
}

func FuzzTextLeavesNoLongNumberAlone(f *testing.F) {
	f.Add("pay ", "254700000111", " now")
	f.Fuzz(func(t *testing.T, before, number, after string) {
		if len(number) < 9 || len(number) > 40 || strings.Trim(number, "0123456789") != "" {
			return
		}
		text := strings.TrimRight(before, ".+()-0123456789") + " " + number + " " + after
		if got := Text(text); strings.Contains(got, " "+number+" ") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestFurtherValuesAreHiddenByTheirKeys(t *testing.T) {
	t.Parallel()
	is := func(under, key string) bool {
		return key == "customer_id" || key == "customerName" || under == "customer" && key == "id"
	}
	hide := func(s string) string { return "<" + s[:1] + ">" }
	for in, want := range map[string]string{
		`{"z":1.50,"customer_id":"cus_1","a":{"metadata":{"customerName":"Jane","order":"254700000111 x"}}}`: `{"z":1.50,"customer_id":"<c>","a":{"metadata":{"customerName":"<J>","order":"254700000111 x"}}}`,
		`{"id":"pay_1","customer":{"id":"cus_1","n":[{"id":"k"}]},"customers":[{"id":"x"}]}`:                 `{"id":"pay_1","customer":{"id":"<c>","n":[{"id":"k"}]},"customers":[{"id":"x"}]}`,
		`[{"fieldName":"customerName","fieldValue":"Jane"},{"fieldName":"order","fieldValue":"J-1"}]`:        `[{"fieldName":"customerName","fieldValue":"<J>"},{"fieldName":"order","fieldValue":"J-1"}]`,
		`{"customer_id":{"of":["Jane",7]}}`: `{"customer_id":{"of":["<J>","<7>"]}}`,
		`"a text"`:                          `"a text"`,
		`no JSON`:                           `no JSON`,
		``:                                  ``,
	} {
		if got := string(Named([]byte(in), is, hide)); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}
