package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) list() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "list",
		Short: "Lists: allow, block, trap, fraud",
		Long: `Adds, lists, shows, changes and removes entries of the lists.

An entry's VALUE is a client's address or network (192.0.2.0/24), a sender's
address (ann@example.net), domain (example.net) or any domain below one
(.example.net), or an address and the network that its mail comes from
("ann@example.net from 192.0.2.0/24"), for which no SPF or DKIM is asked. With --author it is compared with the header's author instead of
the envelope's sender. An entry counts for all mail, or for that of one domain or
mailbox (--scope); the narrowest scope wins, then allow over block.

The lists trap and fraud count for all mail. In trap are addresses, domains and
.domains of ours that nobody uses: who writes to one is a spammer. In fraud are
senders that were reported for fraud.`,
		Example: `  gatepost list add allow 192.0.2.0/24 --note "backup MX"
  gatepost list add block .example.net --scope example.org --expires 30d
  gatepost list add trap spamtrap@example.org
  gatepost list add allow bob@example.net --scope ann@example.org
  gatepost list list block
  gatepost list remove 12`,
	})
	c.AddCommand(p.listAdd(), p.listList(), p.listShow(), p.listSet(), p.listRemove(), p.listExport(), p.listImport())
	return c
}

// oneList checks the name of a list.
func oneList(s string) error {
	switch s {
	case "allow", "block", "trap", "fraud":
		return nil
	}
	return usage("there is no list %q: there are allow, block, trap and fraud", s)
}

func (p *program) listAdd() *cobra.Command {
	var r ops.ListAdd
	c := &cobra.Command{
		Use:     "add allow|block|trap|fraud VALUE",
		Short:   "Add an entry",
		Long:    "Adds an entry; what kind it is of shows from VALUE. It counts within a second.",
		Example: `  gatepost list add block 198.51.100.0/24 --note "call of 12 May" --expires 30d`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneList(args[0]); err != nil {
				return err
			}
			if err := ahead(cmd.Flags(), "expires", r.Expires); err != nil {
				return err
			}
			r.List, r.Value = args[0], args[1]
			return ask(p, cmd, r, p.showEntry)
		},
	}
	f := c.Flags()
	f.BoolVar(&r.Author, "author", false, "compare with the header's author, not with the envelope's sender")
	f.StringVar(&r.Scope, "scope", "", "count for a `domain` or a mailbox only (example.org, ann@example.org; default: global)")
	f.StringVar(&r.Note, "note", "", "a `remark` for whoever reads the list")
	f.Var(span{&r.Expires}, "expires", "remove the entry after this time (12h, 30d; default: never)")
	return c
}

func (p *program) listList() *cobra.Command {
	var r ops.ListList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [allow|block|trap|fraud]",
		Short:   "List entries",
		Example: `  gatepost list list allow --scope example.org`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if err := oneList(args[0]); err != nil {
					return err
				}
				r.List = args[0]
			}
			if page.After != "" {
				if _, err := number(page.After); err != nil {
					return err
				}
			}
			request := func(at ops.Page) control.Request {
				after, _ := strconv.ParseInt(at.After, 10, 64) // an id, or "": 0
				r.Limit, r.After = at.Limit, after
				return r
			}
			id := func(e ops.Entry) string { return strconv.FormatInt(e.ID, 10) }
			head := []string{"ID", "LIST", "KIND", "VALUE", "SCOPE", "HITS", "EXPIRES", "NOTE"}
			return askPages(p, cmd, page, search[ops.Entry]{request, id}, listing[ops.Entry]{"no entries", head, func(e ops.Entry) []any {
				return []any{e.ID, e.List, e.Kind, e.Value, e.Scope, e.Hits, e.Expires, e.Note}
			}})
		},
	}
	f := c.Flags()
	f.StringVar(&r.Kind, "kind", "", "only entries of this `kind`: ip, address, address-from, domain, subdomain, author")
	f.StringVar(&r.Value, "value", "", "only entries with exactly this `value`")
	f.StringVar(&r.Part, "part", "", "only entries with this `text` in their value")
	f.StringVar(&r.Origin, "origin", "", "only entries of this `origin`: admin, owner, challenge, release, import")
	f.StringVar(&r.Scope, "scope", "", "only entries of this `scope`: global, a domain, a mailbox")
	f.StringVar(&r.Domain, "domain", "", "only entries of this domain (`name`) and of the mailboxes in it")
	paging(c, &page)
	return c
}

// number reads an entry's id.
func number(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, usage("%q is not the id of an entry (`gatepost list list` shows them)", s)
	}
	return id, nil
}

func (p *program) listShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show an entry",
		Example: `  gatepost list show 12`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.ListShow{ID: id}, p.showEntry)
		},
	}
}

func (p *program) listSet() *cobra.Command {
	var note string
	var expires time.Duration
	c := &cobra.Command{
		Use:     "set ID",
		Short:   "Change an entry's note or expiry",
		Long:    "Changes what the flags name, and nothing else. --expires 0s makes the entry stay for good.",
		Example: `  gatepost list set 12 --expires 90d --note "still sending"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			f := cmd.Flags()
			if expires != 0 { // which is for good
				if err := ahead(f, "expires", expires); err != nil {
					return err
				}
			}
			r := ops.ListSet{ID: id, Note: changed(f, "note", &note), Expires: changed(f, "expires", &expires)}
			if r.Note == nil && r.Expires == nil {
				return usage("nothing to change: give --note or --expires")
			}
			return ask(p, cmd, r, p.showEntry)
		},
	}
	c.Flags().StringVar(&note, "note", "", "a `remark` for whoever reads the list")
	c.Flags().Var(span{&expires}, "expires", "remove the entry after this time from now (12h, 30d)")
	return c
}

func (p *program) listRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID...",
		Short:   "Remove entries",
		Example: `  gatepost list remove 12 13`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r ops.ListRemove
			for _, a := range args {
				id, err := number(a)
				if err != nil {
					return err
				}
				r.IDs = append(r.IDs, id)
			}
			return ask(p, cmd, r, func(ops.Nothing) { p.say("removed %s", join(args)) })
		},
	}
}

func (p *program) showEntry(e ops.Entry) {
	p.record("id", e.ID, "list", e.List, "kind", e.Kind, "value", e.Value, "scope", e.Scope, "origin", e.Origin,
		"note", e.Note, "created", e.Created, "expires", e.Expires, "hits", e.Hits, "last hit", e.LastHit)
	for _, effect := range e.Effects {
		p.say("%s", printable(effect))
	}
}
