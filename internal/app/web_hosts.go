package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// hostPages is the mail hosts as people see them on the pages.
type hostPages struct{ app *App }

var _ web.MailHosts = hostPages{}

// MailHosts implements web.MailHosts.
func (p hostPages) MailHosts(part string, most int, may func(web.MailHost) bool) (list []web.MailHost) {
	part = strings.ToLower(part)
	for _, h := range p.app.directory.Snapshot().Hosts() {
		if len(list) == most {
			break
		}
		if !strings.Contains(h.Name, part) && !strings.Contains(h.Address, part) {
			continue
		}
		if shown := p.shown(h); may(shown) {
			list = append(list, shown)
		}
	}
	return list
}

// MailHost implements web.MailHosts.
func (p hostPages) MailHost(name string) (web.MailHost, bool) {
	h, ok := p.app.directory.Snapshot().Host(strings.ToLower(name))
	return p.shown(h), ok
}

// shown is a mail host without its password.
func (p hostPages) shown(h directory.Host) web.MailHost {
	m := web.MailHost{
		Name: h.Name, Domain: h.Domain, Address: h.Address, Roles: texts(h.Roles), Protocol: string(h.Protocol), TLS: string(h.TLS), Priority: h.Priority,
		Spam: string(h.Spam), User: h.User, Login: h.Password != "", Node: p.app.isSmarthost(h.Name), Created: h.Created, Mark: hostMark(h),
	}
	for _, d := range p.app.directory.Snapshot().Using(h.Name) {
		m.Uses = append(m.Uses, d.Name)
		m.Way = m.Way || d.Smarthost == h.Name
	}
	if sick, ok := p.app.sick(h.Name); ok {
		m.Down, m.Why = sick.Since, sick.Err.Error()
	}
	return m
}

// hostMark is another whenever a mail host is, but for its password.
func hostMark(h directory.Host) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		fmt.Sprint(h.ID), h.Domain, h.Address, strings.Join(texts(h.Roles), ","), string(h.Protocol), string(h.TLS), fmt.Sprint(h.Priority), string(h.Spam), h.User,
	}))
	return hex.EncodeToString(sum[:12])
}

// AddMailHost implements web.MailHosts.
func (p hostPages) AddMailHost(ctx context.Context, f web.HostForm, may func(domain string) bool, who string) error {
	h := directory.Host{Name: f.Name}
	if f.Domain != "" {
		d, ok := p.app.directory.Snapshot().Domain(spelledDomain(f.Domain))
		if !ok {
			return &web.HostFault{Field: "domain", Why: "not"}
		}
		h.Domain = d.Name
	}
	if !may(h.Domain) {
		return &web.HostFault{Field: "domain", Why: "not"}
	}
	if _, err := fillHost(&h, f); err != nil {
		return err
	}
	_, err := p.app.makeHost(ctx, who, h)
	return hostFault(err)
}

// ChangeMailHost implements web.MailHosts.
func (p hostPages) ChangeMailHost(ctx context.Context, f web.HostForm, may func(web.MailHost) bool, who string) error {
	_, err := p.app.changeHost(ctx, who, f.Name, func(h *directory.Host) (typed bool, err error) {
		switch {
		case !may(p.shown(*h)):
			return false, directory.ErrNoHost
		case hostMark(*h) != f.Mark:
			return false, &web.HostFault{Why: "moved"}
		}
		return fillHost(h, f)
	})
	return hostFault(err)
}

// fillHost gives a mail host what a form says; typed: a password, too.
func fillHost(h *directory.Host, f web.HostForm) (typed bool, err error) {
	if h.Priority, err = strconv.Atoi(f.Priority); err != nil {
		return false, &web.HostFault{Field: "priority", Why: "bad"}
	}
	h.Address, h.Roles, h.User = f.Address, roles(f.Roles), f.User
	h.Protocol, h.TLS, h.Spam = directory.Protocol(f.Protocol), directory.TLSPolicy(f.TLS), directory.HostSpam(f.Spam)
	if f.Password != "" {
		h.Password = f.Password
	}
	return f.Password != "", nil
}

// RemoveMailHost implements web.MailHosts.
func (p hostPages) RemoveMailHost(ctx context.Context, name string, may func(web.MailHost) bool, who string) error {
	err := p.app.dropHost(ctx, who, name, func(h directory.Host) error {
		if !may(p.shown(h)) {
			return directory.ErrNoHost
		}
		return nil
	})
	if errors.Is(err, directory.ErrInUse) {
		return &web.HostFault{Why: "used"}
	}
	return hostFault(err)
}

// hostFault is what the directory says of a mail host, for the pages: not whose something is.
func hostFault(err error) error {
	var fault *directory.HostFault
	switch {
	case errors.Is(err, directory.ErrNoHost):
		return web.ErrNoHost
	case !errors.As(err, &fault):
		return err
	case fault.Field == "password":
		return &web.HostFault{Field: fault.Field, Why: "again"}
	case errors.Is(err, errHostReach):
		return &web.HostFault{Field: fault.Field, Why: "reach"}
	}
	for _, k := range []struct {
		is  error
		why string
	}{{directory.ErrExists, "taken"}, {directory.ErrInUse, "used"}, {directory.ErrFull, "full"}, {directory.ErrNoDomain, "not"}} {
		if errors.Is(err, k.is) {
			return &web.HostFault{Field: fault.Field, Why: k.why}
		}
	}
	return &web.HostFault{Field: fault.Field, Why: "bad"}
}
