package app

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// hostForm is what a form of a mail host sends, with what a test says otherwise, in pairs.
func hostForm(name string, more ...string) []string {
	fields := map[string]string{"address": "192.0.2.10:25", "protocol": "smtp", "tls": "encrypt", "spam": "hold", "priority": "0", "domain": "test.example", "role": "smtp-in"}
	for i := 0; i < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	form := []string{"name", name}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		for _, v := range strings.Split(fields[k], ",") {
			form = append(form, k, v)
		}
	}
	return form
}

// mailHost is one as the directory has it.
func (n *pagesNode) mailHost(name string) directory.Host {
	h, _ := n.directory.Snapshot().Host(name)
	return h
}

// change posts a form of a mail host as it was shown last, with what a test says otherwise.
func (n *pagesNode) changeHost(v *visitor, name string, more ...string) (int, string) {
	return v.post("/account", "/hosts/change", hostForm(name, append([]string{"mark", hostMark(n.mailHost(name))}, more...)...)...)
}

func addHost(v *visitor, name string, more ...string) (int, string) {
	return v.post("/account", "/hosts/add", hostForm(name, more...)...)
}

// publicPlace is a place on the Internet, where nothing is ever reached by a test.
const publicPlace = "198.51.100.7:25"

// TestHostsPage: an admin keeps the mail hosts that are his domain's own, and sees no others; those who run the node keep all.
func TestHostsPage(t *testing.T) {
	n := openPagesWith(t, false, "relay.smarthost=exit")
	ann, adam, hanna, olga := n.logIn("ann@test.example"), n.logIn("adam"), n.logIn("hanna"), n.logIn("olga")
	for name, domain := range map[string]string{"far": "other.example", "exit": ""} {
		n.must2(n.directory.AddHost(t.Context(), "root", directory.Host{Name: name, Domain: domain, Address: publicPlace, Roles: []directory.Role{directory.SMTPOut}}))
	}
	adam.wants("an owner")(ann.get("/hosts"))(403)
	adam.wants("none of his")(adam.get("/hosts"))(200, "no mail hosts yet", "-far", "-exit", `href="/hosts/new"`)
	hanna.wants("helpdesk looks")(hanna.get("/hosts"))(200, "-/hosts/new")
	olga.wants("an operator sees all")(olga.get("/hosts"))(200, "/hosts/one?name=far", "/hosts/one?name=exit")
	olga.wants("some")(olga.get("/hosts?name=FA"))(200, "name=far", "-name=exit")
	olga.wants("by address")(olga.get("/hosts?name=198.51"))(200, "name=far", "name=exit")
	adam.wants("not another's")(adam.get("/hosts/one?name=far"))(404)
	adam.wants("not the node's")(adam.get("/hosts/one?name=exit"))(404)
	adam.wants("nor changed")(n.changeHost(adam, "far"))(404)
	adam.wants("nor that")(n.changeHost(adam, "exit"))(404)
	adam.wants("nor removed")(adam.post("/account", "/hosts/remove", "name", "far"))(404)
	hanna.wants("helpdesk adds none")(addHost(hanna, "own"))(403)

	for what, c := range map[string]struct {
		form []string
		want string
	}{
		"another's domain":  {[]string{"domain", "other.example"}, "not here, or not yours"},
		"the node's":        {[]string{"domain", ""}, "not here, or not yours"},
		"no domain":         {[]string{"domain", "no.example"}, "not here, or not yours"},
		"no port":           {[]string{"address", "mail.test.example"}, "Write a server and its port"},
		"another port":      {[]string{"address", "198.51.100.7:6379"}, "has to be on the Internet"},
		"a name's port":     {[]string{"address", "mail.test.example:22"}, "has to be on the Internet"},
		"this machine":      {[]string{"address", "127.0.0.1:25"}, "has to be on the Internet"},
		"the node's net":    {[]string{"address", "10.1.2.3:25"}, "has to be on the Internet"},
		"in other clothes":  {[]string{"address", "[::ffff:10.1.2.3]:25"}, "has to be on the Internet"},
		"no role":           {[]string{"role", ""}, "Say what it is for"},
		"no such role":      {[]string{"role", "root"}, "Say what it is for"},
		"no such TLS":       {[]string{"tls", "must"}, "One of the choices"},
		"a priority":        {[]string{"priority", "1001"}, "A number from 0"},
		"no number":         {[]string{"priority", "first"}, "A number from 0"},
		"half a log-in":     {[]string{"user", "us"}, "both, or none"},
		"stays as it was":   {[]string{"address", "a <b>"}, "a &lt;b&gt;"},
		"a password is not": {[]string{"address", "x", "user", "us", "password", "hush-hush"}, "-hush-hush"},
	} {
		adam.wants(what)(addHost(adam, "own", append([]string{"address", publicPlace}, c.form...)...))(422, c.want)
	}
	adam.wants("no name")(addHost(adam, "a b", "address", publicPlace))(422, "small letters")
	adam.wants("taken")(addHost(adam, "far", "address", publicPlace))(422, "Another mail host has this name")
	if h := n.mailHost("own"); h.ID != 0 {
		t.Fatalf("added: %+v", h)
	}
	adam.wants("added")(addHost(adam, "Own", "address", "Mail.Test.Example:25", "role", "smtp-in,smtp-out"))(200, "mail.test.example:25", "name=own")
	if h := n.mailHost("own"); h.Domain != "test.example" || len(h.Roles) != 2 || h.TLS != directory.TLSEncrypt {
		t.Errorf("added: %+v", h)
	}
	hanna.wants("seen")(hanna.get("/hosts"))(200, "own", "-/hosts/one")
	adam.wants("not given away")(n.changeHost(adam, "own", "address", "mail.test.example:25", "domain", "other.example"))(200)
	if h := n.mailHost("own"); h.Domain != "test.example" {
		t.Errorf("given away: %+v", h)
	}
	mark := hostMark(n.mailHost("own"))
	adam.wants("changed")(n.changeHost(adam, "own", "address", publicPlace, "priority", "7"))(200, publicPlace)
	adam.wants("on what was shown before")(n.changeHost(adam, "own", "mark", mark, "priority", "8"))(422, "Somebody else changed it", hostMark(n.mailHost("own")))
	adam.wants("to inside")(n.changeHost(adam, "own", "address", "192.168.1.1:25"))(422, "has to be on the Internet")

	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Hosts = []string{"own"}; return nil }))
	adam.wants("in use")(adam.get("/hosts/one?name=own"))(200, "<bdi>test.example</bdi></dd>", "removed while", "-/hosts/remove")
	adam.wants("stays")(adam.post("/account", "/hosts/remove", "name", "own"))(422, "removed while it is used", "<bdi>test.example</bdi></dd>")
	adam.wants("keeps its role")(n.changeHost(adam, "own", "address", publicPlace, "role", "imap"))(422, "what it would be no more")
	olga.wants("the smarthost stays")(olga.post("/account", "/hosts/remove", "name", "exit"))(422, "removed while it is used", "relay.smarthost")
	olga.wants("with its role")(n.changeHost(olga, "exit", "address", publicPlace, "role", "smtp-in"))(422, "what it would be no more")
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Hosts = nil; return nil }))
	hanna.wants("not hers")(hanna.post("/account", "/hosts/remove", "name", "own"))(403)
	adam.wants("removed")(adam.post("/account", "/hosts/remove", "name", "own"))(200, "own is removed.", "-/hosts/one")
	adam.wants("once")(adam.post("/account", "/hosts/remove", "name", "own"))(404)
	olga.wants("an operator has the node's anywhere")(addHost(olga, "inner", "domain", "", "address", "10.1.2.3:2525"))(200, "10.1.2.3:2525")
	olga.wants("a domain's not")(addHost(olga, "inner-2", "domain", "other.example", "address", "10.1.2.3:25"))(422, "has to be on the Internet")
	wantNotes(t, n.App, "own", "host-added of test.example, mail.test.example:25, smtp-in, smtp-out, smtp, tls encrypt", "host-changed of test.example, mail.test.example:25, smtp-in, smtp, tls encrypt",
		"host-changed of test.example, 198.51.100.7:25, smtp-in, smtp, tls encrypt", "host-removed of test.example, 198.51.100.7:25, smtp-in, smtp, tls encrypt")

	olga.wants("in French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	for _, page := range []string{"/hosts", "/hosts/new", "/hosts/one?name=exit", "/hosts/one?name=inner"} {
		if status, body := olga.get(page); status != 200 || regexp.MustCompile(`hosts\.[a-z.]+`).MatchString(body) {
			t.Errorf("%s: %d, %s", page, status, body)
		}
	}
}

