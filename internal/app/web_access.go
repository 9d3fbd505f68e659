package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/password"
	"gatepost/internal/web"
)

// openDesk makes what lets people in.
func (a *App) openDesk(_ context.Context, c *config.Config) error {
	if err := checkPasswordRules(c); err != nil {
		return err
	}
	a.seen = access.NewLogins(a.store.Accounts(), func() time.Time { return a.now() })
	a.beside = append(a.beside, service{name: "log-ins", run: a.noteLogins}, service{name: "lost passwords", run: a.lost.run})
	a.lost.open(a)
	a.desk = access.NewDesk(access.Config{
		Guard: a.guard, Logins: a.seen, People: persons{a.directory}, Rows: a.store.Access(), Keys: a.store.Secret, Log: a.log, Now: func() time.Time { return a.now() },
	})
	return nil
}

func passwordRules(c *config.Config) password.Rules {
	return password.Rules{Length: c.Passwords.Length, Leaked: c.Passwords.Leaked}
}

// checkPasswordRules fails where the list of leaked passwords can't be searched: nobody could choose one.
func checkPasswordRules(c *config.Config) error {
	if c.Passwords.Leaked == "" {
		return nil
	}
	if err := password.CheckFile(c.Passwords.Leaked); err != nil {
		return fmt.Errorf("passwords.leaked: %w", err)
	}
	return nil
}

// weak warns an operator of a password that its owner could not choose for himself.
func (a *App) weak(text string, names ...string) []string {
	if err := passwordRules(a.config.Load()).Check(text, names...); err != nil {
		return []string{err.Error() + "; it is set all the same"}
	}
	return nil
}

