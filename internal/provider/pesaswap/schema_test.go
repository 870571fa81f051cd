package pesaswap_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// The vendor's own description of its API, which nobody here wrote: the part
// that testdata/reduce keeps of it.
const schemaFile = "testdata/hyperswitch.json"

// exception is a place where the description is stricter than the server is.
type exception struct {
	// at is the schema that is changed, as a path below components/schemas.
	at     string
	change func(schema map[string]any)
	why    string
}

// exceptions are all places in which answers of the real service don't fit the
// description. SRC is the server's source, juspay/hyperswitch at 2026.08.21.0.
var exceptions = []exception{
	{
		"PaymentsResponse/properties/payment_id", drop("minLength", "maxLength"),
		"ids have 24 characters, or up to 64 where the merchant chose them; 30 is what the description says (SRC common_utils/src/id_type)",
	},
	{
		"PayoutCreateResponse/properties/payout_id", drop("minLength", "maxLength"),
		"the same of payouts: 27 characters, a UUID before 2025-07, or the merchant's own",
	},
	{
		"PaymentsResponse/properties/amount_capturable", drop("minimum"),
		"0 when nothing is left to capture, as recorded answers show; the minimum of 100 belongs to a request",
	},
	{
		"PaymentsResponse/properties/payment_method", nullable,
		"null until the customer chose one (SRC api_models/src/payments.rs: an Option)",
	},
	{
		"PaymentsResponse/properties/payment_method_type", nullableWords("PaymentMethodType", "m_pesa_express"),
		"PesaSwap's own payment method type, unknown upstream (a merchant's live integration)",
	},
	{
		"PaymentAttemptResponse/properties/payment_method_type", nullableWords("PaymentMethodType", "m_pesa_express"),
		"the same in an attempt",
	},
	{
		"PaymentMethodDataResponse", anything,
		"PesaSwap's wallets have shapes of their own; a text such as \"reward\" comes as well (SRC api_models/src/payments.rs)",
	},
	{
		"CustomerDetailsResponse/properties/phone_country_code", drop("maxLength"),
		"+254 has four characters; the limit of 2 is not enforced (SRC api_models/src/payments.rs: a String)",
	},
	{
		"PayoutCreateResponse/properties/customer_id", nullable,
		"null in recorded answers of payouts without a customer (SRC api_models/src/payouts.rs: an Option)",
	},
	{
		"PayoutCreateResponse/properties/client_secret", nullable,
		"always null in lists (SRC core/payouts/transformers.rs)",
	},
	{
		"PayoutCreateResponse/properties/return_url", nullable,
		"null unless the merchant gave one (SRC api_models/src/payouts.rs: an Option)",
	},
	{
		"PayoutCreateResponse/properties/business_country", nullable,
		"null unless the merchant gave one (SRC api_models/src/payouts.rs: an Option)",
	},
	{
		"RefundResponse/properties/amount", drop("minimum"),
		"part of a payment may be refunded down to one minor unit; the minimum of 100 belongs to a request (SRC core/refunds.rs)",
	},
	{
		"PayoutListFilters/properties/connector/items", words("PayoutConnectors", "daraja", "pesapay"),
		"PesaSwap's own connectors, unknown upstream (a merchant's live integration)",
	},
	{
		"paths//payments/list get", unwrap,
		"described as a list of lists; the server sends one object with size and data (SRC core/payments.rs list_payments)",
	},
	{
		"GenericErrorResponseOpenApi", wrapError,
		"described without the object error around it, and with error_type; sent as {\"error\": {type, message, code}} " +
			"(SRC api_models/src/errors/types.rs), with error_type where the JSON body is refused (SRC core/errors/error_handlers.rs)",
	},
}

func drop(keys ...string) func(map[string]any) {
	return func(s map[string]any) {
		for _, k := range keys {
			delete(s, k)
		}
	}
}

func nullable(s map[string]any) { s["nullable"] = true }

// anything lets anything pass.
func anything(s map[string]any) { clear(s) }

// words adds words to the list that a schema refers to.
func words(name string, more ...string) func(map[string]any) {
	return func(s map[string]any) {
		known := map[string]any{"$ref": refPrefix + name}
		clear(s)
		s["anyOf"] = []any{known, map[string]any{"enum": texts(more)}}
	}
}

func nullableWords(name string, more ...string) func(map[string]any) {
	return func(s map[string]any) {
		words(name, more...)(s)
		nullable(s)
	}
}