// TestHostsPassword: a password is shown to nobody, and sent to no server, and no way, for which nobody gave it.
func TestHostsPassword(t *testing.T) {
	n := openPages(t)
	adam := n.logIn("adam")
	form := func(more ...string) []string {
		return append([]string{"address", publicPlace, "role", "smtp-out", "user", "us", "tls", "verify"}, more...)
	}
	const again = "type the password again"
	adam.wants("added")(addHost(adam, "own", form("password", "hush-hush")...))(200)
	adam.wants("not shown")(adam.get("/hosts/one?name=own"))(200, "-hush-hush", `value="us"`)
	adam.wants("kept")(n.changeHost(adam, "own", form("priority", "9")...))(200)
	for what, more := range map[string][]string{
		"elsewhere": {"address", "198.51.100.8:25"}, "another port": {"address", "198.51.100.7:587"}, "a name": {"address", "mail.evil.example:25"},
		"another user": {"user", "you"}, "any certificate": {"tls", "encrypt"}, "in the clear": {"tls", "never"}, "LMTP": {"protocol", "lmtp"},
	} {
		adam.wants(what)(n.changeHost(adam, "own", form(more...)...))(422, again)
	}
	if h := n.mailHost("own"); h.Password != "hush-hush" || h.Address != publicPlace || h.Priority != 9 || h.TLS != directory.TLSVerify {
		t.Errorf("changed: %+v", h)
	}
	adam.wants("typed")(n.changeHost(adam, "own", form("address", "198.51.100.8:25", "password", "other")...))(200)
	if h := n.mailHost("own"); h.Password != "other" || h.Address != "198.51.100.8:25" {
		t.Errorf("typed: %+v", h)
	}
	adam.wants("no log-in")(n.changeHost(adam, "own", form("user", "")...))(200)
	if h := n.mailHost("own"); h.Password != "" || h.Address != publicPlace {
		t.Errorf("no log-in: %+v", h)
	}
	adam.wants("nothing comes back")(n.changeHost(adam, "own", form()...))(422, "both, or none")
}

