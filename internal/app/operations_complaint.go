package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatepost/internal/complaint"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
)

func (a *App) complaintOps(h control.Handlers) {
	control.On(h, a.listComplaints)
	control.On(h, a.showComplaint)
	control.On(h, a.addComplaint)
	control.On(h, a.withdrawComplaints)
	control.On(h, func(ctx context.Context, q ops.ComplaintStandings) ([]ops.Standing, error) {
		if err := a.complaints.Judge(ctx); err != nil {
			return nil, err
		}
		list, err := a.complaints.Standings(ctx, complaint.Kind(q.Kind), q.Limit)
		return a.standings(list), err
	})
	control.On(h, func(ctx context.Context, q ops.ComplaintTotals) ([]ops.ComplaintTotal, error) {
		if err := a.complaints.Judge(ctx); err != nil {
			return nil, err
		}
		list, err := a.complaints.Totals(ctx, complaint.By(q.By), q.Limit)
		out := []ops.ComplaintTotal{}
		for _, t := range list {
			out = append(out, ops.ComplaintTotal(t))
		}
		return out, err
	})
}

// listComplaints judges what waits first: who asks now wants what came a moment ago.
func (a *App) listComplaints(ctx context.Context, q ops.ComplaintList) ([]ops.Complaint, error) {
	query := complaint.Query{
		Sender: spelled(q.Sender), Domain: spelledDomain(q.Domain), Reporter: spelled(q.Reporter).Fold(), Account: spelled(q.Account).Fold(),
		Message: q.Message, State: complaint.State(q.State), Since: q.Since, After: q.After, Limit: q.Limit,
	}
	if q.Client != "" {
		client, ok := complaint.ParseClient(q.Client)
		if !ok {
			return nil, control.Misused("%q is not a client's address", q.Client)
		}
		query.Client = complaint.AddrOf(client)
	}
	if err := a.complaints.Judge(ctx); err != nil {
		return nil, err
	}
	list, err := a.complaints.Find(ctx, query)
	return complaintsOf(list), err
}

func complaintsOf(list []complaint.Complaint) []ops.Complaint {
	out := []ops.Complaint{}
	for _, c := range list {
		one := ops.Complaint{
			ID: c.ID, Time: c.Time, State: string(c.State), Note: c.Note, Form: string(c.Form), Type: c.Type, Reporter: string(c.Reporter),
			Proof: c.Proof, Report: c.Report, Message: c.Message, Recipient: string(c.Recipient), MessageID: c.MessageID, Subject: c.Subject,
			Sender: string(c.Sender), Account: string(c.Account), ClientWeight: c.ClientWeight, SenderWeight: c.SenderWeight,
			Ended: c.Ended, EndedBy: c.EndedBy,
		}
		if c.Client.IsValid() {
			one.Client = c.Client.String()
		}
		out = append(out, one)
	}
	return out
}

// standings are those of complaints as they are now.
func (a *App) standings(list []complaint.Standing) []ops.Standing {
	m, now := a.complaints.Measure(), a.now()
	out := []ops.Standing{}
	for _, s := range list {
		one := ops.Standing{
			Kind: string(s.Kind), Name: s.Name, Listed: m.Listed(s, now), Why: m.Why(s, now), Weight: m.WeightAt(s, now), Faded: m.At(s, light),
			People: s.People, Senders: s.Senders, Accepted: s.Accepted, Last: s.Last,
		}
		if one.Listed {
			one.Until = m.Ends(s)
		}
		out = append(out, one)
	}
	return out
}

// light is a weight that makes no difference any more.
const light = 0.1

// subject reads what a person wrote for somebody complained of.
func subject(name string) (complaint.Subject, error) {
	if s, ok := complaint.ParseClient(name); ok {
		return s, nil
	}
	if strings.Contains(name, "@") {
		p, err := path(name)
		return complaint.Subject{Kind: complaint.OfSender, Name: string(p.Canonical())}, err
	}
	domain, err := domainName(name)
	return complaint.Subject{Kind: complaint.OfDomain, Name: domain}, err
}

// shown is how many complaints are shown of one.
const shown = 50

