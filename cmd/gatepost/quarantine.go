package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) quarantine() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "quarantine",
		Short: "Held messages",
		Long: `Lists, shows, releases and deletes held messages, and allows and blocks their
senders: single ones by id, and whole selections by the flags of "list".`,
		Example: `  gatepost quarantine list --recipient ann@example.org
  gatepost quarantine release 4711
  gatepost quarantine release --filter keywords --since 9:00 --all --dry-run`,
	})
	c.AddCommand(p.quarantineList(), p.quarantineShow(), p.quarantineAsk(), p.quarantineFilters(), p.quarantineDigest(),
		p.heldAct(heldAct{
			name: "release", short: "Deliver held messages",
			long: "Delivers held messages to their recipients, past all filters, each once, however many people release it.",
			ids: func(ids []string, guarded bool, _ ops.HeldChoice) control.Request {
				return ops.QuarantineRelease{IDs: ids, Guarded: guarded}
			}, guards: true,
		}),
		p.heldAct(heldAct{
			name: "delete", short: "Give held messages up", long: "Gives held messages up. The rows stay for a while; their contents don't.",
			ids: func(ids []string, _ bool, _ ops.HeldChoice) control.Request { return ops.QuarantineDelete{IDs: ids} },
		}),
		p.heldAct(heldAct{
			name: "allow", short: "Deliver held messages, and allow their senders", lists: true,
			long: `Delivers held messages and puts their senders on the allow list of the mailbox. That
is refused, and nothing done, where nothing proves the sender, and where the sender claims
to be the recipient, or of its domain.`,
			ids: func(ids []string, guarded bool, c ops.HeldChoice) control.Request {
				return ops.QuarantineAllow{IDs: ids, Guarded: guarded, HeldChoice: c}
			}, guards: true,
		}),
		p.heldAct(heldAct{
			name: "block", short: "Give held messages up, and block their senders", lists: true,
			long: "Gives held messages up and puts their senders on the block list of the mailbox.",
			ids: func(ids []string, _ bool, c ops.HeldChoice) control.Request {
				return ops.QuarantineBlock{IDs: ids, HeldChoice: c}
			},
		}))
	return c
}

// heldFilter adds the flags that say which held messages are meant.
func (p *program) heldFilter(f *pflag.FlagSet, q *ops.HeldFilter) {
	f.StringVar(&q.Recipient, "recipient", "", "held for this `address`")
	f.StringVar(&q.Sender, "sender", "", "sent by this `address`; empty is the null one, of reports")
	f.StringVar(&q.Domain, "domain", "", "held for this domain (`name`)")
	f.StringVar(&q.Subject, "subject", "", "with this `text` in the subject")
	f.StringVar(&q.Text, "text", "", "with this `text` in subject, sender or author")
	f.StringVar(&q.Client, "client", "", "sent from this `IP`")
	f.StringVar(&q.Filter, "filter", "", "held by this filter (`name`)")
	f.StringVar(&q.Reason, "reason", "", "with this `text` in the reason")
	f.StringVar(&q.Tx, "tx", "", "of this transaction (`id` in journal and replies)")
	f.BoolVar(&q.Asked, "asked", false, "that the owner asked for")
	f.BoolVar(&q.Guarded, "guarded", false, "dangerous: released by operators only")
	p.period(f, &q.Since, &q.Until)
}

// checkHeldFilter takes note of the null sender, and refuses other values that are empty: a
// variable that was not set must not mean everything.
func checkHeldFilter(cmd *cobra.Command, q *ops.HeldFilter) (err error) {
	own := cmd.LocalNonPersistentFlags()
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		switch {
		case own.Lookup(flag.Name) == nil, flag.Value.Type() != "string" || flag.Value.String() != "" || flag.Name == "after":
		case flag.Name == "sender":
			q.NullSender = true
		default:
			err = usage("--%s is empty", flag.Name)
		}
	})
	return err
}

func (p *program) quarantineList() *cobra.Command {
	var r ops.QuarantineList
	c := &cobra.Command{
		Use:   "list",
		Short: "List held messages, the newest first",
		Long:  "Lists held messages, the newest first. Flags narrow the list; all of them must hold.",
		Example: `  gatepost quarantine list --domain example.org --filter spf --since 7d
  gatepost quarantine list --text invoice --state any --since 9:00`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkHeldFilter(cmd, &r.HeldFilter); err != nil {
				return err
			}
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(h ops.Held) string { return h.ID }
			return askPages(p, cmd, r.Page, search[ops.Held]{request, id}, heldRows("no held messages"))
		},
	}
	p.heldFilter(c.Flags(), &r.HeldFilter)
	c.Flags().StringVar(&r.State, "state", "", "in this `state`: held, released, expired, deleted, rejected, any (default: held)")
	paging(c, &r.Page)
	return c
}

