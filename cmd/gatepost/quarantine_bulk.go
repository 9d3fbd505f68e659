package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// A heldAct is a command that does something to held messages.
type heldAct struct {
	name, short, long string
	lists             bool // it makes list entries
	guards            bool // what is dangerous is left, unless --guarded is said
	ids               func(ids []string, guarded bool, c ops.HeldChoice) control.Request
}

// byFlags is what is said of whole selections.
const byFlags = ` They are named by id, or by flags, all of which must hold, together with --all;
--dry-run then only counts them. What somebody did before is skipped, and after a failure it
goes on with the others. What is dangerous is released only where --guarded says so.`

// heldAct makes the command: for ids, or for a selection with --all.
func (p *program) heldAct(a heldAct) *cobra.Command {
	r := ops.QuarantineBulk{Act: a.name}
	var all, dry bool
	c := &cobra.Command{
		Use:   a.name + " [ID...]",
		Short: a.short,
		Long:  a.long + byFlags,
		Example: fmt.Sprintf(`  gatepost quarantine %s 4711 4712
  gatepost quarantine %s --filter keywords --since 9:00 --all`, a.name, a.name),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkHeldFilter(cmd, &r.HeldFilter); err != nil {
				return err
			}
			narrowed := narrows(cmd, a.guards && len(args) > 0)
			switch {
			case len(args) > 0 && (narrowed || all || dry):
				return usage("give ids, or flags with --all; not both")
			case len(args) > 0:
				return askList(p, cmd, a.ids(args, r.Guarded, r.HeldChoice), heldRows("nothing done"))
			case dry:
				return p.countHeld(cmd, r)
			case !all:
				return usage("which ones? Give ids; or flags and --all, for all that they mean (--dry-run counts them)")
			}
			return p.bulk(cmd, r)
		},
	}
	f := c.Flags()
	p.heldFilter(f, &r.HeldFilter)
	f.BoolVar(&all, "all", false, "all messages that the other flags mean")
	f.BoolVar(&dry, "dry-run", false, "only count them")
	if a.lists {
		f.BoolVar(&r.SenderDomain, "sender-domain", false, "list the sender's whole domain, not only the address")
		f.BoolVar(&r.ForDomain, "for-domain", false, "list it for all of the recipient's domain, not only the mailbox")
	}
	return c
}

// narrows reports whether flags were given that say which messages are meant; warned:
// --guarded says that of what is named by id.
func narrows(cmd *cobra.Command, warned bool) (narrowed bool) {
	own := cmd.LocalNonPersistentFlags()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "all", "dry-run", "sender-domain", "for-domain":
		case "guarded":
			narrowed = narrowed || !warned
		default:
			narrowed = narrowed || own.Lookup(f.Name) != nil
		}
	})
	return narrowed
}

// countMost is how many are counted before "more than" is said.
const countMost = 10_000

func (p *program) countHeld(cmd *cobra.Command, r ops.QuarantineBulk) error {
	count := ops.QuarantineCount{HeldFilter: r.HeldFilter, Most: countMost}
	return ask(p, cmd, count, func(n ops.HeldCount) {
		more := ""
		if n.More {
			more = "at least "
		}
		p.say("%s would be done to %s%d", r.Act, more, n.Count)
	})
}

// bulk does it to the whole selection, some at a time.
func (p *program) bulk(cmd *cobra.Command, r ops.QuarantineBulk) error {
	sum := ops.HeldBulk{Failures: []ops.HeldFailure{}, More: true}
	var err error
	for sum.More && err == nil {
		var some ops.HeldBulk
		if err = p.do(cmd.Context(), r, &some); err != nil {
			break
		}
		sum.Guarded += some.Guarded
		sum.Done, sum.Skipped, sum.Failed = sum.Done+some.Done, sum.Skipped+some.Skipped, sum.Failed+some.Failed
		if room := mostFailures - len(sum.Failures); room > 0 {
			sum.Failures = append(sum.Failures, some.Failures[:min(room, len(some.Failures))]...)
		}
		sum.More, sum.Next, r.After = some.More, some.Next, some.Next
	}
	if printed := p.print(sum, func() { p.showBulk(r.Act, sum) }); err == nil {
		err = printed
	}
	if err == nil && sum.Failed > 0 {
		err = fmt.Errorf("%d of %d failed", sum.Failed, sum.Done+sum.Skipped+sum.Failed)
	}
	return err
}

// mostFailures bounds the failures that are shown.
const mostFailures = 20

func (p *program) showBulk(act string, b ops.HeldBulk) {
	parts := []string{fmt.Sprintf("%s: %d", act, b.Done)}
	if b.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("somebody was first: %d", b.Skipped))
	}
	if b.Guarded > 0 {
		parts = append(parts, fmt.Sprintf("left, since it is dangerous (see --guarded): %d", b.Guarded))
	}
	if b.Failed > 0 {
		parts = append(parts, fmt.Sprintf("failed: %d", b.Failed))
	}
	p.say("%s", strings.Join(parts, ", "))
	for _, f := range b.Failures {
		p.say("  %s: %s", cell(f.ID, p.zone), cell(f.Error, p.zone))
	}
	if b.More {
		p.say("It did not come to the end: the same command goes on.")
	}
}
