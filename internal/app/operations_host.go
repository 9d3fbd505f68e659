package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) hostOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.HostAdd) (ops.Host, error) {
		added, err := a.directory.AddHost(ctx, directory.Host{
			Name: q.Name, Address: q.Address, Roles: roles(q.Roles), Protocol: directory.Protocol(q.Protocol), TLS: directory.TLSPolicy(q.TLS),
			Priority: q.Priority, Spam: directory.HostSpam(q.Spam), User: q.User, Password: q.Password,
		})
		return a.host(added), told(err)
	})
	control.On(h, a.listHosts)
	control.On(h, func(_ context.Context, q ops.HostShow) (ops.Host, error) {
		found, ok := a.directory.Snapshot().Host(strings.ToLower(q.Name))
		if !ok {
			return ops.Host{}, control.NotFound("mail host %s: %v", q.Name, directory.ErrNoHost)
		}
		return a.host(found), nil
	})
	control.On(h, a.setHost)
	control.On(h, func(ctx context.Context, q ops.HostRemove) (ops.Nothing, error) {
		if a.isSmarthost(q.Name) {
			return ops.Nothing{}, fmt.Errorf("remove mail host %s: %w: relay.smarthost of the configuration names it; change that first", q.Name, directory.ErrInUse)
		}
		return ops.Nothing{}, told(a.directory.RemoveHost(ctx, q.Name))
	})
}

// isSmarthost reports whether the configuration has that mail host for all that
// leaves the node.
func (a *App) isSmarthost(name string) bool {
	own := a.config.Load().Relay.Smarthost
	return own != "" && strings.EqualFold(own, name)
}

func (a *App) listHosts(_ context.Context, q ops.HostList) ([]ops.Host, error) {
	known := []string{string(directory.IMAP), string(directory.SMTPIn), string(directory.SMTPOut)}
	if q.Role != "" && !slices.Contains(known, q.Role) {
		return nil, control.Misused("role %q; known are %s", q.Role, strings.Join(known, ", "))
	}
	name, address := strings.ToLower(q.Name), strings.ToLower(q.Address)
	found := slices.DeleteFunc(a.directory.Snapshot().Hosts(), func(h directory.Host) bool {
		return !strings.Contains(h.Name, name) || !strings.Contains(h.Address, address) || q.Role != "" && !slices.Contains(h.Roles, directory.Role(q.Role))
	})
	list := []ops.Host{}
	for _, h := range pageOf(found, q.Page, func(h directory.Host) string { return h.Name }) {
		list = append(list, a.host(h))
	}
	return list, nil
}

func (a *App) setHost(ctx context.Context, q ops.HostSet) (ops.Host, error) {
	next, err := a.directory.ChangeHost(ctx, q.Name, func(h *directory.Host) error {
		give(&h.Address, q.Address)
		give(&h.Protocol, (*directory.Protocol)(q.Protocol))
		give(&h.TLS, (*directory.TLSPolicy)(q.TLS))
		give(&h.Priority, q.Priority)
		give(&h.Spam, (*directory.HostSpam)(q.Spam))
		give(&h.User, q.User)
		give(&h.Password, q.Password)
		if h.User == "" && q.Password == nil {
			h.Password = ""
		}
		if q.Roles != nil {
			h.Roles = roles(*q.Roles)
		}
		if a.isSmarthost(q.Name) && !slices.Contains(h.Roles, directory.SMTPOut) {
			return fmt.Errorf("%w: relay.smarthost of the configuration names it, for which it needs the role %s", directory.ErrInUse, directory.SMTPOut)
		}
		return nil
	})
	return a.host(next), told(err)
}

func roles(names []string) []directory.Role {
	list := make([]directory.Role, len(names))
	for i, n := range names {
		list[i] = directory.Role(strings.ToLower(strings.TrimSpace(n)))
	}
	return list
}

func (a *App) host(h directory.Host) ops.Host {
	return ops.Host{
		Name: h.Name, Address: h.Address, Roles: texts(h.Roles), Protocol: string(h.Protocol), TLS: string(h.TLS), Priority: h.Priority,
		Spam: string(h.Spam), User: h.User, Password: h.Password != "", Created: h.Created,
		Domains: len(a.directory.Snapshot().Using(h.Name)), Node: a.isSmarthost(h.Name), Trouble: a.trouble(h.Name),
	}
}
