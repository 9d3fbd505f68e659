package app

import (
	"cmp"
	"context"
	"strings"

	"gatepost/internal/allowance"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) submissionOps(h control.Handlers) {
	control.On(h, a.listLogins)
	control.On(h, a.showLogin)
	control.On(h, a.stopLogin)
	control.On(h, a.resumeLogin)
	control.On(h, a.setLoginLimits)
}

// daysHours are the hours of a day, and maxLogins bounds a list.
const (
	daysHours = 24
	maxLogins = 1000
)

// listLogins shows what log-ins sent within a day.
func (a *App) listLogins(ctx context.Context, q ops.SubmissionList) ([]ops.Login, error) {
	if err := a.allowance.Sync(ctx); err != nil {
		return nil, err
	}
	if q.Limit <= 0 || q.Limit > maxLogins {
		q.Limit = maxLogins
	}
	list := []ops.Login{}
	if q.Stopped {
		stops, err := a.store.Submission().Stops(ctx)
		for _, s := range stops[:min(len(stops), q.Limit)] {
			one, err := a.loginOf(ctx, s.Box)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, err
	}
	counts, err := a.store.Submission().Totals(ctx, 0, a.now().Unix()/3600-daysHours+1, q.Limit)
	for _, c := range counts {
		list = append(list, a.loginWith(c))
	}
	return list, err
}

func (a *App) showLogin(ctx context.Context, q ops.SubmissionShow) (ops.Login, error) {
	m, err := a.sends(q.Mailbox)
	if err != nil {
		return ops.Login{}, err
	}
	if err := a.allowance.Sync(ctx); err != nil {
		return ops.Login{}, err
	}
	return a.loginOf(ctx, m.id)
}

// sends finds the mailbox or sender whose log-in an operation names.
func (a *App) sends(name string) (login, error) {
	p, err := path(name)
	if err != nil {
		return login{}, err
	}
	if n, ok := a.directory.Snapshot().Sender(p); ok {
		return login{n.ID, n.Name}, nil
	}
	m, err := a.owner(name)
	return login{m.ID, m.Address}, err
}

// loginOf is what one mailbox's log-in did within a day.
func (a *App) loginOf(ctx context.Context, box int64) (ops.Login, error) {
	counts, err := a.store.Submission().Totals(ctx, box, a.now().Unix()/3600-daysHours+1, 1)
	if err != nil {
		return ops.Login{}, err
	}
	return a.loginWith(append(counts, allowance.Count{Box: box})[0]), nil
}

// loginWith is a count for a person.
func (a *App) loginWith(c allowance.Count) ops.Login {
	l := a.allowance.Limits(c.Box)
	o := ops.Login{
		Messages: c.Messages, Refused: c.Refused, Recipients: c.Fresh, Excess: c.Excess, Wrong: c.Wrong, Networks: c.Networks, Signs: signsOf(c),
		PerMinute: l.Minute, PerHour: l.Hour, PerDay: l.Day, RecipientsDay: l.Recipients,
	}
	if who, ok := loginWithID(a.directory.Snapshot(), c.Box); ok {
		o.Mailbox = string(who.name)
	}
	if s, stopped := a.allowance.Stopped(c.Box); stopped {
		o.Stopped, o.Since, o.Reason, o.Who = true, s.Since, s.Reason, s.Who
	}
	return o
}

// From when on something is a sign that somebody else has the password.
const (
	manyNetworks = 5  // in an hour
	manyWrong    = 20 // in a day, and a fifth of all recipients
)

// signsOf are signs in words.
func signsOf(c allowance.Count) []string {
	signs := []string{}
	if c.Refused+c.Excess > 0 {
		signs = append(signs, "over its limits")
	}
	if c.Networks >= manyNetworks {
		signs = append(signs, "many networks in an hour")
	}
	if c.Wrong >= manyWrong && 5*c.Wrong >= c.Fresh {
		signs = append(signs, "many wrong recipients")
	}
	return signs
}

func (a *App) stopLogin(ctx context.Context, q ops.SubmissionStop) (ops.Login, error) {
	m, err := a.sends(q.Mailbox)
	if err != nil {
		return ops.Login{}, err
	}
	reason := cmp.Or(strings.TrimSpace(q.Reason), "stopped by "+admin)
	if len(reason) > 200 || strings.ContainsAny(reason, "\r\n\x00") {
		return ops.Login{}, control.Misused("reason: give one line of 200 octets at most")
	}
	first, err := a.allowance.StopNow(ctx, allowance.Stop{Box: m.id, Since: a.now(), Reason: reason, Who: byCommand(ctx)})
	if err != nil {
		return ops.Login{}, err
	}
	if first {
		a.log.Info("log-in stopped", "mailbox", m.name, "reason", reason, "by", byCommand(ctx))
	}
	return a.loginOf(ctx, m.id)
}

func (a *App) resumeLogin(ctx context.Context, q ops.SubmissionResume) (ops.Login, error) {
	m, err := a.sends(q.Mailbox)
	if err != nil {
		return ops.Login{}, err
	}
	was, err := a.allowance.Resume(ctx, m.id)
	if err != nil {
		return ops.Login{}, err
	}
	if !was {
		return ops.Login{}, control.NotFound("%s is not stopped", m.name)
	}
	a.log.Info("log-in may send again", "mailbox", m.name, "by", byCommand(ctx))
	return a.loginOf(ctx, m.id)
}

// maxLimit bounds the limits that can be set.
const maxLimit = 10_000_000

// limited finds whose limits a mailbox's address or a domain's name stands for.
func (a *App) limited(of string) (owner allowance.Owner, name string, err error) {
	if strings.Contains(of, "@") {
		m, err := a.sends(of)
		return allowance.OfBox(m.id), string(m.name), err
	}
	canonical, err := domainName(of)
	if err != nil {
		return owner, "", err
	}
	d, ok := a.directory.Snapshot().Domain(canonical)
	if !ok {
		return owner, "", control.NotFound("domain %s: %v", canonical, directory.ErrNoDomain)
	}
	return allowance.OfDomain(d.ID), d.Name, nil
}

func (a *App) setLoginLimits(ctx context.Context, q ops.SubmissionSet) (ops.SubmissionLimits, error) {
	owner, name, err := a.limited(q.Owner)
	if err != nil {
		return ops.SubmissionLimits{}, err
	}
	for _, n := range []*int{q.PerMinute, q.PerHour, q.PerDay, q.Recipients} {
		if n != nil && *n > maxLimit {
			return ops.SubmissionLimits{}, control.Misused("%d is more than %d", *n, maxLimit)
		}
	}
	o, err := a.allowance.SetOwn(ctx, owner, func(o *allowance.Own) {
		give(&o.Minute, q.PerMinute)
		give(&o.Hour, q.PerHour)
		give(&o.Day, q.PerDay)
		give(&o.Recipients, q.Recipients)
		o.Minute, o.Hour, o.Day, o.Recipients = max(o.Minute, -1), max(o.Hour, -1), max(o.Day, -1), max(o.Recipients, -1)
	})
	if err != nil {
		return ops.SubmissionLimits{}, err
	}
	a.log.Info("limits of log-ins changed", "of", name, "by", byCommand(ctx))
	return ops.SubmissionLimits{Owner: name, PerMinute: o.Minute, PerHour: o.Hour, PerDay: o.Day, Recipients: o.Recipients}, nil
}
