// Command reduce makes hyperswitch.json, the part of Hyperswitch's API
// description that the answers which the client reads are described by:
//
//	go run ./internal/provider/pesaswap/testdata/reduce openapi_spec_v1.json > internal/provider/pesaswap/testdata/hyperswitch.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// notice stands in the reduced file: the licence wants changes to be named.
const notice = "Part of api-reference/v1/openapi_spec_v1.json of github.com/juspay/hyperswitch, release 2026.08.21.0, " +
	"Copyright Juspay Technologies, licensed under the Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0). " +
	"Changed: only the webhooks and the answers of the reads that tieout makes are kept, and the schemas that they refer to; descriptions and examples are left out."

// reads are the calls whose answers are kept.
var reads = map[string][]string{
	"/payouts/{payout_id}": {"get"}, "/payouts/list": {"get", "post"}, "/payouts/filter": {"post"},
	"/payments/{payment_id}": {"get"}, "/payments/list": {"get"},
	"/refunds/{refund_id}": {"get"}, "/refunds/list": {"post"},
	"/disputes/{dispute_id}": {"get"}, "/disputes/list": {"get"},
	"/customers/{customer_id}/payment_methods": {"get"},
}

// others are kept too, which no answer of the reads refers to: errors and webhooks.
var others = []string{"GenericErrorResponseOpenApi", "OutgoingWebhook"}

const place = "#/components/schemas/"

type description struct {
	Comment string `json:"$comment"`
	// Paths by method, then what is said of it: responses alone are kept.
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]any `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Responses map[string]any `json:"responses"`
}

func main() {
	if err := reduce(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reduce:", err)
		os.Exit(1)
	}
}

func reduce(args []string) error {
	if len(args) != 1 {
		return errors.New("give the file of the API description")
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	// Some paths have more beside their methods, so they are read one by one.
	var whole struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &whole); err != nil {
		return err
	}
	out := description{Comment: notice, Paths: map[string]map[string]operation{}}
	todo := slices.Clone(others)
	for path, methods := range reads {
		out.Paths[path] = map[string]operation{}
		for _, method := range methods {
			var op operation
			if err := json.Unmarshal(whole.Paths[path][method], &op); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
			op.Responses = map[string]any{"200": strip(op.Responses["200"])}
			out.Paths[path][method] = op
			todo = append(todo, references(op.Responses["200"])...)
		}
	}
	kept := map[string]any{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if kept[name] != nil {
			continue
		}
		schema, ok := whole.Components.Schemas[name]
		if !ok {
			return fmt.Errorf("there is no schema %s", name)
		}
		kept[name] = strip(schema)
		todo = append(todo, references(kept[name])...)
	}
	out.Components.Schemas = kept
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

// strip leaves out what is only for readers. Below properties the keys are
// names of members, of which some are called description.
func strip(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case map[string]any:
		for _, k := range []string{"description", "title", "example", "examples", "deprecated"} {
			delete(v, k)
		}
		for k, sub := range v {
			members, ok := sub.(map[string]any)
			if k != "properties" || !ok {
				v[k] = strip(sub)
				continue
			}
			for name := range members {
				members[name] = strip(members[name])
			}
		}
	}
	return v
}

func references(v any) (names []string) {
	switch v := v.(type) {
	case []any:
		for _, sub := range v {
			names = append(names, references(sub)...)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			names = append(names, strings.TrimPrefix(ref, place))
		}
		for _, sub := range v {
			names = append(names, references(sub)...)
		}
	}
	return names
}
