package app

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
)

// stranger is somebody who is not logged in.
func (n *pagesNode) stranger() *visitor {
	jar, err := cookiejar.New(nil)
	n.must(err)
	return &visitor{n, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// sendLost does what was asked for at the page, in the place of the node's own goroutine.
func (n *pagesNode) sendLost() {
	n.t.Helper()
	for range len(n.lost.names) {
		n.must(recoveries{n.App}.send(n.t.Context(), <-n.lost.names))
	}
}

var mailedLink = regexp.MustCompile(`\s(https?://[^/\s]+)(/(?:reset|confirm|mailbox/collected/confirm)/\w+)\s`)

// linksTo are the ways that links in mails to an address lead.
func (n *pagesNode) linksTo(address string) (paths []string) {
	n.t.Helper()
	for _, text := range n.sent() {
		m := mail.NewMessage([]byte(text))
		body, _ := m.Text(m.Root(), 1<<20)
		if found := mailedLink.FindStringSubmatch(body); found != nil && strings.Contains(m.Header().Get("To"), address) {
			paths = append(paths, found[2])
		}
	}
	slices.Sort(paths)
	return paths
}

// Ann names an address elsewhere, confirms it, loses her password, and sets another by a link. Nothing tells a stranger whether
// an address is somebody's, and each link works once.
func TestLostPassword(t *testing.T) {
	n := openPagesWith(t, true)
	ann, out := n.logIn("ann@test.example"), n.stranger()
	phone := n.logIn("ann@test.example")
	const elsewhere = "ann@elsewhere.example"

	ann.wants("own address")(ann.post("/account/recovery", "/account/recovery", "address", "ANN@test.example", "password", pagesPassword))(http.StatusUnprocessableEntity, "leads to this very mailbox")
	ann.wants("wrong password")(ann.post("/account/recovery", "/account/recovery", "address", elsewhere, "password", "wrong"))(http.StatusUnprocessableEntity, "not your current password")
	ann.wants("asked")(ann.post("/account/recovery", "/account/recovery", "address", elsewhere, "password", pagesPassword))(http.StatusOK, "A link was sent to "+elsewhere)
	lost := func(name string) string {
		status, body := out.post("/lost", "/lost", "name", name)
		if status != http.StatusOK {
			t.Errorf("lost %s: %d", name, status)
		}
		n.sendLost()
		return body
	}
	lost("ann@test.example")
	links := n.linksTo(elsewhere)
	if len(links) != 1 {
		t.Fatalf("before it is confirmed: %q", links)
	}
	out.wants("look")(out.get(links[0]))(http.StatusOK, "Yes, confirm")
	out.wants("as another link")(out.get(strings.Replace(links[0], "confirm", "reset", 1)))(http.StatusNotFound)
	out.wants("confirm")(out.post(links[0], links[0]))(http.StatusOK, "Confirmed")
	out.wants("confirm again")(out.post(links[0], links[0]))(http.StatusNotFound)
	ann.wants("recovery")(ann.get("/account/recovery"))(http.StatusOK, elsewhere)
	ann.wants("account")(ann.get("/account"))(http.StatusOK, "Last log-ins", "These pages", "127.0.0.1")

	if known, unknown, none := lost("ann@test.example"), lost("nobody@test.example"), lost("no address"); known != unknown || known != none {
		t.Error("the page tells who has a mailbox")
	}
	resets := slices.DeleteFunc(n.linksTo(elsewhere), func(p string) bool { return strings.HasPrefix(p, "/confirm/") })
	if len(resets) != 1 {
		t.Fatalf("links: %q", resets)
	}
	fresh := "a wholly new one"
	out.wants("too short")(out.post(resets[0], resets[0], "new", "short", "again", "short"))(http.StatusUnprocessableEntity, "too short")
	out.wants("differs")(out.post(resets[0], resets[0], "new", fresh, "again", fresh+"x"))(http.StatusUnprocessableEntity, "not the same")
	out.wants("control")(out.post(resets[0], resets[0], "new", "control\x01control", "again", "control\x01control"))(http.StatusUnprocessableEntity, "can’t be a password")
	out.wants("set")(out.post(resets[0], resets[0], "new", fresh, "again", fresh))(http.StatusOK, "The password is set")
	out.wants("again")(out.post(resets[0], resets[0], "new", fresh+"2", "again", fresh+"2"))(http.StatusNotFound, "used before")
	for name, v := range map[string]*visitor{"her session": ann, "her phone's": phone} {
		if _, body := v.get("/account"); !strings.Contains(body, `action="/login"`) {
			t.Errorf("%s goes on", name)
		}
	}
	if _, err := n.directory.Authenticate(t.Context(), "ann@test.example", fresh); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	told := strings.Join(n.sent(), "\n")
	for _, subject := range []string{"Your password was replaced", "Your recovery address was set"} {
		if !strings.Contains(told, subject) {
			t.Errorf("ann is not told: %q", subject)
		}
	}
}

// A link is worth nothing once the password is another, or nobody may log in; three are sent a day.
func TestResetLinks(t *testing.T) {
	n := openPagesWith(t, true)
	ctx, out := t.Context(), n.stranger()
	const ann = "ann@test.example"
	link := func() string {
		l, err := n.resetMailbox(ctx, ops.MailboxReset{Address: ann})
		n.must(err)
		return strings.TrimPrefix(l.Link, n.url)
	}
	worth := func(what, path string, want int) {
		t.Helper()
		out.wants(what)(out.get(path))(want)
	}
	first := link()
	worth("fresh", first, http.StatusOK)
	n.must(n.directory.SetPassword(ctx, ann, "another password", "root", ""))
	worth("after another password", first, http.StatusNotFound)
	second := link()
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: ann, State: new("suspended")}))
	worth("suspended", second, http.StatusNotFound)
	if _, err := n.resetMailbox(ctx, ops.MailboxReset{Address: ann}); err == nil {
		t.Error("a link for a suspended mailbox")
	}
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: ann, State: new("active")}))
	worth("active again", second, http.StatusOK)
	now := n.now()
	n.now = func() time.Time { return now.Add(resetByHand) }
	worth("a day later", second, http.StatusNotFound)

	if _, err := n.resetMailbox(ctx, ops.MailboxReset{Address: ann, Mail: true}); err == nil {
		t.Error("a link to nowhere")
	}
	n.must2(n.mailboxRecovery(ctx, ops.MailboxRecovery{Address: ann, Set: new("ann@elsewhere.example")}))
	for i := range access.MaxLinks + 1 {
		if err := (recoveries{n.App}).send(ctx, ann); errors.Is(err, access.ErrManyLinks) != (i == access.MaxLinks) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	mailed := n.linksTo("ann@elsewhere.example")
	if len(mailed) != access.MaxLinks {
		t.Errorf("%d links are sent", len(mailed))
	}
	asked := n.now()
	n.now = func() time.Time { return asked.Add(access.LinksWithin - time.Second) }
	for _, path := range mailed { // a stranger who asks keeps nobody out
		worth("as long as no other is sent", path, http.StatusOK)
	}
	n.must2(n.mailboxRecovery(ctx, ops.MailboxRecovery{Address: "bob@test.example", Set: new("bob@elsewhere.example")}))
	n.must2(n.directory.ChangeMailbox(ctx, "bob@test.example", func(m *directory.Mailbox) error { m.Shut = []directory.Service{directory.ServiceWeb}; return nil }))
	n.must(recoveries{n.App}.send(ctx, "bob@test.example"))
	if got := n.linksTo("bob@elsewhere.example"); len(got) != 0 {
		t.Errorf("to whom the pages are shut: %q", got)
	}
}

