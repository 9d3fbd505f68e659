package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) complaints() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "complaints",
		Short: "What people say against mail, and what it leads to",
		Long: `Shows complaints: reports (ARF) and forwarded originals that came to abuse@ and to
complaints.addresses, and what was added here. Those that count
weigh 1 against the message's client and its proven sender, and half of it each
complaints.half_life later; the filters ip-complaint and sender-complaint hold mail of
those of whom enough people complained.`,
		Example: `  gatepost complaints stats
  gatepost complaints list --since 2d
  gatepost complaints show 192.0.2.7
  gatepost complaints withdraw --client 192.0.2.7`,
	})
	c.AddCommand(p.complaintsList(), p.complaintsShow(), p.complaintsAdd(), p.complaintsWithdraw(), p.complaintsStats())
	return c
}

func (p *program) complaintsList() *cobra.Command {
	var r ops.ComplaintList
	c := &cobra.Command{
		Use:   "list",
		Short: "List complaints, the newest first",
		Long: `Lists complaints, the newest first. Flags narrow the list; all of them must hold. States are: counts; again (the
same copy, or the same person within 24 hours); unverified (nothing proves that the message went through here
and that the reporter is one to complain of it); customer (one of ours sent it); spared (the client is one of
ours); other (no complaint of mail); withdrawn. Only counts weighs anything.`,
		Example: `  gatepost complaints list --client 192.0.2.7
  gatepost complaints list --state customer --account ann@example.org`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(c ops.Complaint) string { return c.ID }
			return askPages(p, cmd, r.Page, search[ops.Complaint]{request, id}, complaintListing())
		},
	}
	f := c.Flags()
	f.StringVar(&r.Client, "client", "", "of mail from this `IP`, or from its /64")
	f.StringVar(&r.Sender, "sender", "", "of mail from this `address`")
	f.StringVar(&r.Domain, "domain", "", "of mail from addresses of this organisation (`name`)")
	f.StringVar(&r.Reporter, "reporter", "", "by this `address`")
	f.StringVar(&r.Account, "account", "", "of mail that this customer (`address`) sent")
	f.StringVar(&r.Message, "message", "", "of the message of this transaction (`id`)")
	f.StringVar(&r.State, "state", "", "in this `state`")
	f.Var(moment{&r.Since, p.now, p.zone}, "since", "not older than this day or time (2026-11-22, 9:00), or age (36h, 7d)")
	paging(c, &r.Page)
	return c
}

func complaintListing() listing[ops.Complaint] {
	head := []string{"ID", "TIME", "STATE", "REPORTER", "CLIENT", "SENDER", "SUBJECT", "NOTE"}
	return listing[ops.Complaint]{"no complaints", head, func(c ops.Complaint) []any {
		who := c.Sender
		if c.Account != "" {
			who = c.Account
		}
		return []any{c.ID, c.Time, c.State, c.Reporter, c.Client, who, c.Subject, c.Note}
	}}
}

func (p *program) complaintsShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|IP|ADDRESS|DOMAIN",
		Short: "Show a complaint, or what is said of a client, a sender or a domain",
		Long: `Shows what complaints of a client, a sender or a domain weigh now, whether its mail is held, why or why not,
and until when, with the newest complaints; or one complaint and those whom it is about.`,
		Example: `  gatepost complaints show 192.0.2.7
  gatepost complaints show offers@bulk.example`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ComplaintShow{Name: args[0]}, p.showComplaints)
		},
	}
}

func (p *program) showComplaints(d ops.ComplaintDetail) {
	for _, s := range d.Standings {
		p.record(s.Kind, s.Name, "held", held(s), "why", s.Why, "until", s.Until, "weight now", fmt.Sprintf("%.2f", s.Weight), "below 0.1", s.Faded,
			"people", s.People, "addresses", s.Senders, "accepted", accepted(s), "last", s.Last)
		p.say("")
	}
	if len(d.Complaints) == 1 {
		p.showOneComplaint(d.Complaints[0])
		return
	}
	t := p.table(complaintListing().head...)
	for _, c := range d.Complaints {
		t.row(complaintListing().row(c)...)
	}
	t.flush()
}

func (p *program) showOneComplaint(c ops.Complaint) {
	p.record("id", c.ID, "time", c.Time, "state", c.State, "note", c.Note, "form", c.Form, "type", c.Type, "reporter", c.Reporter, "proof", c.Proof,
		"report", c.Report, "message", c.Message, "recipient", c.Recipient, "message-id", c.MessageID, "subject", c.Subject, "client", c.Client,
		"sender", c.Sender, "account", c.Account, "taken back", c.Ended, "by", c.EndedBy)
}

