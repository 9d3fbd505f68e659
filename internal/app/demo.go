package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gatepost/internal/app/demo"
	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/resolve/resolvetest"
)

// Demo serves like Run, with the demo's domain, DNS and mail. What is there
// already, from a run before, is not made again. It tells w what to look at.
func Demo(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	dns, err := resolvetest.Serve(demo.Zone)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer dns.Close()
	if err := demoConfig(c, dns.Addr); err != nil {
		return err
	}
	a, err := New(ctx, c, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := a.demoDirectory(ctx); err != nil {
		return errors.Join(err, a.Close())
	}
	ready, ran := make(chan struct{}), make(chan error, 1)
	go func() { ran <- a.run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ran:
		return errors.Join(err, a.Close())
	}
	if err := a.demoMail(ctx, c); err != nil {
		cancel()
		return errors.Join(err, <-ran, a.Close())
	}
	a.demoTell(w, c)
	return errors.Join(<-ran, a.Close())
}

// demoConfig gives the demo its own DNS, a DNS list to ask, and leave to lend its
// messages the addresses that their stories need.
func demoConfig(c *config.Config, dns string) error {
	if len(c.Listen.SMTP) == 0 {
		return errors.New("demo: listen.smtp is off, and the demo's mail comes that way")
	}
	c.Hostname = "mx." + demo.Domain
	if len(c.Listen.Web) > 0 && c.Web.URL == "" {
		c.Web.URL = "http://" + c.Listen.Web[0]
	}
	c.Resolver.Servers = []string{dns}
	c.Proxy.Trusted = append(c.Proxy.Trusted, netip.MustParsePrefix(demo.Source+"/32"))
	for _, p := range c.Policies {
		for i, e := range p.Entries {
			if e.Filter == "dnsbl" {
				lists := []any{map[string]any{"zone": demo.List, "weight": 1, "codes": []any{"127.0.0.2"}}}
				p.Entries[i].Settings = map[string]any{"lists": lists}
			}
		}
	}
	return nil
}

// demoDirectory makes domain, mailboxes, lists and an operator where they are missing.
func (a *App) demoDirectory(ctx context.Context) error {
	_, err := a.addDomain(ctx, ops.DomainAdd{Name: demo.Domain})
	for _, address := range demo.Mailboxes {
		if err == nil || errors.Is(err, directory.ErrExists) {
			_, err = a.addMailbox(ctx, ops.MailboxAdd{Address: address, Password: demo.Password})
		}
	}
	for _, e := range []ops.ListAdd{
		{List: "allow", Value: "ida@partner.example", Scope: demo.Domain, Note: "our partner"},
		{List: "block", Value: "shop.example", Scope: demo.Mailboxes[0], Note: "no more baskets"},
	} {
		if err == nil || errors.Is(err, directory.ErrExists) {
			_, err = a.addEntry(ctx, e)
		}
	}
	if err == nil || errors.Is(err, directory.ErrExists) {
		_, err = a.directory.AddAdmin(ctx, directory.Admin{Name: demo.Operator, Role: directory.Operator}, demo.Password)
	}
	if err != nil && !errors.Is(err, directory.ErrExists) {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// demoMail sends the messages that no run before has sent; a file in the data
// directory remembers them.
func (a *App) demoMail(ctx context.Context, c *config.Config) error {
	path := filepath.Join(c.Data, "demo-sent")
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("demo: %w", err)
	}
	sent := strings.Fields(string(b))
	for _, m := range demo.Messages {
		if slices.Contains(sent, m.File) {
			continue
		}
		reply, err := demo.Send(ctx, c.Listen.SMTP[0], m)
		if err != nil {
			return err
		}
		if strings.HasPrefix(reply, "4") { // it would be tried again
			return fmt.Errorf("demo: %s: %s", m.File, reply)
		}
		sent = append(sent, m.File)
		if err := os.WriteFile(path, []byte(strings.Join(sent, "\n")+"\n"), 0o600); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	return nil
}

// demoTell says what to open and type next.
func (a *App) demoTell(w io.Writer, c *config.Config) {
	first := func(addrs []string) string {
		if len(addrs) == 0 {
			return "off"
		}
		return addrs[0]
	}
	fmt.Fprintf(w, `
gatepost serves the demo domain %s from %s

  SMTP         %s
  submission   %s
  IMAP         %s
  POP3         %s
  ManageSieve  %s
  pages        http://%s/
  metrics      http://%s/metrics

  log in as    %s or %s, owners of mailboxes, or on the pages as %s, the operator
  password     %s, of all three

What became of its messages:

`, demo.Domain, c.Data, first(c.Listen.SMTP), first(c.Listen.Submission), first(c.Listen.IMAP), first(c.Listen.POP3), first(c.Listen.Sieve), first(c.Listen.Web), first(c.Listen.Web),
		demo.Mailboxes[0], demo.Mailboxes[1], demo.Operator, demo.Password)
	for _, m := range demo.Messages {
		fmt.Fprintf(w, "  %-18s %s\n", m.File, m.Story)
	}
	fmt.Fprintf(w, `
Try next, in another terminal:

  bin/gatepost quarantine list
  bin/gatepost quarantine release ID
  bin/gatepost journal search --recipient %s
  bin/gatepost journal show ID
  bin/gatepost explain internal/app/demo/mail/04-gtube.eml --client 192.0.2.30 --helo mx.partner.example --from test@partner.example --to %s
  curl -u %s:%s imap://%s/INBOX
  bin/gatepost filters

Ctrl-C ends it.
`, demo.Mailboxes[0], demo.Mailboxes[1], demo.Mailboxes[0], demo.Password, first(c.Listen.IMAP))
}
