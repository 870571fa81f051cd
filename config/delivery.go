package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Delivery says where published reports are put, and who is told of them.
type Delivery struct {
	// Timeout bounds what all deliveries of a run may take together; default 60s.
	Timeout time.Duration
	// GiveUpAfter is how long after a run's publication its deliveries are still
	// tried; default 7d.
	GiveUpAfter time.Duration
	// LinkBase is the address below which a reader finds the files as they stand
	// below reports.dir; empty: announcements name the files without links.
	LinkBase string
	Targets  []Target
}

// The types of targets.
const (
	S3      = "s3"
	Email   = "email"
	Webhook = "webhook"
)

// Target is one place or one receiver. Which fields hold is a matter of Type.
type Target struct {
	Name, Type  string
	Credentials Secrets

	// s3
	Endpoint       string // https://host[:port]
	Region, Bucket string
	Prefix         string // of the keys, without slashes at its ends
	PathStyle      bool   // the bucket stands in the path, not in the host's name

	// email
	Server string // host:port
	TLS    string // starttls, implicit, or none (loopback alone)
	From   string
	To     []string

	// webhook: an address of a chat often is a secret itself
	URL string
}

// targetKeys are the keys of each type, besides name, type and credentials.
func (r *reader) targetKeys(t *Target) map[string]map[string]field {
	return map[string]map[string]field{
		S3: {
			"endpoint": r.text(&t.Endpoint), "region": r.text(&t.Region), "bucket": r.text(&t.Bucket),
			"prefix": r.text(&t.Prefix), "path_style": r.boolean(&t.PathStyle),
		},
		Email:   {"server": r.text(&t.Server), "tls": r.text(&t.TLS), "from": r.text(&t.From), "to": texts(r, &t.To)},
		Webhook: {"url": r.text(&t.URL)},
	}
}

// targetTypes are the types, and what credentials each has.
var targetTypes = map[string]struct{ credentials, required []string }{
	S3:      {credentials: []string{"access_key_id", "secret_access_key", "session_token"}, required: []string{"access_key_id", "secret_access_key"}},
	Email:   {credentials: []string{"username", "password"}},
	Webhook: {credentials: []string{"secret"}, required: []string{"secret"}},
}

var targetTypeNames = []string{S3, Email, Webhook}

// delivery reads the section. A target has the keys of its type alone.
func (r *reader) delivery(d *Delivery) field {
	return r.group(map[string]field{
		"timeout":       r.duration(&d.Timeout),
		"give_up_after": r.duration(&d.GiveUpAfter),
		"link_base":     r.text(&d.LinkBase),
		"targets": func(n *yaml.Node, key string) {
			d.Targets = nil
			r.sequence(n, key, func(v *yaml.Node, at string) {
				d.Targets = append(d.Targets, Target{})
				t := &d.Targets[len(d.Targets)-1]
				fields := map[string]field{"name": r.text(&t.Name), "type": r.text(&t.Type), "credentials": textMap(r, &t.Credentials)}
				byType := r.targetKeys(t)
				own, known := byType[typeOf(v)]
				for name, read := range own {
					fields[name] = read
				}
				if !known { // its type is the mistake to tell of, not every key
					for _, other := range byType {
						for name, read := range other {
							fields[name] = read
						}
					}
				}
				r.mapping(v, at, fields)
			})
		},
	})
}

// typeOf looks ahead for a target's type.
func typeOf(n *yaml.Node) string {
	n = follow(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			return follow(n.Content[i+1]).Value
		}
	}
	return ""
}

func (d *Delivery) check(f *faults) {
	if d.Timeout < time.Second || d.Timeout > time.Hour {
		f.add("delivery.timeout", "must be from 1s to 1h")
	}
	f.positive("delivery.give_up_after", d.GiveUpAfter)
	d.LinkBase = strings.TrimRight(d.LinkBase, "/")
	if d.LinkBase != "" {
		f.baseURL("delivery.link_base", d.LinkBase)
	}
	first := map[string]int{}
	for i := range d.Targets {
		t, key := &d.Targets[i], fmt.Sprintf("delivery.targets[%d]", i)
		if !name.MatchString(t.Name) {
			f.add(key+".name", "must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first, 63 at most")
		}
		if n, taken := first[t.Name]; taken && t.Name != "" {
			f.add(key+".name", "%s is the name of delivery.targets[%d] too", clip(t.Name), n)
		} else {
			first[t.Name] = i
		}
		t.check(f, key)
	}
}