// TestHostCommands: who runs the node says whose a mail host is; what a domain's own may be holds for him, too.
func TestHostCommands(t *testing.T) {
	n := openPagesWith(t, false, "relay.smarthost=exit", "relay.host_networks=10.9.0.0/16", "relay.host_ports=25")
	add := func(name, domain, address string) error {
		_, err := done[ops.Host](t, n.App, ops.HostAdd{Name: name, Domain: domain, Address: address, Roles: []string{"smtp-out"}, User: "us", Password: "hush"})
		return err
	}
	set := func(q ops.HostSet) error { _, err := done[ops.Host](t, n.App, q); return err }
	wantKind(t, "the smarthost", add("exit", "", "10.1.2.3:2525"), "")
	wantKind(t, "its name", add("EXIT ", "test.example", publicPlace), control.Failed)
	wantKind(t, "the node's moves", set(ops.HostSet{Name: "exit", Address: new("10.1.2.4:2525")}), "")
	wantKind(t, "the smarthost as a domain's own", set(ops.HostSet{Name: "exit", Domain: new("test.example"), Address: new(publicPlace), Password: new("hush")}), control.Failed)
	wantKind(t, "inside", add("own", "test.example", "10.1.2.3:25"), control.Misuse)
	wantKind(t, "another port", add("own", "test.example", "10.9.2.3:587"), control.Misuse)
	wantKind(t, "no domain", add("own", "no.example", publicPlace), control.Missing)
	wantKind(t, "where it may be", add("own", "test.example", "10.9.2.3:25"), "")
	wantKind(t, "in other clothes", add("clad", "test.example", "[::ffff:10.9.2.3]:25"), "")
	wantKind(t, "its password stays there", set(ops.HostSet{Name: "own", Address: new(publicPlace)}), control.Misuse)
	wantKind(t, "with the password", set(ops.HostSet{Name: "own", Address: new(publicPlace), Password: new("hush")}), "")
	wantKind(t, "out of the domain", set(ops.HostSet{Name: "own", Domain: new(""), Address: new("10.1.2.3:25")}), control.Misuse)
	wantKind(t, "without the log-in", set(ops.HostSet{Name: "own", Domain: new(""), Address: new("10.1.2.3:25"), User: new("")}), "")
	wantKind(t, "into another, still inside", set(ops.HostSet{Name: "own", Domain: new("other.example")}), control.Misuse)
	wantKind(t, "into another", set(ops.HostSet{Name: "own", Domain: new("other.example"), Address: new(publicPlace)}), "")
	list, err := done[[]ops.Host](t, n.App, ops.HostList{Domain: "other.example"})
	wantKind(t, "list", err, "")
	if len(list) != 1 || list[0].Name != "own" || list[0].Domain != "other.example" || list[0].Password {
		t.Errorf("list: got %+v", list)
	}
	_, err = done[[]ops.Host](t, n.App, ops.HostList{Domain: "no.example"})
	wantKind(t, "of no domain", err, control.Missing)
}

