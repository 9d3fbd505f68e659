package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/srs"
)

// route tells where mail for an address goes. That it goes nowhere is an answer, too.
func (a *App) route(_ context.Context, q ops.RouteShow) (ops.Route, error) {
	rcpt, err := mail.ParsePath(q.Address)
	if err != nil || rcpt.IsNull() {
		return ops.Route{}, control.Misused("%q is not an address", q.Address)
	}
	s := a.directory.Snapshot()
	found, steps, err := s.Route(rcpt)
	if err == nil && q.From != nil {
		from, bad := mail.ParsePath(*q.From)
		if bad != nil {
			return ops.Route{}, control.Misused("--from: %v", bad)
		}
		err = found.Post(from)
	}
	r := ops.Route{Address: string(rcpt), Domain: found.Domain.Name, Taken: err == nil, Lookup: found.Lookup, Steps: []ops.RouteStep{}}
	if err != nil {
		r.Reason = strings.TrimPrefix(err.Error(), "directory: ")
	}
	d, ours := s.Domain(rcpt.Domain())
	if ours && r.Domain == "" {
		r.Domain = d.Name
	}
	if ours {
		a.routeReport(&r, rcpt)
	}
	for _, step := range steps {
		r.Steps = append(r.Steps, ops.RouteStep{Depth: step.Depth, Address: string(step.Address), Is: string(step.Is), Why: a.stepWhy(s, step)})
	}
	return r, nil
}

// routeReport tells of an address that SRS made, which no directory has: delivery
// reports to it go on to whom it stands for.
func (a *App) routeReport(r *ops.Route, rcpt mail.Path) {
	back, err := a.srs.Reverse(rcpt)
	step := ops.RouteStep{Address: string(rcpt), Is: "srs"}
	switch {
	case err == nil:
		step.Why = "a reverse-path that was rewritten here; delivery reports, and nothing else, go on to " + string(back)
		r.Taken, r.Reason = true, ""
	case errors.Is(err, srs.ErrNotSRS) || r.Taken:
		return
	default:
		step.Why = "looks like a reverse-path that was rewritten, and is refused as such"
		r.Reason = strings.TrimPrefix(err.Error(), "srs: ")
	}
	r.Steps = append([]ops.RouteStep{step}, r.Steps...)
}

// stepWhy says in words what an address is and what follows.
func (a *App) stepWhy(s *directory.Snapshot, step directory.Step) string {
	switch step.Is {
	case directory.IsMailbox:
		return mailboxWhy(step)
	case directory.IsRemote:
		return a.remoteWhy(s, step.Remote)
	case directory.IsCatchAll:
		return "nobody has the address: the domain's catch-all takes it"
	case directory.IsRole:
		return "every domain has postmaster and abuse; nobody has the address: whom it goes to instead"
	case directory.IsAgain:
		return "met before: gets the message once"
	case directory.IsNobody:
		return "nobody has it: nothing goes there"
	case directory.Found(directory.Distribution):
		return fmt.Sprintf("a distribution list of %d; %s may post; bounces go to %s", len(step.Leads), mayPost(step.Post), step.Owner)
	case directory.Found(directory.Forward):
		return "a forward, stores nothing"
	}
	return "an alias, stores nothing"
}

func mayPost(p directory.Posting) string {
	switch p {
	case directory.PostDomain:
		return "its own domain"
	case directory.PostMembers:
		return "its members"
	}
	return "anybody"
}

func mailboxWhy(step directory.Step) string {
	text := "a mailbox here"
	switch step.State {
	case directory.Suspended:
		text += "; suspended: takes mail, no log-in"
	case directory.Closed:
		return text + "; closed: takes no mail"
	case directory.Archive:
		return "the domain's archive: takes no mail"
	}
	if n := len(step.Leads); n > 0 {
		text += fmt.Sprintf("; copies go to %d more", n)
	}
	return text
}

// remoteWhy says over which servers mail goes on, and under which reverse-path.
func (a *App) remoteWhy(s *directory.Snapshot, r directory.Remote) string {
	var text []string
	if r.Home != "" {
		text = append(text, "lives on "+hostsWhy(s, r.Home))
	} else {
		text = append(text, "elsewhere: goes over "+a.wayOut(s, r))
	}
	switch {
	case !r.Bounces.IsNull():
		text = append(text, "under the reverse-path "+string(r.Bounces))
	case !r.By.IsNull():
		text = append(text, "senders that are not ours rewritten (SRS) to "+r.By.Domain())
	}
	if !r.By.IsNull() {
		text = append(text, "no spam")
	}
	return strings.Join(text, "; ")
}

func hostsWhy(s *directory.Snapshot, domain string) string {
	d, _ := s.Domain(domain)
	var names []string
	for _, name := range d.Hosts {
		h, _ := s.Host(name)
		names = append(names, fmt.Sprintf("%s (%s, %s, tls %s, priority %d)", h.Name, h.Address, h.Protocol, h.TLS, h.Priority))
	}
	return "mail host " + strings.Join(names, ", ")
}

// wayOut is how mail leaves that a domain of ours sends on.
func (a *App) wayOut(s *directory.Snapshot, r directory.Remote) string {
	if d, ok := s.Domain(r.By.Domain()); ok && d.Smarthost != "" {
		return fmt.Sprintf("smarthost %s of domain %s", d.Smarthost, d.Name)
	}
	if own := a.config.Load().Relay.Smarthost; own != "" {
		return fmt.Sprintf("smarthost %s (relay.smarthost)", own)
	}
	return "the MX of " + r.Address.Domain()
}
