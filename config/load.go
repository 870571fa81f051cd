package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tieout/internal/provider"
)

// EnvPath names the configuration file when no flag does.
const EnvPath = "TIEOUT_CONFIG"

// DefaultPath is the configuration file when neither a flag nor the
// environment names one.
const DefaultPath = "./tieout.yaml"

// maxFile bounds the configuration and each file that it names, in bytes.
const maxFile = 1 << 20

// Path says which file to load: the flag's, else TIEOUT_CONFIG's, else
// ./tieout.yaml.
func Path(flag string, env func(string) (string, bool)) string {
	if flag != "" {
		return flag
	}
	if p, ok := env(EnvPath); ok && p != "" {
		return p
	}
	return DefaultPath
}

// Load reads and validates a configuration file. specs are the provider types
// that it may name; env looks up the variables that it names (os.LookupEnv).
// Whatever is wrong comes back as one *Error that lists all of it.
func Load(path string, specs []provider.Spec, env func(string) (string, bool)) (*Config, error) {
	f := &faults{path: path, lines: map[string]int{}}
	cfg := Default()
	cfg.Path = path
	raw, err := readFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.add("", "no such file: begin with a copy of tieout.example.yaml, or name another file by --config or %s", EnvPath)
	case err != nil:
		f.add("", "%v", err)
	default:
		if root := parse(f, raw); root != nil {
			f.lines[""] = root.Line
			r := &reader{faults: f, env: env, base: path}
			r.config(root, cfg)
		}
	}
	if raw == nil || len(f.list) == 1 && f.list[0].Key == "" {
		return nil, f.err() // nothing was read that could be validated
	}
	cfg.validate(f, specs)
	if err := f.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// readFile reads a file up to maxFile; its errors name no content.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", reason(err))
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", reason(err))
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return raw, nil
}

// reason is an error without the path that the message names anyway.
func reason(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// The parser shows the anchor, which may be the beginning of a secret.
	yamlAnchor = regexp.MustCompile(`(?s)unknown anchor '.*' referenced`)
)

// parse returns the document's root; nil for an empty or unreadable document.
func parse(f *faults, raw []byte) *yaml.Node {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		switch err = dec.Decode(&more); {
		case errors.Is(err, io.EOF):
			return doc.Content[0]
		case err == nil:
			f.list = append(f.list, Problem{Line: more.Line, Message: "a second YAML document begins; one is allowed"})
			return nil
		}
	}
	text := yamlAnchor.ReplaceAllString(err.Error(), "unknown anchor; a text that begins with * needs quotes")
	p := Problem{Message: "is no YAML: " + yamlLine.ReplaceAllString(text, "")}
	if m := yamlLine.FindStringSubmatch(text); m != nil && m[1] != "" {
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = n
		}
	}
	f.list = append(f.list, p)
	return nil
}