func held(s ops.Standing) string {
	if s.Listed {
		return "yes"
	}
	return "no"
}

func accepted(s ops.Standing) string {
	if s.Accepted < 0 {
		return ""
	}
	return fmt.Sprint(s.Accepted)
}

func (p *program) complaintsAdd() *cobra.Command {
	var r ops.ComplaintAdd
	file := ""
	c := &cobra.Command{
		Use:   "add --id TX|--file MESSAGE.eml [--recipient ADDRESS]",
		Short: "Add a complaint of a message that came here",
		Long: `Adds a complaint of a message, as its recipient's: by the id of the transaction that brought it, or by the
message. FILE is a report, a mail with originals attached, or the message itself with the fields that it got
here; - is standard input. What the journal does not know can't be complained of.`,
		Example: `  gatepost complaints add --id 0pg2b7d4c8e1f5a6k3m9
  gatepost complaints add --file spam.eml --recipient ann@example.org`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (r.ID == "") == (file == "") {
				return usage("name --id or --file: one of both")
			}
			if file != "" {
				raw, err := p.readMessage(file)
				if err != nil {
					return err
				}
				r.Message = raw
			}
			return ask(p, cmd, r, p.showOneComplaint)
		},
	}
	f := c.Flags()
	f.StringVar(&r.ID, "id", "", "of the transaction that brought the message (`id`: X-Gatepost-Id)")
	f.StringVar(&file, "file", "", "`file` with the message")
	f.StringVar(&r.Recipient, "recipient", "", "whose copy and complaint it is (`address`); the first recipient's without it")
	return c
}

func (p *program) complaintsWithdraw() *cobra.Command {
	var r ops.ComplaintWithdraw
	c := &cobra.Command{
		Use:   "withdraw [ID…] [--client IP] [--sender ADDRESS] [--domain NAME]",
		Short: "Take complaints back",
		Long:  "Takes complaints back, by id or all of a client, a sender or a domain: they weigh nothing any more.",
		Example: `  gatepost complaints withdraw 0pg2b7d4c8e1f5a6k3m9-1
  gatepost complaints withdraw --client 192.0.2.7`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.IDs = args
			if len(args) == 0 && r.Client == "" && r.Sender == "" && r.Domain == "" {
				return usage("name complaints by id, or whose to withdraw: --client, --sender or --domain")
			}
			return ask(p, cmd, r, func(w ops.ComplaintsWithdrawn) { p.say("withdrawn: %d", w.Withdrawn) })
		},
	}
	f := c.Flags()
	f.StringVar(&r.Client, "client", "", "all of mail from this `IP`, or from its /64")
	f.StringVar(&r.Sender, "sender", "", "all of mail from this `address`")
	f.StringVar(&r.Domain, "domain", "", "all of mail from addresses of this organisation (`name`)")
	return c
}

func (p *program) complaintsStats() *cobra.Command {
	by, limit := "", shortList
	c := &cobra.Command{
		Use:   "stats [--by client|sender|domain|reporter|account|state]",
		Short: "Show who is complained of, and who complains",
		Long: `Shows clients, senders and domains that are complained of, the heaviest first: what the complaints weigh now,
whether mail from there is held, why or why not, and until when. By reporter, account (our customers who sent
what others complain of) or state it counts complaints.`,
		Example: `  gatepost complaints stats
  gatepost complaints stats --by account`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch by {
			case "", "client", "sender", "domain":
				return askList(p, cmd, ops.ComplaintStandings{Kind: by, Limit: limit}, standingListing())
			case "reporter", "account", "state":
				head := []string{"NAME", "COMPLAINTS", "COUNTING", "LAST"}
				return askList(p, cmd, ops.ComplaintTotals{By: by, Limit: limit}, listing[ops.ComplaintTotal]{"no complaints", head, func(t ops.ComplaintTotal) []any {
					return []any{t.Name, t.Count, t.Counting, t.Last}
				}})
			}
			return usage("complaints are counted by client, sender, domain, reporter, account or state, not by %q", by)
		},
	}
	c.Flags().StringVar(&by, "by", "", "count by this (`what`)")
	c.Flags().IntVar(&limit, "limit", limit, "at most `N` rows")
	return c
}

func standingListing() listing[ops.Standing] {
	head := []string{"KIND", "NAME", "WEIGHT", "PEOPLE", "ACCEPTED", "HELD", "UNTIL", "LAST", "WHY"}
	return listing[ops.Standing]{"nobody is complained of", head, func(s ops.Standing) []any {
		return []any{s.Kind, s.Name, fmt.Sprintf("%.2f", s.Weight), s.People, accepted(s), held(s), s.Until, s.Last, s.Why}
	}}
}
