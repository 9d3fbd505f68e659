package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) queue() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "queue",
		Short: "Mail that is carried on",
		Long: `Shows and changes what is on its way to other servers, a row for each recipient.
A destination is mx:DOMAIN (found by the DNS), domain:DOMAIN (the mail hosts of a
domain here), host:NAME (a smarthost) or local.`,
		Example: `  gatepost queue list --failing
  gatepost queue why 4711
  gatepost queue flush example.net`,
	})
	c.AddCommand(p.queueList(), p.queueWhy(), p.queueFlush(),
		p.queueChange("retry", "Try again now", "Has transfers tried now, whatever they wait for."),
		p.queueChange("hold", "Keep back", "Keeps transfers back: they are not tried, and don't expire, until they are released."),
		p.queueChange("release", "Let go on what was held", "Lets transfers go on that were held."),
		p.queueChange("delete", "Remove for good", "Removes transfers. Nobody is told; the journal keeps who did it."),
		p.queueChange("recall", "Take back what is to be sent later",
			"Takes back messages that their senders have wait (FUTURERELEASE), before they are released. What is on its way stays. Nobody is told."))
	return c
}

// queueFilter adds the flags that say which transfers are meant.
func (p *program) queueFilter(f *pflag.FlagSet, q *ops.QueueFilter) {
	f.StringVar(&q.Tx, "tx", "", "of this transaction (`id` in journal and replies)")
	f.StringVar(&q.Sender, "sender", "", "with this `address` as reverse-path; empty is the null one, of reports")
	f.StringVar(&q.Recipient, "recipient", "", "to this `address`")
	f.StringVar(&q.Domain, "domain", "", "to this domain (`name`)")
	f.StringVar(&q.Destination, "destination", "", "with this next hop (`mx:NAME`, domain:NAME, host:NAME, local)")
	f.StringVar(&q.State, "state", "", "in this `state`: waiting, held")
	f.BoolVar(&q.Failing, "failing", false, "tried at least once")
	f.Var(moment{&q.Before, p.now, p.zone}, "before", "accepted before this day or time (2026-11-22), or longer ago (36h, 7d)")
}

// checkFilter takes note of the null sender, and refuses other values that are empty: a
// variable that was not set must not mean everything.
func checkFilter(f *pflag.FlagSet, q *ops.QueueFilter) (err error) {
	f.Visit(func(flag *pflag.Flag) {
		switch {
		case flag.Value.Type() != "string" || flag.Value.String() != "":
		case flag.Name == "sender":
			q.NullSender = true
		case slices.Contains([]string{"tx", "recipient", "domain", "destination", "state"}, flag.Name):
			err = usage("--%s is empty", flag.Name)
		}
	})
	return err
}

func (p *program) queueList() *cobra.Command {
	var r ops.QueueList
	c := &cobra.Command{
		Use:     "list",
		Short:   "List transfers, the oldest first",
		Long:    "Lists what is carried on, the oldest first. Flags narrow the list; all of them must hold.",
		Example: `  gatepost queue list --domain example.net --failing`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFilter(cmd.Flags(), &r.QueueFilter); err != nil {
				return err
			}
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(t ops.Transfer) string { return strconv.FormatInt(t.ID, 10) }
			head := []string{"ID", "SINCE", "SENDER", "RECIPIENT", "DESTINATION", "STATE", "NEXT", "TRIED", "LAST REPLY"}
			return askPages(p, cmd, r.Page, search[ops.Transfer]{request, id}, listing[ops.Transfer]{"the queue is empty", head, func(t ops.Transfer) []any {
				return []any{t.ID, t.Created, sender(t.Sender), t.Recipient, t.Destination, t.State, nextTry(t), t.Attempts, said(t.Code, t.Status, t.Reply)}
			}})
		},
	}
	p.queueFilter(c.Flags(), &r.QueueFilter)
	paging(c, &r.Page)
	return c
}

// nextTry is when a transfer is tried next.
func nextTry(t ops.Transfer) any {
	if t.Trying {
		return "now"
	}
	return t.Due
}

// said shows a reply.
func said(code int, status, text string) string {
	if code == 0 {
		return text
	}
	return fmt.Sprintf("%d %s %s", code, status, text)
}

func (p *program) queueWhy() *cobra.Command {
	return &cobra.Command{
		Use:     "why ID",
		Short:   "Show a transfer, what it waits for, and all that was tried",
		Example: `  gatepost queue why 4711`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := transferIDs(args)
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.QueueWhy{ID: ids[0]}, p.showTransfer)
		},
	}
}

func transferIDs(args []string) (ids []int64, err error) {
	for _, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil || id < 1 {
			return nil, usage("%q is no transfer's id; gatepost queue list shows them", a)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (p *program) queueChange(act, short, long string) *cobra.Command {
	r := ops.QueueChange{Act: act}
	c := &cobra.Command{
		Use:   act + " [ID...]",
		Short: short,
		Long:  long + " They are named by id or by flags, all of which must hold; --all is every one.",
		Example: fmt.Sprintf(`  gatepost queue %s 4711
  gatepost queue %s --domain example.net`, act, act),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.IDs, err = transferIDs(args); err != nil {
				return err
			}
			narrowed := len(args) > 0
			cmd.Flags().Visit(func(f *pflag.Flag) { narrowed = narrowed || cmd.LocalNonPersistentFlags().Lookup(f.Name) != nil })
			if !narrowed {
				return usage("which ones? Give ids, flags, or --all")
			}
			if err := checkFilter(cmd.Flags(), &r.QueueFilter); err != nil {
				return err
			}
			return ask(p, cmd, r, func(n ops.Changed) { p.say("%s: %d", act, n.Changed) })
		},
	}
	c.Flags().BoolVar(&r.All, "all", false, "every transfer")
	p.queueFilter(c.Flags(), &r.QueueFilter)
	return c
}

func (p *program) queueFlush() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "flush [DESTINATION]",
		Short:   "Try all that waits for a destination now",
		Long:    "Tries all that waits for a destination, or a domain, now, also where it could not be reached a moment ago.",
		Example: `  gatepost queue flush example.net`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 != all || len(args) == 1 && args[0] == "" {
				return usage("give a destination, or --all")
			}
			r := ops.QueueFlush{}
			if !all {
				r.Destination = args[0]
			}
			return ask(p, cmd, r, func(n ops.Changed) { p.say("due now: %d", n.Changed) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all destinations")
	return c
}

func (p *program) showTransfer(t ops.TransferDetail) {
	p.record("id", t.ID, "transaction", t.Tx, "sender", sender(t.Sender), "recipient", t.Recipient, "subject", t.Subject,
		"destination", t.Destination, "size", t.Size, "since", t.Created, "state", t.State, "tried", t.Attempts, "next try", nextTry(t.Transfer),
		"given up", t.Expires, "why", t.Why)
	if len(t.Events) > 0 {
		p.say("")
		p.showDeliveries(t.Events)
	}
}

// showDeliveries prints what was tried, an attempt a line.
func (p *program) showDeliveries(list []ops.Delivery) {
	t := p.table("TIME", "RECIPIENT", "WHAT", "HOST", "REPLY")
	t.wide = true
	for _, e := range list {
		t.row(e.Time, e.Recipient, e.What, e.Host, said(e.Code, e.Status, e.Reply))
	}
	t.flush()
}
