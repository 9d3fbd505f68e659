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
	"gatepost/mailbox"
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
	if err := errors.Join(a.demoDirectory(ctx), a.demoSharing(ctx, c)); err != nil {
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
		c.Web.URL = "http://" + c.Listen.Web[0].Address
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
	_, err := a.addDomain(ctx, ops.DomainAdd{Name: demo.Domain, AddressList: string(directory.ListDomain)})
	for i, address := range demo.Mailboxes {
		if err == nil || errors.Is(err, directory.ErrExists) {
			_, err = a.addMailbox(ctx, ops.MailboxAdd{Address: address, Name: demo.Names[i], Password: demo.Password})
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
		_, err = a.directory.AddAdmin(ctx, admin, directory.Admin{Name: demo.Operator, Role: directory.Operator}, demo.Password)
	}
	if err != nil && !errors.Is(err, directory.ErrExists) {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// demoSharing makes, once, what people set for themselves and share: rules, a folder, a group, and the
// archive, which Bob may read.
func (a *App) demoSharing(ctx context.Context, c *config.Config) error {
	ann, bob := demo.Mailboxes[0], demo.Mailboxes[1]
	days := demo.ArchiveDays
	return demoOnce(c, "sharing", func() error {
		_, err := a.setDomain(ctx, ops.DomainSet{Name: demo.Domain, ArchiveDays: &days})
		if err == nil {
			_, err = a.openArchive(ctx, ops.ArchiveOpen{Domain: demo.Domain, Reader: bob, Why: "he tries it out", Quiet: true})
		}
		if err == nil {
			_, err = a.addGroup(ctx, ops.GroupAdd{Address: demo.Group})
		}
		if err != nil {
			return err
		}
		for _, member := range []string{ann, bob} { // who is told of nothing: his letters would stand among the demo's
			if err := a.demoJoin(ctx, member); err != nil {
				return err
			}
		}
		m, err := a.owner(ann)
		if err == nil {
			_, err = a.mailboxes.CreateFolder(ctx, m.ID, demo.Projects, "")
		}
		if err == nil || errors.Is(err, mailbox.ErrFolderExists) {
			_, err = a.putScript(ctx, ops.SievePut{Address: ann, Name: "rules", Content: demo.Rules, Activate: true})
		}
		if err == nil {
			_, err = a.addShare(ctx, ops.ShareAdd{Owner: ann, Folder: demo.Projects, With: bob, Rights: "write", Quiet: true})
		}
		return err
	})
}

// demoJoin makes somebody a member of the demo's group.
func (a *App) demoJoin(ctx context.Context, address string) error {
	group, err := a.owner(demo.Group)
	if err != nil {
		return err
	}
	who, err := a.who(address)
	if err != nil {
		return err
	}
	rights, err := mailbox.ParsePreset("write")
	if err == nil {
		_, _, err = a.mailboxes.SetGrant(ctx, group.ID, 0, who, mailbox.Replace, rights)
	}
	if err == nil {
		err = a.mailboxes.SetSender(ctx, group.ID, who, mailbox.SendAs)
	}
	return err
}

// demoQuota leaves Cy's mailbox a twentieth of what it may hold.
func (a *App) demoQuota(ctx context.Context, c *config.Config) error {
	return demoOnce(c, "quota", func() error {
		m, err := a.owner(demo.Mailboxes[2])
		if err != nil {
			return err
		}
		usage, err := a.mailboxes.Usage(ctx, m.ID)
		if err != nil {
			return err
		}
		quota := usage.Bytes * 20 / 19
		_, err = a.setMailbox(ctx, ops.MailboxSet{Address: string(m.Address), Quota: &quota})
		return err
	})
}

// demoMail sends the messages that no run before has sent.
func (a *App) demoMail(ctx context.Context, c *config.Config) error {
	for _, m := range demo.Messages {
		err := demoOnce(c, m.File, func() error {
			reply, err := demo.Send(ctx, c.Listen.SMTP[0].Address, m)
			if err == nil && strings.HasPrefix(reply, "4") { // it would be tried again
				err = errors.New(reply)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.demoQuota(ctx, c)
}

// demoOnce does what no run before has done; a file in the data directory remembers it.
func demoOnce(c *config.Config, name string, do func() error) error {
	path := filepath.Join(c.Data, "demo-sent")
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("demo: %w", err)
	}
	done := strings.Fields(string(b))
	if slices.Contains(done, name) {
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("demo: %s: %w", name, err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(append(done, name), "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// demoTell says what to open and type next.
func (a *App) demoTell(w io.Writer, c *config.Config) {
	first := func(list []config.Listener) string {
		if len(list) == 0 {
			return "off"
		}
		return list[0].Address
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

  log in as    %s, owners of mailboxes, or on the pages as %s, the operator
  password     %s, of them all

What became of its messages:

`, demo.Domain, c.Data, first(c.Listen.SMTP), first(c.Listen.Submission), first(c.Listen.IMAP), first(c.Listen.POP3), first(c.Listen.Sieve), first(c.Listen.Web), first(c.Listen.Web),
		strings.Join(demo.Mailboxes[:], ", "), demo.Operator, demo.Password)
	for _, m := range demo.Messages {
		fmt.Fprintf(w, "  %-18s %s\n", m.File, m.Story)
	}
	fmt.Fprintf(w, `
Try next, in another terminal:

  %[10]s quarantine list
  %[10]s quarantine release ID
  %[10]s journal search --recipient %[1]s
  %[10]s journal show ID
  %[10]s queue list
  %[10]s explain internal/app/demo/mail/04-gtube.eml --client 192.0.2.30 --helo mx.partner.example --from test@partner.example --to %[3]s
  curl -u %[2]s:%[4]s imap://%[5]s/INBOX
  %[10]s filters

And on the pages, as %[11]s: the quarantine, each message's way (Messages), what waits to be carried on (Queue), who is stopped, the
servers and devices of the domain (Senders).

Ann has rules and shares a folder with Bob; both are in a group; Cy's mailbox is nearly full; all mail in and
out is kept in an archive, which Bob may read:

  %[10]s sieve show %[2]s
  %[10]s share list --with %[3]s
  %[10]s group show %[6]s
  %[10]s mailbox show %[7]s
  %[10]s archive search %[8]s --from partner.example
  curl -u %[3]s:%[4]s imap://%[5]s/ -X 'LIST "" *'
  curl -u %[3]s:%[4]s 'imap://%[5]s/Shared%%2F_archive@%[8]s%%2FIn%%2F%[9]s;MAILINDEX=1'
  %[10]s archive audit %[8]s

Ctrl-C ends it.
`, demo.Mailboxes[0], demo.Mailboxes[0], demo.Mailboxes[1], demo.Password, first(c.Listen.IMAP), demo.Group, demo.Mailboxes[2], demo.Domain, a.now().UTC().Format("2006-01"),
		"bin/gatepost --data "+shellWord(c.Data), demo.Operator)
}

// shellWord is a text as one word of a shell's.
func shellWord(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