func (a *App) showComplaint(ctx context.Context, q ops.ComplaintShow) (ops.ComplaintDetail, error) {
	if err := a.complaints.Judge(ctx); err != nil {
		return ops.ComplaintDetail{}, err
	}
	list, err := a.complaints.Find(ctx, complaint.Query{ID: q.Name, Limit: 1})
	if err != nil {
		return ops.ComplaintDetail{}, err
	}
	var subjects []complaint.Subject
	if len(list) > 0 {
		subjects = list[0].Subjects()
	} else if list, subjects, err = a.complaintsAbout(ctx, q.Name); err != nil {
		return ops.ComplaintDetail{}, err
	}
	var standings []complaint.Standing
	for _, s := range subjects {
		one, err := a.complaints.Standing(ctx, s)
		if err != nil && !errors.Is(err, complaint.ErrNotFound) {
			return ops.ComplaintDetail{}, err
		}
		if err == nil {
			standings = append(standings, one)
		}
	}
	if len(list)+len(standings) == 0 {
		return ops.ComplaintDetail{}, control.NotFound("nobody complained of %s, and no complaint has this id", q.Name)
	}
	return ops.ComplaintDetail{Standings: a.standings(standings), Complaints: complaintsOf(list)}, nil
}

// complaintsAbout finds the newest complaints of one by name.
func (a *App) complaintsAbout(ctx context.Context, name string) ([]complaint.Complaint, []complaint.Subject, error) {
	s, err := subject(name)
	if err != nil {
		return nil, nil, err
	}
	query := complaint.Query{Limit: shown}
	switch s.Kind {
	case complaint.OfClient:
		query.Client = complaint.AddrOf(s)
	case complaint.OfSender:
		query.Sender = mail.Path(s.Name)
	default:
		query.Domain = s.Name
	}
	list, err := a.complaints.Find(ctx, query)
	return list, []complaint.Subject{s}, err
}

func (a *App) addComplaint(ctx context.Context, q ops.ComplaintAdd) (ops.Complaint, error) {
	if (q.ID == "") == (len(q.Message) == 0) {
		return ops.Complaint{}, control.Misused("name a transaction by its id, or give a message: one of both")
	}
	to := mail.Null
	if q.Recipient != "" {
		p, err := path(q.Recipient)
		if err != nil {
			return ops.Complaint{}, err
		}
		to = p
	}
	ids := []string{q.ID}
	if q.ID == "" {
		ids = originals(q.Message)
	}
	var first complaint.Complaint
	for i, id := range ids {
		c, err := a.complaints.Report(ctx, complaint.Spam{Message: id, Recipient: to, Who: admin, Form: complaint.FormAdded})
		if err != nil {
			return ops.Complaint{}, absentComplaint(err)
		}
		if i == 0 {
			first = c
		}
	}
	if len(ids) == 0 {
		return ops.Complaint{}, control.NotFound("the message has no X-Gatepost-Id, nor has what is attached to it: nothing shows that it came here")
	}
	return complaintsOf([]complaint.Complaint{first})[0], nil
}

// originals are the ids of what a message complains of, or its own.
func originals(message []byte) (ids []string) {
	m := mail.NewMessage(message)
	report, ok := complaint.Parse(m)
	if !ok {
		report.Originals = []complaint.Original{complaint.ParseOriginal(m)}
	}
	for _, o := range report.Originals {
		if o.ID != "" && !slices.Contains(ids, o.ID) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func absentComplaint(err error) error {
	if errors.Is(err, complaint.ErrNotFound) {
		return control.NotFound("%v", err)
	}
	return err
}

func (a *App) withdrawComplaints(ctx context.Context, q ops.ComplaintWithdraw) (done ops.ComplaintsWithdrawn, err error) {
	var list []complaint.Withdrawal
	for _, id := range q.IDs {
		list = append(list, complaint.Withdrawal{ID: id, Who: admin})
	}
	for kind, name := range map[complaint.Kind]string{complaint.OfClient: q.Client, complaint.OfSender: q.Sender, complaint.OfDomain: q.Domain} {
		if name == "" {
			continue
		}
		s, err := subject(name)
		if err != nil {
			return done, err
		}
		if s.Kind != kind {
			return done, control.Misused("%q is not a %s", name, kind)
		}
		list = append(list, complaint.Withdrawal{Subject: s, Who: admin})
	}
	if len(list) == 0 {
		return done, control.Misused("nothing is named to withdraw")
	}
	for _, w := range list {
		n, err := a.complaints.Withdraw(ctx, w)
		if err != nil {
			return done, absentComplaint(err)
		}
		done.Withdrawn += n
	}
	return done, a.complaints.Follow(ctx)
}
