package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// routes is a directory with mail hosts, and domains that use them.
func routes(t *testing.T) fixture {
	t.Helper()
	f, ctx := newFixture(t), t.Context()
	for _, h := range []Host{
		{Name: "exchange", Address: "192.0.2.1:25", Roles: []Role{SMTPIn, IMAP, SMTPIn}},
		{Name: "Exit", Address: "Smart.Example:587", Roles: []Role{SMTPOut}, TLS: TLSVerify, User: "us", Password: "secret"},
	} {
		if _, err := f.AddHost(ctx, "root", h); err != nil {
			t.Fatal(err)
		}
	}
	f.domain(t, "hosted.example")
	f.change(t, "hosted.example", func(d *Domain) { d.Hosts, d.Lookup, d.Smarthost = []string{"Exchange"}, "people", "exit" })
	f.mailbox(t, "local@hosted.example")
	f.change(t, "example.net", func(d *Domain) { d.Names = []string{"Example.COM", "example.com", "bücher.example"} })
	return f
}

func (f fixture) change(t *testing.T, name string, edit func(*Domain)) {
	t.Helper()
	if _, err := f.ChangeDomain(t.Context(), name, func(d *Domain) error { edit(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// where is a resolution in words: mailboxes, then "address>home<by?lookup".
func where(r Resolution) string {
	var words []string
	for _, b := range r.Boxes {
		words = append(words, string(b.Address))
	}
	for _, m := range r.Remotes {
		words = append(words, fmt.Sprintf("%s>%s<%s", m.Address, m.Home, m.By))
	}
	if r.Lookup != "" {
		words = append(words, "?"+r.Lookup)
	}
	return strings.Join(words, " ")
}

func TestRoutes(t *testing.T) {
	f := routes(t)
	f.alias(t, "out@example.net", "Friend@Elsewhere.example", "ann@example.com", "friend@elsewhere.example", "x@hosted.example")
	f.alias(t, "outer@example.net", "out@xn--bcher-kva.example", "Friend@elsewhere.example")
	f.domain(t, "catch.example")
	f.mailbox(t, "known@catch.example")
	f.change(t, "catch.example", func(d *Domain) { d.CatchAll = "bob@example.com" })
	for rcpt, want := range map[mail.Path]string{
		"Ann@example.com":             "ann@example.net",
		"ann+x@xn--bcher-kva.example": "ann@example.net",
		"out@example.net":             "ann@example.net Friend@elsewhere.example>< friend@elsewhere.example>< x@hosted.example>hosted.example<",
		"outer@example.com":           "ann@example.net Friend@elsewhere.example>< friend@elsewhere.example>< x@hosted.example>hosted.example<",
		"Some.One+tag@hosted.example": "Some.One+tag@hosted.example>hosted.example< ?people",
		"local+x@hosted.example":      "local@hosted.example",
		"postmaster@hosted.example":   "postmaster@hosted.example>hosted.example<",
		"known@catch.example":         "known@catch.example",
		"who@catch.example":           "bob@example.net",
		"abuse@catch.example":         "known@catch.example",
	} {
		r, err := f.Snapshot().Resolve(rcpt)
		got := where(r)
		for _, by := range []string{"outer@example.net", "out@example.net"} {
			got = strings.ReplaceAll(got, "<"+by, "<")
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", rcpt, got, err, want)
		}
	}
	r, _ := f.Snapshot().Resolve("outer@example.net")
	if r.Remotes[0].By != "out@example.net" || r.Domain.Name != "example.net" {
		t.Errorf("got %+v", r)
	}
}

// Expired names, hosts in use, and loops through another name are refused when saved.
func TestRoutesRefused(t *testing.T) {
	f, ctx := routes(t), t.Context()
	f.alias(t, "one@example.net", "ann@example.net")
	f.alias(t, "two@example.net", "one@example.com")
	change := func(edit func(*Domain)) error {
		_, err := f.ChangeDomain(ctx, "example.org", func(d *Domain) error { edit(d); return nil })
		return err
	}
	_, noHost := f.AddHost(ctx, "root", Host{Name: "exchange", Address: "192.0.2.1:25", Roles: []Role{IMAP}})
	_, badName := f.AddHost(ctx, "root", Host{Name: "a b", Address: "192.0.2.1:25", Roles: []Role{IMAP}})
	_, noPort := f.AddHost(ctx, "root", Host{Name: "x", Address: "192.0.2.1", Roles: []Role{IMAP}})
	_, noRole := f.AddHost(ctx, "root", Host{Name: "x", Address: "192.0.2.1:25"})
	_, badRole := f.AddHost(ctx, "root", Host{Name: "x", Address: "192.0.2.1:25", Roles: []Role{"smtp"}})
	_, badTLS := f.AddHost(ctx, "root", Host{Name: "x", Address: "192.0.2.1:25", Roles: []Role{IMAP}, TLS: "must"})
	_, roleInUse := f.ChangeHost(ctx, "exchange", "root", func(h *Host) error { h.Roles = []Role{IMAP}; return nil })
	_, loop := f.retarget(t, "one@example.net", "two@example.com")
	_, taken := f.AddDomain(ctx, Domain{Name: "example.com"})
	_, there := f.AddMailbox(ctx, Mailbox{Address: "x@example.com"}, "")
	for name, c := range map[string]struct {
		err  error
		want error
		says string
	}{
		"twice":               {noHost, ErrExists, "exchange"},
		"name":                {badName, ErrInvalid, "lower-case"},
		"no port":             {noPort, ErrInvalid, "host:port"},
		"no role":             {noRole, ErrInvalid, "smtp-in"},
		"role":                {badRole, ErrInvalid, "smtp-out"},
		"tls":                 {badTLS, ErrInvalid, "verify"},
		"role in use":         {roleInUse, ErrInUse, "hosted.example"},
		"host not his":        {f.RemoveHost(ctx, "exchange", "root", func(h Host) error { return fmt.Errorf("%w: not %s", ErrNoHost, h.Name) }), ErrNoHost, "not exchange"},
		"host in use":         {f.RemoveHost(ctx, "exchange", "root", anyHost), ErrInUse, "hosted.example"},
		"smarthost in use":    {f.RemoveHost(ctx, "EXIT", "root", anyHost), ErrInUse, "hosted.example"},
		"no such host":        {f.RemoveHost(ctx, "nowhere", "root", anyHost), ErrNoHost, "nowhere"},
		"unknown host":        {change(func(d *Domain) { d.Hosts = []string{"nowhere"} }), ErrNoHost, "nowhere"},
		"host without role":   {change(func(d *Domain) { d.Hosts = []string{"exit"} }), ErrInvalid, "smtp-in"},
		"smarthost":           {change(func(d *Domain) { d.Smarthost = "exchange" }), ErrInvalid, "smtp-out"},
		"name of another":     {change(func(d *Domain) { d.Names = []string{"example.com"} }), ErrExists, "example.net"},
		"name of itself":      {change(func(d *Domain) { d.Names = []string{"example.org"} }), ErrExists, "example.org"},
		"domain of a name":    {taken, ErrExists, "example.com"},
		"mailbox under it":    {there, ErrInvalid, "another name of example.net"},
		"remove by it":        {f.RemoveDomain(ctx, "example.com"), ErrInvalid, "example.net"},
		"loop":                {loop, ErrLoop, "one@example.net -> two@example.net -> one@"},
		"catch-all to nobody": {change(func(d *Domain) { d.CatchAll = "nobody@example.net" }), ErrNoMailbox, "nobody"},
		"catch-all and hosts": {change(func(d *Domain) { d.CatchAll, d.Hosts = "ann@example.net", []string{"exchange"} }), ErrInvalid, "catch-all"},
	} {
		wantErr(t, name, c.err, c.want)
		if c.err != nil && !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %q doesn't say %q", name, c.err, c.says)
		}
	}
}

func TestHosts(t *testing.T) {
	f, ctx := routes(t), t.Context()
	h, _ := f.Snapshot().Host("exit")
	if h.Address != "smart.example:587" || h.Protocol != SMTP || h.TLS != TLSVerify || h.Password != "secret" || h.ID == 0 {
		t.Errorf("got %+v", h)
	}
	if h, _ = f.Snapshot().Host("exchange"); !slices.Equal(h.Roles, []Role{IMAP, SMTPIn}) || h.TLS != TLSMay {
		t.Errorf("got %+v", h)
	}
	f.change(t, "hosted.example", func(d *Domain) { d.Hosts, d.Smarthost = nil, "" })
	for _, name := range []string{"exchange", "exit"} {
		wantErr(t, "remove", f.RemoveHost(ctx, name, "root", anyHost), nil)
	}
	if left := f.Snapshot().Hosts(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, ok := f.Snapshot().Domain("example.com"); !ok {
		t.Fatal("a name is lost")
	}
	f.change(t, "example.net", func(d *Domain) { d.Names = nil })
	if _, ok := f.Snapshot().Domain("example.com"); ok {
		t.Error("a name that was taken away is still there")
	}
}

// A block entry of a domain holds for mail to its other names.
func TestListsUnderOtherNames(t *testing.T) {
	f := routes(t)
	f.entry(t, Block, "", "bad.example", "example.net")
	if _, ok := f.Snapshot().FindSender("x@bad.example", "ann@example.com"); !ok {
		t.Error("not found")
	}
}
