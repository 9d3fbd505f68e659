package app

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

func (a *App) senderOps(h control.Handlers) {
	control.On(h, a.addSender)
	control.On(h, a.listSenders)
	control.On(h, func(_ context.Context, q ops.SenderShow) (ops.Sender, error) {
		p, err := path(q.Name)
		if err != nil {
			return ops.Sender{}, err
		}
		n, ok := a.directory.Snapshot().Sender(p)
		if !ok {
			return ops.Sender{}, control.NotFound("sender %s: %v", p, directory.ErrNoSender)
		}
		return a.sender(n, ""), nil
	})
	control.On(h, a.setSender)
	control.On(h, func(ctx context.Context, q ops.SenderRemove) (ops.Nothing, error) {
		p, err := path(q.Name)
		if err != nil {
			return ops.Nothing{}, err
		}
		return ops.Nothing{}, told(a.dropSender(ctx, p, anybody[directory.Sender]))
	})
}

func (a *App) addSender(ctx context.Context, q ops.SenderAdd) (ops.Sender, error) {
	p, err := path(q.Name)
	if err != nil {
		return ops.Sender{}, err
	}
	networks, err := a.senderNetworks(q.Networks)
	if err != nil {
		return ops.Sender{}, err
	}
	n, password, err := a.makeSender(ctx, directory.Sender{Name: p, Also: q.Also, Keys: q.Keys, Networks: networks}, q.Login)
	if err != nil {
		return ops.Sender{}, told(err)
	}
	return a.sender(n, password), nil
}

// makeSender adds one; changeSender and dropSender change and remove one. Each says in the log who did it.
func (a *App) makeSender(ctx context.Context, n directory.Sender, login bool) (directory.Sender, string, error) {
	n, password, err := a.directory.AddSender(ctx, n, login)
	if err == nil {
		a.log.Info("sender added", "sender", n.Name, "by", byCommand(ctx))
	}
	return n, password, err
}

func (a *App) changeSender(ctx context.Context, name mail.Path, login bool, change func(*directory.Sender) error) (directory.Sender, string, error) {
	n, password, err := a.directory.ChangeSender(ctx, name, login, change)
	if err == nil {
		a.log.Info("sender changed", "sender", n.Name, "by", byCommand(ctx))
	}
	return n, password, err
}

func (a *App) dropSender(ctx context.Context, name mail.Path, may func(directory.Sender) error) error {
	err := a.directory.RemoveSender(ctx, name, may)
	if err == nil {
		a.log.Info("sender removed", "sender", name, "by", byCommand(ctx))
	}
	return err
}

func (a *App) listSenders(_ context.Context, q ops.SenderList) ([]ops.Sender, error) {
	domain, err := a.askedDomain(q.Domain)
	if err != nil {
		return nil, err
	}
	list := []ops.Sender{}
	for _, n := range pageOf(a.directory.Snapshot().Senders(domain), q.Page, func(n directory.Sender) string { return string(n.Name) }) {
		list = append(list, a.sender(n, ""))
	}
	return list, nil
}

func (a *App) setSender(ctx context.Context, q ops.SenderSet) (ops.Sender, error) {
	p, err := path(q.Name)
	if err != nil {
		return ops.Sender{}, err
	}
	var networks []netip.Prefix
	if q.Networks != nil {
		if networks, err = a.senderNetworks(*q.Networks); err != nil {
			return ops.Sender{}, err
		}
	}
	n, password, err := a.changeSender(ctx, p, q.Login != nil && *q.Login, func(n *directory.Sender) error {
		give(&n.Also, q.Also)
		give(&n.Keys, q.Keys)
		if q.Networks != nil {
			n.Networks = networks
		}
		if q.Login != nil && !*q.Login {
			n.SCRAM = ""
		}
		if q.Off != nil {
			n.Off, n.Barred = *q.Off, *q.Off
		}
		return nil
	})
	if err != nil {
		return ops.Sender{}, told(err)
	}
	return a.sender(n, password), nil
}

// senderNetworks reads networks and addresses. Strangers stand behind the proxies and relays of
// the configuration: to list those would make an open relay.
func (a *App) senderNetworks(texts []string) (list []netip.Prefix, err error) {
	for _, text := range texts {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if one, notOne := netip.ParseAddr(text); notOne == nil {
			p, err = netip.PrefixFrom(mail.Unmap(one), mail.Unmap(one).BitLen()), nil
		}
		if err != nil {
			return nil, control.Misused("%q is neither an address nor a network such as 192.0.2.0/28", text)
		}
		p = mail.UnmapPrefix(p)
		for _, others := range othersSpeakers(a.config.Load()) {
			if others.Overlaps(p) {
				return nil, control.Misused("%v: strangers' mail comes from %s, which proxy.trusted or trusted_relays of the configuration names: it would be an open relay", p, others)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// sender is a directory's sender for a person.
func (a *App) sender(n directory.Sender, password string) ops.Sender {
	s := a.directory.Snapshot()
	o := ops.Sender{
		Name: string(n.Name), Domains: n.Domains(), Login: n.SCRAM != "", Password: password, Keys: append([]string{}, n.Keys...),
		Networks: []string{}, Off: n.Off, Barred: n.Barred, Created: n.Created, Warnings: []string{},
	}
	for _, p := range n.Networks {
		o.Networks = append(o.Networks, p.String())
		if w := wide(p); w != "" {
			o.Warnings = append(o.Warnings, w)
		}
	}
	if _, ok := s.Mailbox(n.Name); ok {
		o.Warnings = append(o.Warnings, "a mailbox has the same name: the sender is not known until that is removed")
	}
	return o
}

// From which length on a network is hardly one customer's.
const (
	wide4 = 24
	wide6 = 48
)

// wide says what to mind of a network; "" for nothing.
func wide(p netip.Prefix) string {
	switch least := map[bool]int{true: wide4, false: wide6}[p.Addr().Is4()]; {
	case p.Addr().IsLoopback():
		return fmt.Sprintf("%s is this machine: whatever runs on it may send, and who comes by a proxy on it that names no client", p)
	case p.Bits() < least:
		return fmt.Sprintf("%s is wide: whoever gets at any of its addresses may send", p)
	}
	return ""
}

// listedBehindOthers names senders that are listed by addresses behind which, by the
// configuration, strangers stand: they are not known by those.
func listedBehindOthers(s *directory.Snapshot, c *config.Config) (texts []string) {
	for _, n := range s.Senders("") {
		for _, p := range n.Networks {
			if slices.ContainsFunc(othersSpeakers(c), p.Overlaps) {
				texts = append(texts, fmt.Sprintf("sender %s is listed by %s, where proxy.trusted or trusted_relays has strangers' mail come from: it is not known by that", n.Name, p))
			}
		}
	}
	return texts
}