// expireSessions ends, now and then, what is over.
func (a *App) expireSessions(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		a.expireAccess(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// expireAccess removes sessions, log-ins and links that are over, by a clock that may be gone by.
func (a *App) expireAccess(ctx context.Context) {
	now, ok := a.clock.Now(ctx)
	if !ok {
		return
	}
	if err := a.desk.Expire(ctx, now); err != nil && ctx.Err() == nil {
		a.log.Error("sessions not expired", "error", err)
	}
	if err := errors.Join(a.store.Accounts().ExpireLogins(ctx, now.Add(-access.LoginsFor)), a.store.Accounts().ExpireLinks(ctx, now, now.Add(-access.LinksWithin))); err != nil && ctx.Err() == nil {
		a.log.Error("log-ins and links not expired", "error", err)
	}
}

// noteLogins writes who logged in.
func (a *App) noteLogins(ctx context.Context) error {
	a.seen.Run(ctx, func(err error) { a.log.Error("log-ins are not noted yet", "error", err) })
	return nil
}

// persons is who can log in, as access wants it: mailboxes and admins of the directory.
type persons struct{ d *directory.Directory }

var (
	_ access.People = persons{}
	_ web.Accounts  = persons{}
)

// LogIn implements access.People.
func (p persons) LogIn(ctx context.Context, name, password string) (access.Person, string, error) {
	who, err := p.d.LogIn(ctx, name, password)
	switch {
	case errors.Is(err, directory.ErrLogin):
		return access.Person{}, "", access.ErrLogin
	case errors.Is(err, directory.ErrSuspended), errors.Is(err, directory.ErrClosed):
		return access.Person{}, "", access.ErrSuspended
	case err != nil:
		return access.Person{}, "", err
	}
	if who.Admin != nil {
		return p.admin(*who.Admin), adminMark(*who.Admin), nil
	}
	if !p.d.Snapshot().Serves(who.Mailbox.ID, directory.ServiceWeb) {
		return access.Person{}, "", access.ErrSuspended
	}
	return p.owner(*who.Mailbox), ownerMark(p.d.Snapshot(), *who.Mailbox), nil
}

// Find implements access.People.
func (p persons) Find(_ context.Context, who access.ID) (access.Person, string, bool) {
	switch who.Kind {
	case access.KindAdmin:
		if admin, ok := p.d.Snapshot().AdminOf(who.Number); ok && admin.State == directory.Active {
			return p.admin(admin), adminMark(admin), true
		}
	case access.KindMailbox:
		if m, ok := p.d.Snapshot().Box(who.Number); ok && p.d.Snapshot().Serves(m.ID, directory.ServiceWeb) {
			return p.owner(m), ownerMark(p.d.Snapshot(), m), true
		}
	}
	return access.Person{}, "", false
}

// Elsewhere implements web.Accounts.
func (p persons) Elsewhere(who access.Person) bool {
	s := p.d.Snapshot()
	m, ok := s.Box(who.Box)
	return ok && s.LoginSource(m) != ""
}

// Has implements web.Accounts.
func (p persons) Has(name string) bool {
	s := p.d.Snapshot()
	if _, ok := s.Admin(name); ok {
		return true
	}
	address, err := mail.ParsePath(name)
	_, ok := s.Mailbox(address)
	return err == nil && ok
}

// admin is one of the directory; the zone is that of the first domain.
func (p persons) admin(a directory.Admin) access.Person {
	person := access.Person{Kind: access.KindAdmin, ID: a.ID, Name: a.Name, Role: roleOf(a.Role), Domains: a.Domains, Language: a.Language}
	for _, right := range a.Rights {
		person.Rights = append(person.Rights, access.Action(right))
	}
	if len(a.Domains) > 0 {
		if dom, ok := p.d.Snapshot().Domain(a.Domains[0]); ok {
			person.Zone = dom.Zone
		}
	}
	return person
}

// roleOf is what package access calls a role; "" is one that may nothing.
func roleOf(r directory.AdminRole) access.Role {
	return map[directory.AdminRole]access.Role{
		directory.Operator: access.Operator, directory.DomainAdmin: access.Admin, directory.Helpdesk: access.Helpdesk, directory.Reader: access.Reader,
	}[r]
}

// owner is a mailbox's; language and zone are the domain's where the owner says nothing.
func (p persons) owner(m directory.Mailbox) access.Person {
	person := access.Person{
		Kind: access.KindMailbox, ID: m.ID, Name: string(m.Address), Role: access.Owner, Box: m.ID, Language: m.Language,
	}
	if dom, ok := p.d.Snapshot().Domain(m.Address.Domain()); ok {
		person.Domains, person.Zone = []string{dom.Name}, dom.Zone
	}
	return person
}

// A mark is of all that a session rests on. Of the password's verifier no part can be
// told from it.
func adminMark(a directory.Admin) string {
	return mark("admin", a.ID, a.Password, string(a.Role), string(a.State))
}

func ownerMark(s *directory.Snapshot, m directory.Mailbox) string {
	return mark("mailbox", m.ID, m.Password, string(access.Owner), string(m.State)+s.LoginSource(m))
}

func mark(kind string, id int64, v directory.Verifier, role, state string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s\x00%s\x00%s", kind, id, v.Hash, v.SCRAM, role, state))
	return hex.EncodeToString(sum[:16])
}

// SetLanguage implements web.Accounts.
func (p persons) SetLanguage(ctx context.Context, who access.Person, lang string) error {
	if who.Kind == access.KindAdmin {
		_, err := p.d.ChangeAdmin(ctx, who.Name, who.Name, func(a *directory.Admin) error { a.Language = lang; return nil })
		return err
	}
	_, err := p.d.ChangeMailbox(ctx, mail.Path(who.Name), func(m *directory.Mailbox) error { m.Language = lang; return nil })
	return err
}

// SetPassword implements web.Accounts.
func (p persons) SetPassword(ctx context.Context, who access.Person, password string) (err error) {
	if who.Kind == access.KindAdmin {
		err = p.d.SetAdminPassword(ctx, who.Name, who.Name, password)
	} else {
		err = p.d.SetPassword(ctx, mail.Path(who.Name), password, who.Name, "")
	}
	if errors.Is(err, directory.ErrElsewhere) {
		return web.ErrElsewhere
	}
	if errors.Is(err, directory.ErrPassword) {
		return web.ErrPassword
	}
	return err
}