// Whoever gives a mailbox another password, and whoever has a link made for one, stands in the audit.
func TestPasswordsAreNoted(t *testing.T) {
	n := openPagesWith(t, true)
	ctx, out := t.Context(), n.stranger()
	const ann = "ann@test.example"
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: ann, Password: new("another horse")}))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: ann, Language: new("fr")}))
	l, err := n.resetMailbox(ctx, ops.MailboxReset{Address: ann})
	n.must(err)
	path := strings.TrimPrefix(l.Link, n.url)
	out.wants("the link")(out.post(path, path, "new", "battery staple", "again", "battery staple"))(http.StatusOK)
	n.must2(n.mailboxRecovery(ctx, ops.MailboxRecovery{Address: ann, Set: new("ann@elsewhere.example")}))
	n.must2(n.resetMailbox(ctx, ops.MailboxReset{Address: ann, Mail: true}))
	n.must(persons{n.directory}.SetPassword(ctx, access.Person{Kind: access.KindMailbox, Name: ann}, "correct staple"))
	notes, err := n.store.Audit().Notes(ctx, store.NoteQuery{Whom: ann})
	n.must(err)
	var got []string
	for _, note := range slices.Backward(notes) {
		got = append(got, note.Who+" "+note.What+" "+note.About)
	}
	want := []string{"admin password ", "admin reset-link shown", ann + " password by a link, from 127.0.0.1", "admin reset-link sent to ann@elsewhere.example", ann + " password "}
	if !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}
}

// So many requests are taken of a network, and of all.
func TestLostIsLimited(t *testing.T) {
	var d lostDesk
	d.open(nil)
	now := time.Now()
	ask := func(addr string, at time.Time) bool {
		err := d.ask("x", netip.MustParseAddr(addr), at)
		for range len(d.names) {
			<-d.names
		}
		return err == nil
	}
	for i := range maxLostFrom + 1 {
		if got := ask("192.0.2.1", now); got != (i < maxLostFrom) {
			t.Errorf("request %d: %v", i, got)
		}
	}
	if !ask("192.0.2.2", now) {
		t.Error("another client has to wait")
	}
	if !ask("192.0.2.1", now.Add(lostWithin)) {
		t.Error("an hour later it is no better")
	}
	for i := range maxLostWide + 1 {
		if got := ask(fmt.Sprintf("2001:db8:0:%x::1", i), now); got != (i < maxLostWide) {
			t.Errorf("request %d of one /48: %v", i, got)
		}
	}
	for i := range maxLost {
		ask(fmt.Sprintf("2001:db8:%x::1", i), now.Add(lostWithin))
	}
	if ask("198.51.100.1", now.Add(lostWithin)) {
		t.Error("all together have no limit")
	}
}
