package sandbox

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"tieout/internal/corpus"
)

// RunOptions are those of Run.
type RunOptions struct {
	Options
	// Addr to listen on, "127.0.0.1:8484"; port 0 takes any free one.
	Addr  string
	World corpus.World
	// FaultsFile, where given, replaces Options.Faults.
	FaultsFile string
	// Out gets the providers part of a configuration that fits, once requests
	// are taken.
	Out io.Writer
	// Ready, where given, is called with the base URL after that.
	Ready func(base string)
}

// Run serves a world until the context ends: all that the command needs.
func Run(ctx context.Context, o RunOptions) error {
	if o.FaultsFile != "" {
		f, err := ReadFaults(o.FaultsFile)
		if err != nil {
			return err
		}
		o.Faults = f
	}
	s, err := New(o.World, o.Options)
	if err != nil {
		return err
	}
	return s.ListenAndServe(ctx, o.Addr, func(base string) error {
		if o.Out != nil {
			if err := s.WriteConfig(o.Out); err != nil {
				return err
			}
		}
		if o.Ready != nil {
			o.Ready(base)
		}
		return nil
	})
}

// WriteConfig writes the providers part of a configuration that asks this
// server. The credentials in it open nothing else.
func (s *Server) WriteConfig(out io.Writer) error {
	text := "providers:\n"
	for _, a := range s.world.Accounts {
		text += fmt.Sprintf("  - name: %s\n    type: %s\n    base_url: %s\n    credentials:\n", a.Name, a.Type, s.BaseURL(a.Name))
		given := s.Credentials(a.Name)
		for _, name := range slices.Sorted(maps.Keys(given)) {
			text += fmt.Sprintf("      %s: %q\n", name, given[name])
		}
		if len(a.Scale) > 0 {
			text += "    decimals:\n"
			for _, currency := range slices.Sorted(maps.Keys(a.Scale)) {
				text += fmt.Sprintf("      %s: %d\n", currency, a.Scale[currency])
			}
		}
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