// TestHostsLocked: what a locked mailbox's owner sends goes over the domain's way out. Who looks after the domain leads it nowhere else.
func TestHostsLocked(t *testing.T) {
	n := openPages(t)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	adam.wants("added")(addHost(adam, "way", "address", publicPlace, "role", "smtp-out"))(200)
	adam.wants("another")(addHost(adam, "in", "address", publicPlace))(200)
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Smarthost = "way"; return nil }))
	adam.wants("nobody is locked")(n.changeHost(adam, "way", "address", "198.51.100.8:25", "role", "smtp-out"))(200)
	n.must2(n.directory.SetLock(t.Context(), "bob@test.example", true, "olga"))
	adam.wants("seen")(adam.get("/hosts"))(200, "way", "-name=way", "name=in")
	adam.wants("not his now")(adam.get("/hosts/one?name=way"))(404)
	adam.wants("nor changed")(n.changeHost(adam, "way", "address", publicPlace, "role", "smtp-out"))(404)
	adam.wants("what is no way out")(n.changeHost(adam, "in", "address", "198.51.100.8:25"))(200)
	// The page has asked before; what happened since counts as well.
	form := web.HostForm{Name: "in", Mark: hostMark(n.mailHost("in")), Address: publicPlace, Roles: []string{"smtp-in"}, Priority: "0"}
	if err := (hostPages{n.App}).ChangeMailHost(t.Context(), form, func(web.MailHost) bool { return false }, "adam"); !errors.Is(err, web.ErrNoHost) {
		t.Errorf("who may no more: got %v", err)
	}
	olga.wants("an operator")(n.changeHost(olga, "way", "address", publicPlace, "role", "smtp-out"))(200)
	n.must2(n.directory.SetLock(t.Context(), "bob@test.example", false, "olga"))
	adam.wants("his again")(adam.get("/hosts/one?name=way"))(200)
}

// TestHostsLooks goes through the pages as TestQueueLooks does.
func TestHostsLooks(t *testing.T) {
	n := openPages(t)
	long := "a.server.with.a.name.as.long.as.names.of.servers.are-in-houses"
	for _, h := range []directory.Host{
		{Name: "exchange", Address: publicPlace, Roles: []directory.Role{directory.SMTPIn, directory.IMAP}},
		{Name: long, Address: "a-name-that-hardly-ends.of.a.server.in.another.house.example.org:587", Roles: []directory.Role{directory.SMTPOut}, User: "us", Password: "hush"},
	} {
		h.Domain = "test.example"
		n.must2(n.directory.AddHost(t.Context(), "root", h))
	}
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Smarthost = long; return nil }))
	n.look("hosts", map[string]string{"list": "/hosts", "new": "/hosts/new", "one": "/hosts/one?name=" + long})
}
