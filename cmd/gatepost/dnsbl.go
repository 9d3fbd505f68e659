package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) dnsbl() *cobra.Command {
	var r ops.DNSLists
	c := &cobra.Command{
		Use:   "dnsbl [ZONE]",
		Short: "How the DNS lists are that policies ask",
		Long: `Shows the DNS lists of the policies in force: whether they are believed or only
observed, and why; what they answered about mail since the node was started, and how
fast. With ZONE it shows one list with the causes of its errors and what to do about
the last one.`,
		Example: `  gatepost dnsbl
  gatepost dnsbl zen.example.net --probe`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				head := []string{"ZONE", "KIND", "STATE", "ASKED", "HITS", "MISSES", "ERRORS", "P50", "P95", "TROUBLE"}
				return askList(p, cmd, r, listing[ops.DNSList]{"no policy asks a DNS list", head, func(l ops.DNSList) []any {
					return []any{l.Zone, l.Kind, l.State, l.Asked, share(l.Hits, l), l.Misses, unanswered(l), seconds(l.P50), seconds(l.P95), l.Trouble}
				}})
			}
			r.Zone = args[0]
			return ask(p, cmd, r, func(lists []ops.DNSList) {
				for i, l := range lists {
					if i > 0 {
						p.say("")
					}
					p.dnsList(l)
				}
			})
		},
	}
	c.Flags().BoolVar(&r.Probe, "probe", false, "ask the lists' test points now")
	return c
}

// dnsList shows one list.
func (p *program) dnsList(l ops.DNSList) {
	pairs := []any{"zone", l.Zone, "kind", l.Kind, "state", l.State, "trouble", l.Trouble, "since", l.Since, "probed", l.Checked,
		"asked", l.Asked, "hits", share(l.Hits, l), "misses", l.Misses, "half within", seconds(l.P50), "95 % within", seconds(l.P95)}
	for _, cause := range slices.Sorted(maps.Keys(l.Errors)) {
		pairs = append(pairs, "errors, "+cause, l.Errors[cause])
	}
	if l.LastError != "" {
		pairs = append(pairs, "last error", l.LastError, "at", l.LastErrorAt)
	}
	p.record(pairs...)
}

// share is a number of answers with its part of those that were valid.
func share(n int64, l ops.DNSList) string {
	if valid := l.Hits + l.Misses; valid > 0 {
		return fmt.Sprintf("%d (%d %%)", n, 100*n/valid)
	}
	return fmt.Sprint(n)
}

func unanswered(l ops.DNSList) (n int64) {
	for _, v := range l.Errors {
		n += v
	}
	return n
}

// seconds is a time as people read it.
func seconds(s float64) string {
	if s == 0 {
		return ""
	}
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
