package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/listen"
	"gatepost/internal/smtpd"
	"gatepost/internal/web"
	"gatepost/mailbox/imap"
	"gatepost/mailbox/managesieve"
	"gatepost/mailbox/pop3"
)

// An edge is what servers share, those before a reload and those after it.
type edge struct {
	limits            smtpd.Limits
	imap, pop3, sieve door.Places
}

// A front makes the servers of one configuration.
type front struct {
	app   *App
	c     *config.Config
	site  *web.Server
	spool string
}

// points are the listeners of a configuration, each with a server of its own. Nothing is
// changed by that.
func (a *App) points(c *config.Config, site *web.Server, spool string) (list []listen.Point, err error) {
	f := front{a, c, site, spool}
	for _, p := range c.Listen.Protocols() {
		serve := f.protocols()[p.Name]
		if serve == nil { // dns
			continue
		}
		for _, l := range p.Listeners {
			point := listen.Point{Protocol: p.Name, Address: l.Address, Networks: l.Networks}
			if point.Serve, err = serve(l); err != nil {
				return nil, err
			}
			list = append(list, point)
		}
	}
	return list, nil
}

// listenerNames are the names by which listeners take mail, in lower case, where they have others than the node.
func listenerNames(c *config.Config) (names []string) {
	for _, p := range c.Listen.Protocols() {
		for _, l := range p.Listeners {
			if l.Name != "" {
				names = append(names, strings.ToLower(l.Name))
			}
		}
	}
	return names
}

// A serveFunc serves one listener until its context ends, as listen.Point.Serve.
type serveFunc func(ctx context.Context, l net.Listener) error

// protocols says how each protocol is served.
func (f front) protocols() map[string]func(config.Listener) (serveFunc, error) {
	return map[string]func(config.Listener) (serveFunc, error){
		"smtp":       func(l config.Listener) (serveFunc, error) { return f.smtp(l, false, false) },
		"submission": func(l config.Listener) (serveFunc, error) { return f.smtp(l, true, false) },
		"smtps":      func(l config.Listener) (serveFunc, error) { return f.smtp(l, true, true) },
		"imap":       func(l config.Listener) (serveFunc, error) { return f.drained(f.imap(l)), nil },
		"imaps":      func(l config.Listener) (serveFunc, error) { return f.encrypted(l, f.drained(f.imap(l))), nil },
		"pop3":       func(l config.Listener) (serveFunc, error) { return f.drained(f.pop3(l)), nil },
		"pop3s":      func(l config.Listener) (serveFunc, error) { return f.encrypted(l, f.drained(f.pop3(l))), nil },
		"sieve":      func(l config.Listener) (serveFunc, error) { return f.drained(f.sieve(l)), nil },
		"web":        func(config.Listener) (serveFunc, error) { return f.site.Serve, nil },
		"webs": func(l config.Listener) (serveFunc, error) {
			return func(ctx context.Context, socket net.Listener) error {
				return f.site.ServeTLS(ctx, socket, f.app.certificates.Web(l.Certificate))
			}, nil
		},
	}
}

// smtp makes a server of SMTP. What the listener calls the node is for those who speak
// with it; the node's own name stays that of its Authentication-Results.
func (f front) smtp(l config.Listener, submission, implicit bool) (serveFunc, error) {
	a, c := f.app, f.c
	name := c.Hostname
	if l.Name != "" {
		name = l.Name
	}
	s, err := smtpd.New(smtpd.Config{
		Hostname: name, Postmaster: c.Hostname, MaxMessage: int64(c.Limits.MessageSize), MaxRecipients: c.Limits.Recipients, MaxReceived: c.Limits.MaxReceived,
		Senders: machines{a.directory, a.config.Load}, Standing: a.sendingLogin, HideUsers: c.Submission.HideClient, MaxHold: c.Submission.Hold,
		MaxLine: int(c.Limits.LineSize), MaxErrors: c.Limits.Errors,
		CommandTime: c.Limits.CommandTimeout, DataTime: c.Limits.DataTimeout, ContentTime: c.Limits.ContentTimeout,
		AnswerTime: c.Limits.AnswerTimeout, DrainTime: c.Limits.DrainTimeout, Breath: a.breath,
		Limits: &a.edge.limits, SpoolOver: int64(c.Limits.SpoolOver), SpoolDir: f.spool, ProxyTrusted: c.Proxy.Trusted,
		TLS: f.tls(l), Log: a.log, Observer: a.metrics, Abuser: abusers{a.traffic, a.bans, a.log}, Now: a.now,
		Submission: submission, ImplicitTLS: implicit,
	}, a.receiver(submission, messageBudget(c)), submissionLogins{a.logins(directory.ServiceSubmission, l.Domain), a.allowance})
	if err != nil {
		return nil, err
	}
	return s.Serve, nil
}

