package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) hostOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.HostAdd) (ops.Host, error) {
		added, err := a.makeHost(ctx, byCommand(ctx), directory.Host{
			Name: q.Name, Domain: q.Domain, Address: q.Address, Roles: roles(q.Roles), Protocol: directory.Protocol(q.Protocol), TLS: directory.TLSPolicy(q.TLS),
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
		return ops.Nothing{}, told(a.dropHost(ctx, byCommand(ctx), q.Name, anybody[directory.Host]))
	})
}

// isSmarthost reports whether the configuration has that mail host for all that
// leaves the node.
func (a *App) isSmarthost(name string) bool {
	own := a.config.Load().Relay.Smarthost
	return own != "" && strings.EqualFold(own, strings.TrimSpace(name))
}

// makeHost adds a mail host; changeHost and dropHost change and remove one. All who do, by commands and by pages, do it by these.
func (a *App) makeHost(ctx context.Context, who string, h directory.Host) (directory.Host, error) {
	if err := a.placedWell(h); err != nil {
		return directory.Host{}, fmt.Errorf("add mail host %s: %w", h.Name, err)
	}
	return a.directory.AddHost(ctx, who, h)
}

// changeHost has a mail host changed. change tells whether the password that is in force was typed in just now: one that was not is not
// sent to where it was not meant for.
func (a *App) changeHost(ctx context.Context, who, name string, change func(*directory.Host) (typed bool, err error)) (directory.Host, error) {
	return a.directory.ChangeHost(ctx, name, who, func(h *directory.Host) error {
		had := *h
		typed, err := change(h)
		if err != nil {
			return err
		}
		if h.User == "" && !typed {
			h.Password = ""
		}
		if a.isSmarthost(name) && !slices.Contains(h.Roles, directory.SMTPOut) {
			return &directory.HostFault{Field: "roles", Err: fmt.Errorf("%w: relay.smarthost of the configuration names it, for which it needs the role %s", directory.ErrInUse, directory.SMTPOut)}
		}
		if !typed && h.Password != "" && meansOther(had, *h) {
			return &directory.HostFault{Field: "password", Err: fmt.Errorf("%w: address, user name or TLS are others now: give the password again, or take the log-in away", directory.ErrInvalid)}
		}
		if h.Domain == had.Domain && h.Address == had.Address {
			return nil
		}
		return a.placedWell(*h)
	})
}

// meansOther reports whether a password that was given for what a mail host was would go to somebody else, or another way.
func meansOther(had, next directory.Host) bool {
	return !strings.EqualFold(strings.TrimSpace(next.Address), had.Address) || next.User != had.User || next.TLS != had.TLS || next.Protocol != had.Protocol
}

func (a *App) dropHost(ctx context.Context, who, name string, may func(directory.Host) error) error {
	if a.isSmarthost(name) {
		return fmt.Errorf("remove mail host %s: %w: relay.smarthost of the configuration names it; change that first", name, directory.ErrInUse)
	}
	return a.directory.RemoveHost(ctx, name, who, may)
}

// anybody lets whoever asks do it: commands are the operator's.
func anybody[T any](T) error { return nil }

// errHostReach: a domain's own mail host is where it may not be.
var errHostReach = errors.New("a domain's own mail host may not be there")

// hostsReach says why no mail host that is a domain's own is reached at an address, as it was found for its name: who looks after
// the domain chooses it, and would else look around in the node's network.
func (a *App) hostsReach(at netip.AddrPort) error {
	c := a.config.Load().Relay
	if why := (places{"relay.host_ports", c.HostPorts, "relay.host_networks", c.HostNetworks}).refuse(at); why != "" {
		return fmt.Errorf("%w: %s", errHostReach, why)
	}
	return nil
}

// placedWell refuses a mail host as a domain's own that would get other domains' mail, or that is not reached where it is, as far as that can be told without a look at the DNS.
func (a *App) placedWell(h directory.Host) error {
	if h.Domain == "" {
		return nil
	}
	if a.isSmarthost(h.Name) {
		return &directory.HostFault{Field: "name", Err: fmt.Errorf("%w: relay.smarthost of the configuration names it for all domains' mail", directory.ErrInUse)}
	}
	host, port, err := net.SplitHostPort(strings.TrimSpace(h.Address))
	if err != nil {
		return nil // the directory tells what is wrong with it
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	c := a.config.Load().Relay
	if !slices.Contains(c.HostPorts, int(n)) {
		err = fmt.Errorf("%w: port %d is not among relay.host_ports", errHostReach, n)
	} else if at, notOne := netip.ParseAddr(host); notOne == nil {
		err = a.hostsReach(netip.AddrPortFrom(at, uint16(n)))
	}
	if err != nil {
		return &directory.HostFault{Field: "address", Err: fmt.Errorf("%w: %w", directory.ErrInvalid, err)}
	}
	return nil
}

func (a *App) listHosts(_ context.Context, q ops.HostList) ([]ops.Host, error) {
	known := []string{string(directory.IMAP), string(directory.SMTPIn), string(directory.SMTPOut)}
	if q.Role != "" && !slices.Contains(known, q.Role) {
		return nil, control.Misused("role %q; known are %s", q.Role, strings.Join(known, ", "))
	}
	domain, err := a.askedDomain(q.Domain)
	if err != nil {
		return nil, err
	}
	name, address := strings.ToLower(q.Name), strings.ToLower(q.Address)
	found := slices.DeleteFunc(a.directory.Snapshot().Hosts(), func(h directory.Host) bool {
		return !strings.Contains(h.Name, name) || !strings.Contains(h.Address, address) || domain != "" && h.Domain != domain ||
			q.Role != "" && !slices.Contains(h.Roles, directory.Role(q.Role))
	})
	list := []ops.Host{}
	for _, h := range pageOf(found, q.Page, func(h directory.Host) string { return h.Name }) {
		list = append(list, a.host(h))
	}
	return list, nil
}

func (a *App) setHost(ctx context.Context, q ops.HostSet) (ops.Host, error) {
	next, err := a.changeHost(ctx, byCommand(ctx), q.Name, func(h *directory.Host) (typed bool, err error) {
		own := h.Domain != ""
		give(&h.Domain, q.Domain)
		give(&h.Address, q.Address)
		give(&h.Protocol, (*directory.Protocol)(q.Protocol))
		give(&h.TLS, (*directory.TLSPolicy)(q.TLS))
		give(&h.Priority, q.Priority)
		give(&h.Spam, (*directory.HostSpam)(q.Spam))
		give(&h.User, q.User)
		give(&h.Password, q.Password)
		if q.Roles != nil {
			h.Roles = roles(*q.Roles)
		}
		// What is the node's was given by those who run it, as this is.
		return q.Password != nil || h.User != "" && !own && h.Domain == "", nil
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
		Name: h.Name, Domain: h.Domain, Address: h.Address, Roles: texts(h.Roles), Protocol: string(h.Protocol), TLS: string(h.TLS), Priority: h.Priority,
		Spam: string(h.Spam), User: h.User, Password: h.Password != "", Created: h.Created,
		Domains: len(a.directory.Snapshot().Using(h.Name)), Node: a.isSmarthost(h.Name), Trouble: a.trouble(h.Name),
	}
}
