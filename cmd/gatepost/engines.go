package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) engines() *cobra.Command {
	var r ops.Engines
	c := &cobra.Command{
		Use:   "engines",
		Short: "How the virus scanners, spam filters and milters are that policies ask",
		Long: `Shows the engines that the policies in force name, one line an address: whether it is
asked, and why not; how often it answered about mail since the node was started, and
how often it did not; its version, and how old its virus signatures are.`,
		Example: `  gatepost engines
  gatepost engines --probe`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"ENGINE", "ADDRESS", "STATE", "SINCE", "ANSWERS", "FAILURES", "VERSION", "SIGNATURES", "TROUBLE"}
			return askList(p, cmd, r, listing[ops.Engine]{"no policy names an engine", head, func(e ops.Engine) []any {
				return []any{e.Kind, e.Address, e.State, e.Since, e.Answers, e.Failures, e.Version, p.signatures(e), e.Trouble}
			}})
		},
	}
	c.Flags().BoolVar(&r.Probe, "probe", false, "ask each now whether it is well")
	return c
}

// signatures tells how old an engine's are.
func (p *program) signatures(e ops.Engine) string {
	switch age := p.now().Sub(e.Made); {
	case e.Made.IsZero():
		return ""
	case e.Old:
		return fmt.Sprintf("old: %d h", int(age.Hours()))
	default:
		return fmt.Sprintf("%d h", int(age.Hours()))
	}
}
