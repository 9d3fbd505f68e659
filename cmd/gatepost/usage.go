package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
)

// usage returns an error that the command line is to blame for.
func usage(format string, args ...any) error { return control.Misused(format, args...) }

// require marks flags that a command can't do without.
func require(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that the command does not have
		}
	}
}
