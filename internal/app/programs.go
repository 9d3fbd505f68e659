package app

import (
	"context"
	"net"
	"strconv"
	"strings"

	"gatepost/internal/autoconfig"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// programs is where mailboxes are, as mail programs and admins are told.
type programs struct {
	d        *directory.Directory
	node     string
	web      string
	services []autoconfig.Service
}

var _ web.Programs = programs{}

func (a *App) programs(c *config.Config) programs {
	p := programs{d: a.directory, node: c.Hostname, services: servicesOf(c, c.Hostname)}
	if strings.HasPrefix(c.Web.URL, "https://") {
		p.web = c.Web.URL
	}
	return p
}

// servicesOf returns what is set, or else what listens, TLS from the first byte before
// STARTTLS (RFC 8314 §3), by the node's name.
func servicesOf(c *config.Config, host string) (list []autoconfig.Service) {
	for _, s := range c.Clients.Services {
		if service, err := autoconfig.ParseService(s); err == nil { // checked when it was loaded
			list = append(list, service)
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, l := range []struct {
		protocol  autoconfig.Protocol
		listeners []config.Listener
	}{
		{autoconfig.IMAPS, c.Listen.IMAPS}, {autoconfig.IMAP, c.Listen.IMAP}, {autoconfig.POP3S, c.Listen.POP3S}, {autoconfig.POP3, c.Listen.POP3},
		{autoconfig.Submissions, c.Listen.SMTPS}, {autoconfig.Submission, c.Listen.Submission}, {autoconfig.Sieve, c.Listen.Sieve},
	} {
		if len(l.listeners) == 0 {
			continue
		}
		_, number, _ := net.SplitHostPort(l.listeners[0].Address)
		if port, err := strconv.Atoi(number); err == nil && port > 0 {
			list = append(list, autoconfig.Service{Protocol: l.protocol, Host: host, Port: port})
		}
	}
	return list
}

// Site implements web.Programs. A domain under another name of its own is answered for under
// that name; one whose mail only passes through has no mailboxes to find.
func (p programs) Site(domain string) (autoconfig.Site, bool) {
	name, err := domainName(domain)
	if err != nil {
		return autoconfig.Site{}, false
	}
	d, ok := p.d.Snapshot().Domain(name)
	if !ok || len(d.Hosts) > 0 && p.d.Snapshot().PeopleCount(d.Name) == 0 {
		return autoconfig.Site{}, false
	}
	return autoconfig.Site{Domain: name, Name: p.node, Web: p.web, Services: p.services}, true
}

// records shows what a domain's DNS should have.
func (a *App) records(_ context.Context, q ops.DomainRecords) ([]ops.DNSRecord, error) {
	name, err := domainName(q.Name)
	if err != nil {
		return nil, err
	}
	if _, ok := a.directory.Snapshot().Domain(name); !ok {
		return nil, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
	}
	c := a.config.Load()
	list := []ops.DNSRecord{{Name: name + ".", Type: "MX", Data: "10 " + c.Hostname + "."}}
	keys, err := a.dkimRecords(name)
	if err != nil {
		return nil, err
	}
	list = append(list, keys...)
	if site, ok := a.programs(c).Site(name); ok {
		for _, r := range site.Records() {
			list = append(list, ops.DNSRecord(r))
		}
	}
	return list, nil
}
