package app

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// adminPages is who looks after the node and its domains, as operators see it on the pages. What is done there is done by
// the operations of the commands.
type adminPages struct{ app *App }

var _ web.Admins = adminPages{}

// Admins implements web.Admins.
func (p adminPages) Admins(ctx context.Context, part string, most int) (list []web.Admin, err error) {
	name, domain := strings.ToLower(string(spelled(part))), strings.ToLower(spelledDomain(part))
	for _, a := range p.app.directory.Snapshot().Admins() {
		in := func(d string) bool { return strings.Contains(d, domain) }
		if !strings.Contains(a.Name, name) && !slices.ContainsFunc(a.Domains, in) {
			continue
		}
		if len(list) == most {
			break
		}
		one, err := p.shown(ctx, a)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// Admin implements web.Admins.
func (p adminPages) Admin(ctx context.Context, name string) (web.Admin, error) {
	a, ok := p.app.directory.Snapshot().Admin(name)
	if !ok {
		return web.Admin{}, web.ErrNoAdmin
	}
	return p.shown(ctx, a)
}

// shown adds when somebody logged in last.
func (p adminPages) shown(ctx context.Context, a directory.Admin) (web.Admin, error) {
	who := persons{p.app.directory}.admin(a)
	one := web.Admin{Name: a.Name, Role: who.Role, Domains: a.Domains, Rights: who.Rights, Language: a.Language, Suspended: a.State == directory.Suspended, Created: a.Created}
	logins, err := p.app.seen.Of(ctx, a.ID)
	if len(logins) > 0 {
		one.Last = &logins[0]
	}
	return one, err
}

// AddAdmin implements web.Admins.
func (p adminPages) AddAdmin(ctx context.Context, f web.AdminForm, who string) (string, error) {
	domains, rights, err := p.chosen(f)
	if err != nil {
		return "", err
	}
	q := ops.AdminAdd{Name: f.Name, Role: string(adminRole(f.Role)), Domains: domains, Rights: rights, Language: f.Language, Password: rand.Text()}
	if _, err = directory.AdminName(f.Name); err != nil {
		return "", &web.AdminFault{Field: "name", Why: "bad"}
	}
	if _, err = p.app.addAdmin(ctx, q, who); errors.Is(err, directory.ErrExists) {
		return "", &web.AdminFault{Field: "name", Why: "taken"}
	}
	return q.Password, adminFault(err)
}

// ChangeAdmin implements web.Admins.
func (p adminPages) ChangeAdmin(ctx context.Context, f web.AdminForm, who string) (password string, err error) {
	domains, rights, err := p.chosen(f)
	if err != nil {
		return "", err
	}
	state := directory.Active
	if f.Suspended {
		state = directory.Suspended
	}
	q := ops.AdminSet{Name: f.Name, Role: new(string(adminRole(f.Role))), Domains: &domains, Rights: &rights, Language: &f.Language, State: new(string(state))}
	if f.Password {
		password = rand.Text()
		q.Password = &password
	}
	if _, err = p.app.setAdmin(ctx, q, who); err != nil {
		return "", adminFault(err)
	}
	return password, nil
}

// chosen are the domains and the rights that a form names; of an operator none, who has all.
func (p adminPages) chosen(f web.AdminForm) (domains, rights []string, err error) {
	if f.Role == access.Operator {
		return nil, nil, nil
	}
	for _, name := range listed(f.Domains) {
		d, ok := p.app.directory.Snapshot().Domain(spelledDomain(name))
		if !ok {
			return nil, nil, &web.AdminFault{Field: "domains", Why: "bad", What: name}
		}
		domains = append(domains, d.Name)
	}
	if len(domains) == 0 {
		return nil, nil, &web.AdminFault{Field: "domains", Why: "none"}
	}
	if !f.All {
		rights = texts(f.Rights)
	}
	return domains, rights, nil
}

// RemoveAdmin implements web.Admins.
func (p adminPages) RemoveAdmin(ctx context.Context, name, who string) error {
	return adminFault(p.app.directory.RemoveAdmin(ctx, name, who))
}

// adminFault is what the directory says of an admin, for the pages.
func adminFault(err error) error {
	switch {
	case errors.Is(err, directory.ErrNoAdmin):
		return web.ErrNoAdmin
	case errors.Is(err, directory.ErrLast):
		return &web.AdminFault{Why: "last"}
	case errors.Is(err, directory.ErrInvalid), errors.Is(err, directory.ErrNoDomain): // such as too many domains, or one that went just now
		return &web.AdminFault{Why: "bad"}
	}
	return err
}

// adminRole is what the directory calls a role; "" is none.
func adminRole(role access.Role) directory.AdminRole {
	for _, r := range []directory.AdminRole{directory.Operator, directory.DomainAdmin, directory.Helpdesk, directory.Reader} {
		if roleOf(r) == role {
			return r
		}
	}
	return ""
}
