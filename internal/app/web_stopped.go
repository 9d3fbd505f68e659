package app

import (
	"context"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/allowance"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// stopPages is who may send nothing, as people see it on the pages. What is done there is done by the operations of
// the commands.
type stopPages struct{ app *App }

var _ web.Stops = stopPages{}

// maxClients is how many log-ins are shown of one who is stopped.
const maxClients = 5

// Stopped implements web.Stops.
func (p stopPages) Stopped(ctx context.Context, part string, most int, may func(string) bool) (list []web.StoppedLogin, err error) {
	if err := p.app.allowance.Sync(ctx); err != nil {
		return nil, err
	}
	s := p.app.directory.Snapshot()
	part = strings.ToLower(string(spelled(part)))
	for _, stop := range p.app.allowance.Stopping() {
		who, known := loginWithID(s, stop.Box)
		if !known || !may(who.name.Domain()) || !strings.Contains(string(who.name), part) {
			continue
		}
		if len(list) == most {
			break
		}
		one, err := p.login(ctx, who, stop)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// login adds what it did within a day, and from where.
func (p stopPages) login(ctx context.Context, who login, stop allowance.Stop) (web.StoppedLogin, error) {
	one := web.StoppedLogin{Stop: stop, Name: who.name}
	counts, err := p.app.store.Submission().Totals(ctx, who.id, p.app.now().Unix()/3600-daysHours+1, 1)
	if err != nil {
		return one, err
	}
	if len(counts) > 0 {
		one.Count = counts[0]
	}
	if _, person := p.app.directory.Snapshot().Box(who.id); !person {
		one.Machine = true
		return one, nil
	}
	one.Clients, err = p.app.seen.Of(ctx, who.id)
	one.Clients = slices.DeleteFunc(one.Clients, func(l access.Login) bool { return l.Door != string(directory.ServiceSubmission) })
	one.Clients = one.Clients[:min(len(one.Clients), maxClients)]
	return one, err
}

// Stop implements web.Stops.
func (p stopPages) Stop(box int64) (allowance.Stop, bool) { return p.app.allowance.Stopped(box) }

// Sends implements web.Stops.
func (p stopPages) Sends(name string) (mail.Path, bool) {
	who, err := p.app.sends(name)
	return who.name, err == nil
}

// StopNow implements web.Stops.
func (p stopPages) StopNow(ctx context.Context, name mail.Path, reason, who string) error {
	_, err := p.app.stopLogin(control.WithPerson(ctx, who), ops.SubmissionStop{Mailbox: string(name), Reason: reason})
	if control.KindOf(err) == control.Misuse {
		return web.ErrReason
	}
	return err
}

// Resume implements web.Stops.
func (p stopPages) Resume(ctx context.Context, name mail.Path, who string) error {
	_, err := p.app.resumeLogin(control.WithPerson(ctx, who), ops.SubmissionResume{Mailbox: string(name)})
	if control.KindOf(err) == control.Missing {
		return web.ErrNotStopped
	}
	return err
}
