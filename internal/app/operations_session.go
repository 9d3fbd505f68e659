package app

import (
	"context"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) sessionOps(h control.Handlers) {
	control.On(h, a.listSessions)
	control.On(h, a.closeSessions)
	control.On(h, func(ctx context.Context, q ops.AdminResetFactor) (ops.Nothing, error) {
		admin, ok := a.directory.Snapshot().Admin(q.Name)
		if !ok {
			return ops.Nothing{}, control.NotFound("admin %s: %v", q.Name, directory.ErrNoAdmin)
		}
		return ops.Nothing{}, a.desk.ResetFactor(ctx, persons{a.directory}.admin(admin))
	})
	control.On(h, func(ctx context.Context, q ops.MailboxResetFactor) (ops.Nothing, error) {
		p, err := path(q.Address)
		if err != nil {
			return ops.Nothing{}, err
		}
		m, ok := a.directory.Snapshot().Mailbox(p)
		if !ok {
			return ops.Nothing{}, control.NotFound("mailbox %s: %v", p, directory.ErrNoMailbox)
		}
		return ops.Nothing{}, a.desk.ResetFactor(ctx, persons{a.directory}.owner(m))
	})
}

// person finds who logs in with a name, whether he can at present or not.
func (a *App) person(name string) (access.Person, error) {
	if admin, ok := a.directory.Snapshot().Admin(name); ok {
		return persons{a.directory}.admin(admin), nil
	}
	if m, ok := a.directory.Snapshot().Mailbox(spelled(name).Fold()); ok {
		return persons{a.directory}.owner(m), nil
	}
	return access.Person{}, control.NotFound("nobody logs in as %s: neither an admin nor a mailbox", name)
}

// shortID is how much of a session's ID is shown.
const shortID = 12

func (a *App) listSessions(ctx context.Context, q ops.SessionList) ([]ops.Session, error) {
	p, err := a.person(q.Name)
	if err != nil {
		return nil, err
	}
	all, err := a.desk.Sessions(ctx, p)
	if err != nil {
		return nil, err
	}
	list := []ops.Session{}
	for _, s := range all {
		shown := ops.Session{ID: s.ID[:shortID], Agent: s.Agent, Since: s.Created, Seen: s.Seen, Expires: s.Expires}
		if s.Client.IsValid() {
			shown.Client = s.Client.String()
		}
		switch {
		case s.Support && s.Waiting:
			shown.Support = "offered"
		case s.Support:
			shown.Support = "used"
		}
		list = append(list, shown)
	}
	return list, nil
}

func (a *App) closeSessions(ctx context.Context, q ops.SessionClose) (ops.SessionsClosed, error) {
	p, err := a.person(q.Name)
	if err != nil {
		return ops.SessionsClosed{}, err
	}
	if q.ID == "" {
		n, err := a.desk.CloseAll(ctx, p, "", byCommand(ctx))
		return ops.SessionsClosed{Closed: n}, err
	}
	all, err := a.desk.Sessions(ctx, p)
	if err != nil {
		return ops.SessionsClosed{}, err
	}
	for _, s := range all {
		if len(q.ID) >= shortID && strings.HasPrefix(s.ID, q.ID) {
			return ops.SessionsClosed{Closed: 1}, a.desk.Close(ctx, p, s.ID, byCommand(ctx))
		}
	}
	return ops.SessionsClosed{}, control.NotFound("%s has no session %s", q.Name, q.ID)
}