func texts(in []string) []any {
	out := make([]any, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

// unwrap makes a list of objects one object.
func unwrap(s map[string]any) {
	inner := s["items"].(map[string]any)
	clear(s)
	for k, v := range inner {
		s[k] = v
	}
}

func wrapError(s map[string]any) {
	inner := map[string]any{
		"type": "object", "required": []any{"message", "code"},
		"properties": map[string]any{"message": textSchema(), "code": textSchema(), "type": textSchema(), "error_type": textSchema()},
		"anyOf":      []any{map[string]any{"required": []any{"type"}}, map[string]any{"required": []any{"error_type"}}},
	}
	clear(s)
	s["type"], s["required"], s["properties"] = "object", []any{"error"}, map[string]any{"error": inner}
}

func textSchema() map[string]any { return map[string]any{"type": "string"} }

const refPrefix = "#/components/schemas/"

// spec is the description with exceptions, as JSON Schema 2020-12.
type spec struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// readSpec reads the description and applies all exceptions but the one at
// index without; -1 applies all.
func readSpec(t testing.TB, without int) spec {
	t.Helper()
	raw, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	s := spec{doc: parsed.(map[string]any)}
	for i, e := range exceptions {
		if i != without {
			e.change(s.at(t, e.at))
		}
	}
	return s.ready(t, func(v any) any { return v })
}

// overlapping lets a value fit several of the schemas of which the description
// says that it fits one: many of them demand nothing, so what is drawn from one
// fits others too.
func (s spec) overlapping(t testing.TB) spec {
	t.Helper()
	var change func(v any) any
	change = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = change(v[i])
			}
		case map[string]any:
			for k, sub := range v {
				v[k] = change(sub)
			}
			if one, ok := v["oneOf"]; ok {
				v["anyOf"] = one
				delete(v, "oneOf")
			}
		}
		return v
	}
	return s.ready(t, change)
}

// ready makes the description, changed, ready to be compiled.
func (s spec) ready(t testing.TB, change func(any) any) spec {
	t.Helper()
	s.compiler = jsonschema.NewCompiler()
	s.compiler.AssertFormat()
	for name, bits := range map[string]int{"int32": 32, "int64": 64} {
		s.compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if n, ok := v.(json.Number); ok {
				_, err := strconv.ParseInt(n.String(), 10, bits)
				return err
			}
			return nil
		}})
	}
	require.NoError(t, s.compiler.AddResource("mem:///spec.json", allowNulls(change(copyOf(t, s.doc)))))
	return s
}

func copyOf(t testing.TB, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return out
}

// at finds a schema: below components/schemas, or the answer of a read.
func (s spec) at(t testing.TB, path string) map[string]any {
	t.Helper()
	v := s.doc["components"].(map[string]any)["schemas"]
	steps := strings.Split(path, "/")
	if read, ok := strings.CutPrefix(path, "paths/"); ok {
		p, method, _ := strings.Cut(read, " ")
		v = s.doc["paths"]
		steps = []string{p, method, "responses", "200", "content", "application/json", "schema"}
	}
	for _, step := range steps {
		next, ok := v.(map[string]any)[step]
		require.True(t, ok, "%s: there is no %s", path, step)
		v = next
	}
	return v.(map[string]any)
}

// webhook stands for the schema of what is posted to the merchant.
const webhook = "webhook"

// compiled gives the schema of an answer: of a read ("get /payouts/list"), of a
// webhook, or of all that is an error.
func (s spec) compiled(t testing.TB, answer string) *jsonschema.Schema {
	t.Helper()
	at := "mem:///spec.json#/components/schemas/GenericErrorResponseOpenApi"
	if answer == webhook {
		at = "mem:///spec.json#/components/schemas/OutgoingWebhook"
	}
	if method, path, ok := strings.Cut(answer, " "); ok {
		at = "mem:///spec.json#/paths/" + strings.NewReplacer("/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/" + method +
			"/responses/200/content/application~1json/schema"
	}
	schema, err := s.compiler.Compile(at)
	require.NoError(t, err)
	return schema
}

// allowNulls says nullable, a word of OpenAPI 3.0, as JSON Schema does.
func allowNulls(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = allowNulls(v[i])
		}
	case map[string]any:
		for k, sub := range v {
			v[k] = allowNulls(sub)
		}
		if v["nullable"] == true {
			inner := map[string]any{}
			for k, sub := range v {
				if k != "nullable" {
					inner[k] = sub
				}
			}
			return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, inner}}
		}
	}
	return v
}

// enum lists the words of a schema.
func (s spec) enum(t testing.TB, name string) []string {
	t.Helper()
	var out []string
	for _, w := range s.at(t, name)["enum"].([]any) {
		out = append(out, w.(string))
	}
	slices.Sort(out)
	return out
}