func (f front) imap(l config.Listener) doorServer {
	a, c := f.app, f.c
	return &imap.Server{
		Store: a.mailboxes, Bodies: a.blobs, Auth: a.logins(directory.ServiceIMAP, l.Domain), Keys: a.openers, Ended: a.ended(directory.ServiceIMAP), Refuse: a.refusal("imap"), ProxyTrusted: c.Proxy.Trusted, Places: &a.edge.imap, Changes: a.changes, Releaser: imapReleases{a}, Sorter: a.moves, Quotas: imapQuotas{a.quotas, a.warner}, Log: a.log,
		Sharing: a.mailboxes, People: imapPeople{a.directory}, Give: a.offers.GiveOwn, Auditor: imapAudit{a}, HideOffered: c.Sharing.Show == config.ShowAccepted,
		TLS: f.tls(l), Spool: f.spool, Now: a.now,
		Limits: imap.Limits{Connections: c.Limits.Connections, Append: int64(c.Limits.MessageSize), Idle: c.Limits.IMAPTimeout},
	}
}

func (f front) pop3(l config.Listener) doorServer {
	a, c := f.app, f.c
	return &pop3.Server{
		Store: a.mailboxes, Bodies: a.blobs, Auth: a.logins(directory.ServicePOP3, l.Domain), Keys: a.openers, Ended: a.ended(directory.ServicePOP3), Refuse: a.refusal("pop3"), ProxyTrusted: c.Proxy.Trusted, Places: &a.edge.pop3,
		Changes: a.changes, Log: a.log, TLS: f.tls(l), Now: a.now,
		Limits: pop3.Limits{Connections: c.Limits.Connections, Idle: c.Limits.POP3Timeout},
	}
}

func (f front) sieve(l config.Listener) doorServer {
	a, c := f.app, f.c
	return &managesieve.Server{
		Boxes: a.mailboxes, Scripts: a.rules, Auth: a.logins(directory.ServiceSieve, l.Domain), Keys: a.openers, Ended: a.ended(directory.ServiceSieve), Refuse: a.refusal("sieve"), ProxyTrusted: c.Proxy.Trusted, Places: &a.edge.sieve,
		Log: a.log, TLS: f.tls(l), Now: a.now, Limits: managesieve.Limits{Connections: c.Limits.Connections},
	}
}

// A doorServer is a server of mailboxes.
type doorServer interface {
	Serve(ctx context.Context, l net.Listener) error
	Shutdown(ctx context.Context) error
}

// drained serves until the context ends, and then gives clients their time.
func (f front) drained(s doorServer) serveFunc {
	return func(ctx context.Context, l net.Listener) error {
		err := s.Serve(ctx, l)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.c.Limits.DrainTimeout)
		defer cancel()
		return errors.Join(err, s.Shutdown(drain))
	}
}

// encrypted is serve over TLS from the first byte.
func (f front) encrypted(l config.Listener, serve serveFunc) serveFunc {
	return func(ctx context.Context, socket net.Listener) error {
		return serve(ctx, tls.NewListener(socket, f.tls(l)))
	}
}

// tls is TLS as a listener shows it: with the certificate that is said for it, or that of the name by which the node is called there.
func (f front) tls(l config.Listener) *tls.Config {
	return f.app.certificates.TLS(cmp.Or(l.Certificate, l.Name))
}
