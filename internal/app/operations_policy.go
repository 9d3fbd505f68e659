package app

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	"gatepost/filters"
	"gatepost/internal/ban"
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
	e.Ban = a.clientBan(m.client)
	gate, refused := policyEntries(policies.Gate, true, walked{counting: atGate, ban: e.Ban})
	e.Filters = append(e.Filters, gate...)
	policy := policies.ByName[cmp.Or(found.Domain.Policy, policies.Default)]
	if policy == nil { // a name that the configuration lost
		policy = policies.ByName[policies.Default]
	}
	if policy != nil && !found.Role {
		e.Policy, e.Required, e.RejectAt = policy.Name, policy.Required, policy.RejectAt
		own, _ := policyEntries(policy, false, walked{counting: listed, ban: e.Ban, ended: refused})
		e.Filters = append(e.Filters, own...)
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

// clientBan returns the ban that names a client.
func (a *App) clientBan(client netip.Addr) *ops.ClientBan {
	b, void, ok := a.bans.Held(client)
	if !ok {
		return nil
	}
	return &ops.ClientBan{Network: b.Network.String(), Cause: string(b.Cause), Until: b.Until, Void: void}
}

// walked is what is known of a walk before it.
type walked struct {
	counting []directory.Entry // of lists
	ban      *ops.ClientBan
	ended    string // the entry of the gate that has sent the client away for a ban
}

// policyEntries tells a policy's entries, and of those that ask for entries of lists or for
// bans what follows from the ones that count; and which of them sends away who is banned.
func policyEntries(p *pipeline.Policy, gate bool, w walked) (list []ops.PolicyEntry, refusing string) {
	counting, ended := w.counting, w.ended // the entry that certainly ends the walk
	for _, e := range p.Entries {
		told := ops.PolicyEntry{
			Gate: gate, Entry: e.Name, Filter: e.Kind.Name, Stage: e.Kind.Stage.String(), Effects: effects(e), Always: e.Always, Shadow: e.Shadow,
			Unless: e.Unless,
		}
		for _, c := range counting {
			filter, result := filters.Asking(c.List, c.Kind)
			if filter != e.Kind.Name || told.Listed != 0 {
				continue
			}
			told.Listed, told.Says = c.ID, follows(e, c, result)
		}
		banned := false
		if w.ban != nil && e.Kind.Name == "ip-ban" {
			told.Says, banned = ofBan(e, w.ban)
		}
		switch {
		case ended != "" && (!e.Always || w.ended != ""):
			told.Says = "not asked: " + ended + " has ended the walk"
		case ended == "" && banned:
			ended, refusing = e.Name, e.Name
		case ended == "" && ends(e, counting):
			ended = e.Name
		}
		list = append(list, told)
	}
	return list, refusing
}

// ofBan says what an entry ip-ban does about a client's ban, and whether it ends the walk.
func ofBan(e *pipeline.Entry, b *ops.ClientBan) (says string, ends bool) {
	of := fmt.Sprintf("banned for %s until %s: ", b.Cause, b.Until.UTC().Format("2006-01-02 15:04 UTC"))
	effect := e.On["banned"]
	switch {
	case b.Void != "":
		return of + "void, since " + b.Void, false
	case !filters.CountsBan(e.Filter, ban.Cause(b.Cause)):
		return of + "nothing, bans for this cause don't count here", false
	case e.Shadow:
		return of + "nothing, it stands in shadow", false
	case effect.Action == pipeline.None:
		return of + "nothing, by its effect", false
	}
	return of + effect.String(), effect.Action.Ends() && effect.Action != pipeline.Accept
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
