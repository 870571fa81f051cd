package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const oneProvider = "providers: [{ name: a, type: pawapay, credentials: { token: x } }]\n"

func TestDeliveryIsRead(t *testing.T) {
	t.Parallel()
	cfg := load(t, oneProvider+`delivery:
  link_base: https://reports.example.com/tieout/
  targets:
    - name: archive
      type: s3
      endpoint: https://s3.eu-west-1.amazonaws.com
      bucket: finance-reports
      prefix: /tieout/zm/
      credentials: { access_key_id: AKIA, secret_access_key: "${PAWAPAY_TOKEN}" }
    - { name: finance, type: email, server: "smtp.example.com:465", from: "tieout <t@example.com>", to: [f@example.com] }
    - { name: local, type: email, server: "localhost:25", tls: none, from: t@example.com, to: [f@example.com] }
    - { name: chat, type: webhook, url: "https://hooks.example.com/T/s3cr3t-value", credentials: { secret: whsec_MDEyMzQ1Njc4OWFiY2RlZg== } }
`)
	d := cfg.Delivery
	if d.Timeout != time.Minute || d.GiveUpAfter != 7*day || d.LinkBase != "https://reports.example.com/tieout" {
		t.Errorf("%+v", d)
	}
	want := []Target{
		{
			Name: "archive", Type: S3, Endpoint: "https://s3.eu-west-1.amazonaws.com", Bucket: "finance-reports", Prefix: "tieout/zm",
			Credentials: Secrets{"access_key_id": "AKIA", "secret_access_key": secret},
		},
		{Name: "finance", Type: Email, Server: "smtp.example.com:465", TLS: "implicit", From: "tieout <t@example.com>", To: []string{"f@example.com"}},
		{Name: "local", Type: Email, Server: "localhost:25", TLS: "none", From: "t@example.com", To: []string{"f@example.com"}},
		{
			Name: "chat", Type: Webhook, URL: "https://hooks.example.com/T/" + secret,
			Credentials: Secrets{"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="},
		},
	}
	if diff := cmp.Diff(want, d.Targets); diff != "" {
		t.Error(diff)
	}
	if key, ok := WebhookKey("whsec_MDEyMzQ1Njc4OWFiY2RlZg=="); !ok || string(key) != "0123456789abcdef" {
		t.Errorf("key %q", key)
	}
	shown, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(shown), fmt.Sprintf("%v %+v %#v", cfg.Delivery, *cfg, cfg.Delivery.Targets[0])} {
		if strings.Contains(text, secret) || strings.Contains(text, "MDEy") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestMistakesOfDeliveryAndRetention(t *testing.T) {
	t.Parallel()
	target := func(text string) string { return oneProvider + "delivery:\n  targets:\n    - { " + text + " }" }
	s3 := func(text string) string {
		return target("name: x, type: s3, endpoint: 'https://s3.example.com', bucket: reports, credentials: { access_key_id: a, secret_access_key: b }" + text)
	}
	mail := func(text string) string {
		return target("name: x, type: email, from: a@example.com, to: [b@example.com]" + text)
	}
	hook := func(text string) string {
		return target("name: x, type: webhook, credentials: { secret: 0123456789abcdef }" + text)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no type":                  {target("name: x"), "4: delivery.targets[0].type: is missing; it is one of s3, email, webhook"},
		"an unknown type":          {target("name: x, type: mail, server: 'h:25'"), "4: delivery.targets[0].type: mail is not known; the nearest known one is email"},
		"a key of another type":    {s3(", to: [a@example.com]"), "4: delivery.targets[0].to: unknown key; the nearest known one is type"},
		"a key that is none":       {s3(", buket: x"), "4: delivery.targets[0].buket: unknown key; the nearest known one is bucket"},
		"a name that climbs":       {target("name: ../x, type: email"), "4: delivery.targets[0].name: must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first, 63 at most"},
		"a name twice":             {s3("") + "\n    - { name: x, type: s3, endpoint: 'https://s3.example.com', bucket: reports, credentials: { access_key_id: a, secret_access_key: b } }", "5: delivery.targets[1].name: x is the name of delivery.targets[0] too"},
		"storage over http":        {strings.Replace(s3(""), "https://s3.example.com", "http://s3.example.com", 1), "4: delivery.targets[0].endpoint: must be https; http is for this machine alone"},
		"a bucket in the endpoint": {strings.Replace(s3(""), "s3.example.com", "s3.example.com/reports", 1), "4: delivery.targets[0].endpoint: must hold no path: the bucket and the prefix have keys of their own"},
		"a bucket that climbs":     {strings.Replace(s3(""), "bucket: reports", "bucket: ../x", 1), "4: delivery.targets[0].bucket: must be the name of a bucket: 3 to 63 lower-case letters, digits, dots and dashes"},
		"a prefix that climbs":     {s3(", prefix: a/../b"), "4: delivery.targets[0].prefix: must be parts of letters, digits, dots, dashes, underscores and = between slashes"},
		"no credentials":           {target("name: x, type: s3, endpoint: 'https://s3.example.com', bucket: reports, credentials: { access_key_id: a }"), "4: delivery.targets[0].credentials.secret_access_key: is missing or empty; type s3 needs it"},
		"a credential of nobody":   {mail(", server: 'h:25', credentials: { user: a }"), "4: delivery.targets[0].credentials.user: type email has no such credential; the nearest known one is username"},
		"no port":                  {mail(", server: smtp.example.com"), "4: delivery.targets[0].server: must be host:port, such as smtp.example.com:587"},
		"no TLS in the world":      {mail(", server: 'smtp.example.com:25', tls: none"), "4: delivery.targets[0].tls: may be none only where the server is this machine itself"},
		"TLS if it likes":          {mail(", server: 'smtp.example.com:25', tls: opportunistic"), "4: delivery.targets[0].tls: must be starttls, implicit or none"},
		"nobody to tell":           {target("name: x, type: email, server: 'h:25', from: a@example.com"), "4: delivery.targets[0].to: is missing: the addresses that are told"},
		"an address with a header": {target("name: x, type: email, server: 'h:25', from: a@example.com, to: [\"b@example.com\\r\\nBcc: c@example.com\"]"), "4: delivery.targets[0].to[0]: must be an e-mail address"},
		"half of the credentials":  {mail(", server: 'h:25', credentials: { username: a }"), "4: delivery.targets[0].credentials: needs both username and password, or neither"},
		"a hook over http":         {hook(", url: 'http://h.example/" + secret + "'"), "4: delivery.targets[0].url: must be https; http is for this machine alone"},
		"a hook nowhere":           {hook(""), "4: delivery.targets[0].url: must be a URL such as https://hooks.example.com/tieout"},
		"a secret to be guessed":   {target("name: x, type: webhook, url: 'https://h.example', credentials: { secret: short }"), "4: delivery.targets[0].credentials.secret: must have at least 16 bytes"},
		"a secret that is none":    {target("name: x, type: webhook, url: 'https://h.example', credentials: { secret: 'whsec_*' }"), "4: delivery.targets[0].credentials.secret: begins with whsec_ but is not base64 after it"},
		"no time":                  {oneProvider + "delivery: { timeout: 0s }", "2: delivery.timeout: must be from 1s to 1h"},
		"a link over http":         {oneProvider + "delivery: { link_base: 'http://h.example' }", "2: delivery.link_base: must be https; http is for this machine alone"},
		"kept for an hour":         {oneProvider + "retention: { report_files: 1h }", "2: retention.report_files: must be at least 1d; leave it out to keep everything"},
		"kept forever by a word":   {oneProvider + "retention: { observations: forever }", "2: retention.observations: must be a duration such as 90s, 15m, 72h or 30d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tc.text)
			_, err := Load(path, specs, environment)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if got := strings.TrimPrefix(strings.Split(err.Error(), "\n")[0], path+":"); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("a secret is shown")
			}
		})
	}
}