func (t *Target) check(f *faults, key string) {
	kind, known := targetTypes[t.Type]
	if !known {
		if t.Type == "" {
			f.add(key+".type", "is missing; it is one of %s", strings.Join(targetTypeNames, ", "))
		} else {
			f.add(key+".type", "%s is not known; the nearest known one is %s", clip(t.Type), nearest(t.Type, targetTypeNames))
		}
		return
	}
	f.credentials(key+".credentials", t.Type, t.Credentials, kind.credentials, kind.required)
	switch t.Type {
	case S3:
		t.checkS3(f, key)
	case Email:
		t.checkEmail(f, key)
	case Webhook:
		t.checkWebhook(f, key)
	}
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regionName = regexp.MustCompile(`^[A-Za-z0-9-]{0,64}$`)
	keyPart    = regexp.MustCompile(`^[A-Za-z0-9_=-][A-Za-z0-9._=-]*$`)
)

func (t *Target) checkS3(f *faults, key string) {
	f.baseURL(key+".endpoint", t.Endpoint)
	if u, err := url.Parse(t.Endpoint); err == nil && strings.Trim(u.Path, "/") != "" {
		f.add(key+".endpoint", "must hold no path: the bucket and the prefix have keys of their own")
	}
	if !bucketName.MatchString(t.Bucket) {
		f.add(key+".bucket", "must be the name of a bucket: 3 to 63 lower-case letters, digits, dots and dashes")
	}
	if !regionName.MatchString(t.Region) {
		f.add(key+".region", "must be the name of a region, such as eu-west-1")
	}
	t.Prefix = strings.Trim(t.Prefix, "/")
	if t.Prefix == "" {
		return
	}
	for _, part := range strings.Split(t.Prefix, "/") {
		if !keyPart.MatchString(part) {
			f.add(key+".prefix", "must be parts of letters, digits, dots, dashes, underscores and = between slashes")
		}
	}
}

func (t *Target) checkEmail(f *faults, key string) {
	host, port, err := net.SplitHostPort(t.Server)
	if n, portErr := strconv.Atoi(port); err != nil || host == "" || portErr != nil || n < 1 || n > 65535 {
		f.add(key+".server", "must be host:port, such as smtp.example.com:587")
	}
	if t.TLS == "" {
		t.TLS = "starttls"
		if port == "465" {
			t.TLS = "implicit"
		}
	}
	switch t.TLS {
	case "starttls", "implicit":
	case "none":
		if !loopback(host) {
			f.add(key+".tls", "may be none only where the server is this machine itself")
		}
	default:
		f.add(key+".tls", "must be starttls, implicit or none")
	}
	f.address(key+".from", t.From)
	if len(t.To) == 0 {
		f.add(key+".to", "is missing: the addresses that are told")
	}
	for i, to := range t.To {
		f.address(fmt.Sprintf("%s.to[%d]", key, i), to)
	}
	if (t.Credentials["username"] == "") != (t.Credentials["password"] == "") {
		f.add(key+".credentials", "needs both username and password, or neither")
	}
}

// address checks one e-mail address, with a name before it or without.
func (f *faults) address(key, text string) {
	if a, err := mail.ParseAddress(text); err != nil || clip(text) != text || !strings.Contains(a.Address, "@") {
		f.add(key, "must be an e-mail address")
	}
}

// leastSecret is how many bytes a webhook's secret must have.
const leastSecret = 16

func (t *Target) checkWebhook(f *faults, key string) {
	u, err := url.Parse(t.URL)
	switch { // the address is not shown: it may be a secret
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		f.add(key+".url", "must be a URL such as https://hooks.example.com/tieout")
	case u.User != nil || u.Fragment != "":
		f.add(key+".url", "must hold no user or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		f.add(key+".url", "must be https; http is for this machine alone")
	}
	secret, ok := WebhookKey(t.Credentials["secret"])
	switch {
	case !ok:
		f.add(key+".credentials.secret", "begins with whsec_ but is not base64 after it")
	case len(secret) < leastSecret:
		f.add(key+".credentials.secret", "must have at least %d bytes", leastSecret)
	}
}

// WebhookKey is the key of a webhook's signatures: the bytes of the secret, or,
// where it begins with whsec_ as Standard Webhooks has it, what follows decoded
// from base64.
func WebhookKey(secret string) ([]byte, bool) {
	encoded, coded := strings.CutPrefix(secret, "whsec_")
	if !coded {
		return []byte(secret), true
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	return key, err == nil
}

// String shows a target without its secrets.
func (t Target) String() string { return t.Name + " (" + t.Type + ")" }

// GoString shows a target without its secrets.
func (t Target) GoString() string { return t.String() }

// MarshalJSON shows a target without its secrets; of a webhook's address only
// the host, since the rest is one often.
func (t Target) MarshalJSON() ([]byte, error) {
	type plain Target
	p := plain(t)
	if u, err := url.Parse(t.URL); err != nil || u.Host == "" {
		p.URL = ""
	} else {
		p.URL = u.Scheme + "://" + u.Host
	}
	return json.Marshal(p)
}
