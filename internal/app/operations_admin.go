package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) adminOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.AdminAdd) (ops.Admin, error) {
		added, err := a.addAdmin(ctx, q, byCommand(ctx))
		shown := adminShown(added)
		if err == nil {
			shown.Warnings = a.weak(q.Password, q.Name)
		}
		return shown, told(err)
	})
	control.On(h, a.listAdmins)
	control.On(h, func(_ context.Context, q ops.AdminShow) (ops.Admin, error) {
		found, ok := a.directory.Snapshot().Admin(q.Name)
		if !ok {
			return ops.Admin{}, control.NotFound("admin %s: %v", q.Name, directory.ErrNoAdmin)
		}
		return adminShown(found), nil
	})
	control.On(h, func(ctx context.Context, q ops.AdminSet) (ops.Admin, error) {
		changed, err := a.setAdmin(ctx, q, byCommand(ctx))
		shown := adminShown(changed)
		if err == nil && q.Password != nil {
			shown.Warnings = a.weak(*q.Password, q.Name)
		}
		return shown, told(err)
	})
	control.On(h, func(ctx context.Context, q ops.AdminRemove) (ops.Nothing, error) {
		return ops.Nothing{}, told(a.directory.RemoveAdmin(ctx, q.Name, byCommand(ctx)))
	})
}

func (a *App) listAdmins(_ context.Context, q ops.AdminList) ([]ops.Admin, error) {
	domain, err := a.askedDomain(q.Domain)
	if err != nil {
		return nil, err
	}
	all := a.directory.Snapshot().Admins()
	if domain != "" {
		all = slices.DeleteFunc(all, func(a directory.Admin) bool { return !a.Has(domain) })
	}
	list := []ops.Admin{}
	for _, found := range pageOf(all, q.Page, func(a directory.Admin) string { return a.Name }) {
		list = append(list, adminShown(found))
	}
	return list, nil
}

// addAdmin adds one, as who's doing.
func (a *App) addAdmin(ctx context.Context, q ops.AdminAdd, who string) (directory.Admin, error) {
	admin := directory.Admin{Name: q.Name, Role: directory.AdminRole(q.Role), Domains: q.Domains, Rights: q.Rights, Language: q.Language}
	if err := checkRights(admin); err != nil {
		return directory.Admin{}, err
	}
	return a.directory.AddAdmin(ctx, who, admin, q.Password)
}

// setAdmin changes one, as who's doing.
func (a *App) setAdmin(ctx context.Context, q ops.AdminSet, who string) (directory.Admin, error) {
	changed, err := a.directory.ChangeAdmin(ctx, q.Name, who, func(next *directory.Admin) error {
		give(&next.Role, (*directory.AdminRole)(q.Role))
		give(&next.Domains, q.Domains)
		give(&next.Rights, q.Rights)
		give(&next.Language, q.Language)
		give(&next.State, (*directory.State)(q.State))
		if next.Role == directory.Operator && q.Domains == nil {
			next.Domains = nil // who becomes one has all
		}
		if next.Role == directory.Operator && q.Rights == nil {
			next.Rights = nil
		}
		return checkRights(*next)
	})
	if err == nil && q.Password != nil {
		err = a.directory.SetAdminPassword(ctx, q.Name, who, *q.Password)
	}
	return changed, err
}

// checkRights refuses rights that an admin's role does not have: who set them meant something else.
func checkRights(a directory.Admin) error {
	if a.Role == directory.Operator {
		return nil // who has all of them, or is refused
	}
	known := access.Rights(roleOf(a.Role))
	for _, right := range a.Rights {
		if len(known) > 0 && !slices.Contains(known, access.Action(right)) {
			return fmt.Errorf("%w: the role %s has no right %q; give the rights that are to stand: of %s", directory.ErrInvalid, a.Role, right, strings.Join(texts(known), ", "))
		}
	}
	return nil
}

func adminShown(a directory.Admin) ops.Admin {
	return ops.Admin{Name: a.Name, Role: string(a.Role), Domains: texts(a.Domains), Rights: texts(a.Rights), Language: a.Language, State: string(a.State), Created: a.Created}
}