// heldRows shows held messages.
func heldRows(none string) listing[ops.Held] {
	head := []string{"ID", "TIME", "RECIPIENT", "SENDER", "FILTER", "STATE", "SUBJECT"}
	return listing[ops.Held]{none, head, func(h ops.Held) []any {
		state := h.State
		if h.Guarded {
			state += ", guarded"
		}
		if !h.Asked.IsZero() {
			state += ", asked for"
		}
		return []any{h.ID, h.Time, h.Recipient, sender(h.Sender), h.Filter, state, h.Subject}
	}}
}

// sender shows a reverse-path, the null one as SMTP writes it.
func sender(path string) string {
	if path == "" {
		return "<>"
	}
	return path
}

func (p *program) quarantineShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show a held message, why it is held, and where it went",
		Example: `  gatepost quarantine show 4711`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.QuarantineShow{ID: args[0]}, p.showHeld)
		},
	}
}

func (p *program) quarantineAsk() *cobra.Command {
	return &cobra.Command{
		Use:     "ask ID...",
		Short:   "Note that their owners ask for messages",
		Long:    "Notes that their owners ask an operator for messages, which then are found by `list --asked`.",
		Example: `  gatepost quarantine ask 4711`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askList(p, cmd, ops.QuarantineAsk{IDs: args}, heldRows("nothing asked for"))
		},
	}
}

func (p *program) quarantineFilters() *cobra.Command {
	r := ops.QuarantineFilters{}
	c := &cobra.Command{
		Use:     "filters",
		Short:   "Count what filters held, and what was released of it",
		Long:    "Counts what each filter held since a day (UTC; by default the last 30 days), and of that what people released or asked for: it should have passed.",
		Example: `  gatepost quarantine filters --since 7d`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Since.IsZero() {
				r.Since = p.now().AddDate(0, 0, -30)
			}
			head := []string{"FILTER", "HELD", "RELEASED", "ASKED FOR", "WRONG"}
			return askList(p, cmd, r, listing[ops.HeldTally]{"nothing was held", head, func(t ops.HeldTally) []any {
				wrong := float64(t.Released) / float64(max(t.Held, 1)) * 100
				return []any{t.Filter, t.Held, t.Released, t.Asked, fmt.Sprintf("%.2f %%", wrong)}
			}})
		},
	}
	c.Flags().Var(moment{&r.Since, p.now, p.zone}, "since", "held since this day (2026-11-22), or for so long (7d)")
	return c
}

func (p *program) showHeld(h ops.HeldDetail) {
	p.record("id", h.ID, "time", h.Time, "recipient", h.Recipient, "sender", sender(h.Sender), "author", h.Author,
		"subject", h.Subject, "client", h.Client, "size", h.Size, "state", h.State, "filter", h.Filter,
		"reason", h.Reason, "score", fmt.Sprintf("%.4g", h.Score), "expires", h.Expires, "transaction", h.Tx,
		"proof", h.Proof, "sender told", h.Told)
	if h.Guarded {
		p.say("It is dangerous: only an operator may release it.")
	}
	if !h.Asked.IsZero() {
		p.say("Its owner asked for it at %s.", cell(h.Asked, p.zone))
	}
	if h.Delivery != "" {
		p.say("Released: %s.", cell(h.Delivery, p.zone))
	}
	p.showWays(h.Ways)
	t := p.table()
	for _, a := range h.History {
		t.row(a.Time, a.State, "by "+a.By)
	}
	t.flush()
	p.say("")
	p.showWalks(h.Walks)
}

// showWays prints where a released message stands on its way, an address a line.
func (p *program) showWays(list []ops.Way) {
	if len(list) == 0 {
		return
	}
	t := p.table("TO", "LAST", "WHEN", "TRIED", "NEXT", "HOST", "REPLY")
	for _, w := range list {
		t.row(w.Recipient, w.What, w.Time, w.Attempts, w.Next, w.Host, said(w.Code, w.Status, w.Reply))
	}
	t.flush()
}
