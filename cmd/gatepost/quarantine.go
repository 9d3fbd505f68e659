package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) quarantine() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "quarantine",
		Short: "Held messages",
		Long:  "Lists, shows, releases and deletes held messages.",
		Example: `  gatepost quarantine list --recipient ann@example.org
  gatepost quarantine release 4711`,
	})
	c.AddCommand(p.quarantineList(), p.quarantineShow(), p.quarantineRelease(), p.quarantineDelete(), p.quarantineDigest())
	return c
}

func (p *program) quarantineList() *cobra.Command {
	var r ops.QuarantineList
	c := &cobra.Command{
		Use:     "list",
		Short:   "List held messages, the newest first",
		Long:    "Lists held messages, the newest first. Flags narrow the list; all of them must hold.",
		Example: `  gatepost quarantine list --domain example.org --filter spf --since 7d`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(h ops.Held) string { return h.ID }
			return askPages(p, cmd, r.Page, search[ops.Held]{request, id}, heldRows("no held messages"))
		},
	}
	f := c.Flags()
	f.StringVar(&r.Recipient, "recipient", "", "held for this `address`")
	f.StringVar(&r.Sender, "sender", "", "sent by this `address`")
	f.StringVar(&r.Domain, "domain", "", "held for this domain (`name`)")
	f.StringVar(&r.Subject, "subject", "", "with this `text` in the subject")
	f.StringVar(&r.Client, "client", "", "sent from this `IP`")
	f.StringVar(&r.Filter, "filter", "", "held by this filter (`name`)")
	f.StringVar(&r.State, "state", "", "in this `state`: held, released, expired, deleted, rejected, any (default: held)")
	p.period(f, &r.Since, &r.Until)
	paging(c, &r.Page)
	return c
}

// heldRows shows held messages.
func heldRows(none string) listing[ops.Held] {
	head := []string{"ID", "TIME", "RECIPIENT", "SENDER", "FILTER", "STATE", "SUBJECT"}
	return listing[ops.Held]{none, head, func(h ops.Held) []any {
		return []any{h.ID, h.Time, h.Recipient, sender(h.Sender), h.Filter, h.State, h.Subject}
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
		Short:   "Show a held message, and why it is held",
		Example: `  gatepost quarantine show 4711`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.QuarantineShow{ID: args[0]}, p.showHeld)
		},
	}
}

func (p *program) quarantineRelease() *cobra.Command {
	return &cobra.Command{
		Use:     "release ID...",
		Short:   "Deliver held messages",
		Long:    "Delivers held messages to their recipients, each once, however many people release it.",
		Example: `  gatepost quarantine release 4711 4712`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askList(p, cmd, ops.QuarantineRelease{IDs: args}, heldRows("nothing released"))
		},
	}
}

func (p *program) quarantineDelete() *cobra.Command {
	return &cobra.Command{
		Use:     "delete ID...",
		Short:   "Give held messages up",
		Example: `  gatepost quarantine delete 4711`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askList(p, cmd, ops.QuarantineDelete{IDs: args}, heldRows("nothing deleted"))
		},
	}
}

func (p *program) showHeld(h ops.HeldDetail) {
	p.record("id", h.ID, "time", h.Time, "recipient", h.Recipient, "sender", sender(h.Sender), "author", h.Author,
		"subject", h.Subject, "client", h.Client, "size", h.Size, "state", h.State, "filter", h.Filter,
		"reason", h.Reason, "score", fmt.Sprintf("%.4g", h.Score), "expires", h.Expires, "transaction", h.Tx)
	t := p.table()
	for _, a := range h.History {
		t.row(a.Time, a.State, "by "+a.By)
	}
	t.flush()
	p.say("")
	p.showWalks(h.Walks)
}
