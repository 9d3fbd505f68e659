package app

import (
	"cmp"
	"context"
	"net/netip"

	"gatepost/filters"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// explainPolicy tells what mail to a recipient meets. It looks, and changes nothing.
func (a *App) explainPolicy(_ context.Context, q ops.PolicyExplain) (ops.EffectivePolicy, error) {
	m, err := readMeeting(q)
	if err != nil {
		return ops.EffectivePolicy{}, err
	}
	s := a.directory.Snapshot()
	found, err := s.Resolve(m.rcpt)
	if err != nil {
		return ops.EffectivePolicy{}, told(err)
	}
	e := ops.EffectivePolicy{
		Recipient: string(m.rcpt), Domain: found.Domain.Name, Mailboxes: []string{}, Disposition: string(found.Domain.Disposition),
		Precedence: directory.Precedence, Listed: []ops.ListedEntry{}, Filters: []ops.PolicyEntry{},
	}
	for _, box := range found.Boxes {
		e.Mailboxes = append(e.Mailboxes, string(box.Address))
	}
	if len(found.Boxes) == 1 {
		e.Disposition, e.Level = string(found.Domain.DispositionOf(found.Boxes[0])), found.Domain.LevelOf(found.Boxes[0])
	}
	policies := a.intake.Policies()
	listed := m.listed(&e, s)
	atGate := meeting{client: m.client}.listed(&ops.EffectivePolicy{}, s) // nobody's own entries count there yet
	e.Filters = append(e.Filters, policyEntries(policies.Gate, true, atGate)...)
	policy := policies.ByName[cmp.Or(found.Domain.Policy, policies.Default)]
	if policy == nil { // a name that the configuration lost
		policy = policies.ByName[policies.Default]
	}
	if policy != nil && !found.Role {
		e.Policy, e.Required, e.RejectAt = policy.Name, policy.Required, policy.RejectAt
		e.Filters = append(e.Filters, policyEntries(policy, false, listed)...)
	}
	return e, nil
}

// A meeting is who writes to whom, from where.
type meeting struct {
	rcpt, from, author mail.Path
	client             netip.Addr // the zero one: nobody in particular
}

func readMeeting(q ops.PolicyExplain) (m meeting, err error) {
	if m.rcpt, err = path(q.Recipient); err != nil {
		return m, err
	}
	if m.from, err = mail.ParsePath(q.From); err != nil {
		return m, control.Misused("from: %v", err)
	}
	m.author = m.from
	if q.Author != "" {
		if m.author, err = path(q.Author); err != nil {
			return m, err
		}
	}
	if q.Client != "" {
		addr, err := netip.ParseAddr(q.Client)
		if err != nil {
			return m, control.Misused("client %q is not an IP address", q.Client)
		}
		m.client = mail.Unmap(addr)
	}
	return m, nil
}

// listed returns the entries of lists that count, of each question the first that matches,
// and writes all that match to e.
func (m meeting) listed(e *ops.EffectivePolicy, s *directory.Snapshot) (counting []directory.Entry) {
	one := func(found directory.Entry, ok bool) []directory.Entry {
		if !ok {
			return nil
		}
		return []directory.Entry{found}
	}
	fraud := one(s.FindFraud(m.from))
	if len(fraud) == 0 {
		fraud = one(s.FindFraud(m.author))
	}
	for _, question := range []struct {
		of    string
		found []directory.Entry
	}{
		{"client", s.ClientEntries(m.client, m.rcpt)}, {"sender", s.SenderEntries(m.from, m.client, m.rcpt)},
		{"author", s.AuthorEntries(m.author, m.rcpt)}, {"trap", one(s.FindTrap(m.rcpt))}, {"fraud", fraud},
	} {
		for i, f := range question.found {
			e.Listed = append(e.Listed, ops.ListedEntry{
				Of: question.of, ID: f.ID, List: string(f.List), Value: f.Value, Scope: f.Scope.String(), Expires: f.Expires, Counts: i == 0,
			})
		}
		counting = append(counting, question.found[:min(1, len(question.found))]...)
	}
	return counting
}

// policyEntries tells a policy's entries, and of those that ask for entries of lists what
// follows from the ones that count.
func policyEntries(p *pipeline.Policy, gate bool, counting []directory.Entry) (list []ops.PolicyEntry) {
	ended := "" // the entry that certainly ends the walk
	for _, e := range p.Entries {
		told := ops.PolicyEntry{
			Gate: gate, Entry: e.Name, Filter: e.Kind.Name, Stage: e.Kind.Stage.String(), Effects: effects(e), Always: e.Always, Shadow: e.Shadow,
		}
		for _, c := range counting {
			filter, result := filters.Asking(c.List, c.Kind)
			if filter != e.Kind.Name || told.Listed != 0 {
				continue
			}
			told.Listed, told.Says = c.ID, follows(e, c, result)
		}
		switch {
		case ended != "" && !e.Always:
			told.Says = "not asked: " + ended + " has ended the walk"
		case ended == "" && ends(e, counting):
			ended = e.Name
		}
		list = append(list, told)
	}
	return list
}

// effects are the results that do something, in the filter's own order.
func effects(e *pipeline.Entry) []string {
	list := []string{}
	for _, r := range e.Kind.Results {
		if e.On[r.Word].Action != pipeline.None {
			list = append(list, r.Word+": "+e.On[r.Word].String())
		}
	}
	return list
}

// follows says what an entry of a list does where an entry of the policy finds it.
func follows(e *pipeline.Entry, c directory.Entry, result string) string {
	effect := e.On[result]
	switch {
	case e.Shadow:
		return "nothing, it stands in shadow"
	case effect.Action == pipeline.None:
		return "nothing, by its effect"
	case !unprovenCounts(c):
		return effect.String() + ", where the sender is proven by SPF, DKIM or a log-in"
	}
	return effect.String()
}

// unprovenCounts reports whether an entry asks for no proof of who the sender is.
func unprovenCounts(c directory.Entry) bool {
	return c.List != directory.Allow || c.Kind == directory.Network || c.Kind == directory.AddressFrom
}

// ends reports whether an entry of the policy ends the walk by an entry of a list, whatever
// the message is.
func ends(e *pipeline.Entry, counting []directory.Entry) bool {
	for _, c := range counting {
		filter, result := filters.Asking(c.List, c.Kind)
		// Who the author is shows in the content.
		if filter == e.Kind.Name && !e.Shadow && e.On[result].Action.Ends() && unprovenCounts(c) && c.Kind != directory.Author {
			return true
		}
	}
	return false
}
