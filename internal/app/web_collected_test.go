package app

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/store"
)

// A mailDrop is a POP3 server without TLS that has one message, for who says the password.
type mailDrop struct {
	address   string
	sessions  atomic.Int64
	all       sync.WaitGroup
	withholds atomic.Bool // no message is given out
}

const dropPassword, guessedPassword = "drop of 2026", "a guess of hers"

func newMailDrop(t *testing.T) *mailDrop {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &mailDrop{address: l.Addr().String()}
	d.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.sessions.Add(1)
			d.all.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); d.all.Wait() })
	return d
}

func (d *mailDrop) port() string {
	_, port, _ := net.SplitHostPort(d.address)
	return port
}

func (d *mailDrop) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	const message = "Received: from out.sender.example ([192.0.2.7]) by mx.far.example; Thu, 26 Nov 2026 10:00:00 +0000\r\nFrom: eve@sender.example\r\nTo: me@far.example\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\nSubject: dropped\r\n\r\nhello\r\n"
	fmt.Fprint(c, "+OK\r\n")
	in := bufio.NewScanner(c)
	for in.Scan() {
		word, rest, _ := strings.Cut(in.Text(), " ")
		switch strings.ToUpper(word) {
		case "CAPA":
			fmt.Fprint(c, "+OK\r\nUSER\r\nUIDL\r\n.\r\n")
		case "PASS":
			if rest != dropPassword {
				fmt.Fprint(c, "-ERR [AUTH] no such drop\r\n")
				continue
			}
			fmt.Fprint(c, "+OK\r\n")
		case "STAT":
			fmt.Fprintf(c, "+OK 1 %d\r\n", len(message))
		case "LIST":
			fmt.Fprintf(c, "+OK\r\n1 %d\r\n.\r\n", len(message))
		case "UIDL":
			fmt.Fprint(c, "+OK\r\n1 only\r\n.\r\n")
		case "RETR":
			if d.withholds.Load() {
				fmt.Fprint(c, "-ERR [SYS/PERM] it is damaged\r\n")
				continue
			}
			fmt.Fprint(c, "+OK\r\n"+message+".\r\n")
		case "QUIT":
			fmt.Fprint(c, "+OK\r\n")
			return
		case "USER", "DELE", "NOOP":
			fmt.Fprint(c, "+OK\r\n")
		default:
			fmt.Fprint(c, "-ERR\r\n")
		}
	}
}

// ownersMay has owners of the domain set up accounts elsewhere, or not.
func (n *pagesNode) ownersMay(may ...directory.May) {
	n.t.Helper()
	n.must2(n.directory.ChangeDomain(n.t.Context(), "test.example", func(d *directory.Domain) error { d.Owners = may; return nil }))
}

// dropForm are the fields of an account's form; pairs replace some.
func dropForm(d *mailDrop, pairs ...string) []string {
	form := []string{"address", "Me@far.example", "protocol", "pop3", "server", "127.0.0.1", "port", d.port(), "security", "tls", "password", guessedPassword, "only", "all", "remove", "days", "days", "14", "minutes", "15"}
	for i := 0; i < len(pairs); i += 2 {
		for at := 0; at < len(form); at += 2 {
			if form[at] == pairs[i] {
				form[at+1] = pairs[i+1]
			}
		}
	}
	return form
}

// owned is what ann set up.
func (n *pagesNode) owned() (list []collector.Account) {
	n.t.Helper()
	list, err := n.store.Collectors().OfBox(n.t.Context(), n.boxes["ann@test.example"])
	n.must(err)
	return list
}

var badge = regexp.MustCompile(`class="badge[^"]*">([^<]+)<`)

// Ann sets up an account elsewhere, sees in words what goes wrong with it, has it fetched, and removes it; her domain lets her, and
// nobody else has a hand in it.
func TestCollectedPage(t *testing.T) {
	drop := newMailDrop(t)
	n := openPagesWith(t, true, "collector.networks=127.0.0.1", "collector.owned=2", "collector.ports=110,"+drop.port())
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	ann.wants("not let")(ann.get("/mailbox/collected"))(http.StatusNotFound)
	ann.wants("no way there")(ann.get("/mailbox"))(http.StatusOK, "-/mailbox/collected")
	n.ownersMay(directory.MayCollect)
	ann.wants("the way there")(ann.get("/mailbox"))(http.StatusOK, `href="/mailbox/collected"`)
	ann.wants("none")(ann.get("/mailbox/collected"))(http.StatusOK, "No mail is fetched from elsewhere.", "You may set up 2.")
	save := func(what string, pairs ...string) func(int, ...string) {
		t.Helper()
		return ann.wants(what)(ann.post("/mailbox/collected/edit", "/mailbox/collected/edit", dropForm(drop, pairs...)...))
	}
	const bad = http.StatusUnprocessableEntity
	save("no address", "address", "me")(bad, "Enter the mail address", `value="127.0.0.1"`, "-"+guessedPassword)
	save("no server", "server", "https://far.example/")(bad, "Enter the name of the server")
	save("an address within", "server", "10.0.0.1")(bad, "it is not a public one")
	save("this machine", "server", "[::1]")(bad, "it is not a public one")
	save("another port", "port", "22")(bad, "This port can’t be used")
	save("the protocol's port is not open", "protocol", "imap", "port", "")(bad, "This port can’t be used")
	save("a password in clear", "security", "clear")(bad, "This can’t be")
	save("no password", "password", "")(bad, "Enter the password")
	save("too often", "minutes", "0")(bad, "1 to 10080")
	save("no days", "days", "")(bad, "Days: 1 to 3650")
	if len(n.owned()) != 0 {
		t.Fatalf("set up: %+v", n.owned())
	}
	save("set up")(http.StatusOK, "is set up", "me@far.example", "not fetched yet", "removed there after days: 14", "-"+guessedPassword)
	one := n.owned()[0]
	if one.User != "Me@far.example" || one.Identity != "me@far.example" || one.Remove != 14*day || one.Interval != 15*time.Minute || !one.Owned || string(one.Password) == guessedPassword {
		t.Errorf("got %+v", one)
	}
	id := strconv.FormatInt(one.ID, 10)
	act := func(v *visitor, what, do string) func(int, ...string) {
		t.Helper()
		return v.wants(what)(v.post("/mailbox/collected", "/mailbox/collected", "id", id, "do", do))
	}
	for _, do := range []string{"try", "stop", "start", "send", "remove"} {
		act(bob, "another's: "+do, do)(http.StatusNotFound)
	}
	bob.wants("another's form")(bob.get("/mailbox/collected/edit?id=" + id))(http.StatusNotFound)
	bob.wants("another's change")(bob.post("/mailbox/collected/edit", "/mailbox/collected/edit", append(dropForm(drop), "id", id)...))(http.StatusNotFound)
	act(ann, "nothing", "burn")(http.StatusBadRequest)

	act(ann, "without TLS", "try")(http.StatusOK, "It was just fetched", "fails", "No encryption that can be trusted")
	act(ann, "again at once", "try")(http.StatusOK, "fetched a moment ago")
	clear := "clear"
	n.must2(n.setCollector(t.Context(), ops.CollectorSet{Name: one.Name, CollectorFields: ops.CollectorFields{Security: &clear}}))
	again := func() {
		t.Helper()
		c := n.owned()[0]
		n.must2(n.collector.Visit(t.Context(), &c))
	}
	again()
	ann.wants("wrong password")(ann.get("/mailbox/collected"))(http.StatusOK, "refused the user name or the password", "no such drop")
	ann.wants("her form")(ann.get("/mailbox/collected/edit?id="+id))(http.StatusOK, `value="Me@far.example"`, "-"+guessedPassword, "-"+dropPassword)
	change := append(dropForm(drop, "password", ""), "id", id)
	ann.wants("kept password, another server")(ann.post("/mailbox/collected/edit", "/mailbox/collected/edit", append(dropForm(drop, "password", "", "server", "pop.far.example"), "id", id)...))(bad, "Another server needs it anew")
	ann.wants("kept")(ann.post("/mailbox/collected/edit", "/mailbox/collected/edit", change...))(http.StatusOK, "The account is changed")
	ann.wants("password")(ann.post("/mailbox/collected/edit", "/mailbox/collected/edit", append(dropForm(drop, "password", dropPassword), "id", id)...))(http.StatusOK, "The account is changed")
	n.must2(n.setCollector(t.Context(), ops.CollectorSet{Name: one.Name, CollectorFields: ops.CollectorFields{Security: &clear}}))
	again()
	_, body := ann.get("/mailbox/collected")
	if got := badge.FindAllStringSubmatch(body, -1); len(got) != 1 || got[0][1] != "fetched" || !strings.Contains(body, "one message so far") {
		t.Errorf("fetched: %q in\n%s", got, body)
	}
	_, held := ann.get("/quarantine") // the policy has the last word on what was collected
	if all := held + strings.Join(n.inboxed("ann@test.example"), ""); !strings.Contains(all, "dropped") {
		t.Errorf("neither in the inbox nor held: %s", all)
	}
	n.must(n.journal.Flush(t.Context()))
	hits, err := n.store.Journal().Search(t.Context(), journal.Query{Recipient: "ann@test.example", Limit: 10})
	n.must(err)
	if len(hits) != 1 || hits[0].Client != "127.0.0.1" {
		t.Errorf("what an owner's server says of the client is believed: %+v", hits)
	}

	act(ann, "stop", "stop")(http.StatusOK, "until you say so", ">stopped<")
	for range 2 { // the second time nothing is noted
		act(ann, "start", "start")(http.StatusOK, "is fetched again", "->stopped<")
	}
	save("a second", "address", "two@far.example")(http.StatusOK, "is set up", "two@far.example")
	ann.wants("no room")(ann.get("/mailbox/collected"))(http.StatusOK, "-Add an account")
	save("a third", "address", "three@far.example")(bad, "as many accounts as you may")
	bobs := "bob@test.example"
	if _, err := n.setCollector(t.Context(), ops.CollectorSet{Name: one.Name, Mailbox: &bobs}); err == nil {
		t.Error("an owner's account goes to another mailbox")
	}
	n.ownersMay()
	before := drop.sessions.Load()
	again()
	if c := n.owned()[0]; !strings.Contains(c.Fault, errNotCollected.Error()) || drop.sessions.Load() != before {
		t.Errorf("after the domain let nobody any more: %q, %d sessions", c.Fault, drop.sessions.Load()-before)
	}
	n.ownersMay(directory.MayCollect)
	act(ann, "remove", "remove")(http.StatusOK, "The account is removed.", "-me@far.example", "two@far.example")
	act(ann, "removed", "remove")(http.StatusNotFound)
	notes, err := n.store.Audit().Notes(t.Context(), store.NoteQuery{Whom: "ann@test.example", Limit: 99})
	n.must(err)
	if len(notes) != 7 || notes[0].What != directory.NoteLeft || notes[0].Who != "ann@test.example" || strings.Contains(fmt.Sprint(notes), dropPassword) {
		t.Errorf("%d notes: %+v", len(notes), notes)
	}
	for range maxCollectedActs {
		n.collectedActs.take(n.boxes["ann@test.example"], n.now())
	}
	save("without an end", "address", "more@far.example")(bad, "Too many changes")
	id = strconv.FormatInt(n.owned()[0].ID, 10)
	act(ann, "stop without an end", "stop")(http.StatusOK, ">stopped<")
	act(ann, "start without an end", "start")(http.StatusOK, "or too often. Try again later", ">stopped<")
}

// What an operator has collected for ann she sees, and can't touch; of where it is she is told no more than its name.
func TestCollectedByOperators(t *testing.T) {
	n := openPagesWith(t, true)
	n.ownersMay(directory.MayCollect)
	server, user, password, security := "mail.intern.example:110", "ann7", "x", "clear"
	n.must2(n.addCollector(t.Context(), ops.CollectorAdd{Name: "old", Mailbox: "ann@test.example", CollectorFields: ops.CollectorFields{Server: &server, User: &user, Password: &password, Security: &security}}))
	ann := n.logIn("ann@test.example")
	ann.wants("list")(ann.get("/mailbox/collected"))(http.StatusOK, "ann7", "set up by your administrator", "-Fetch now", "-Send as another", "You may set up 3.")
	id := strconv.FormatInt(n.owned()[0].ID, 10)
	ann.wants("remove")(ann.post("/mailbox/collected", "/mailbox/collected", "id", id, "do", "remove"))(http.StatusNotFound)
	ann.wants("form")(ann.get("/mailbox/collected/edit?id=" + id))(http.StatusNotFound)
	if len(n.owned()) != 1 {
		t.Error("it is gone")
	}
}

// A message that the server does not give out is told as that, with what the server says.
func TestWithheldIsTold(t *testing.T) {
	drop := newMailDrop(t)
	drop.withholds.Store(true)
	n := openPages(t)
	sealed, err := n.seal(t.Context(), collectorKey, []byte(dropPassword), sealedAccount("t"))
	n.must(err)
	c := collector.Account{Token: "t", Password: sealed, Settings: collector.Settings{
		Name: "b", Box: n.boxes["ann@test.example"], Protocol: "pop3", Address: drop.address, Security: "clear", User: "u", Interval: time.Hour, Remove: -1, Messages: 9, Octets: 1 << 20,
	}}
	n.must(n.store.Collectors().Add(t.Context(), &c))
	visit := func() collector.Account {
		var err error
		c.State, err = n.collector.Visit(t.Context(), &c)
		n.must(err)
		return c
	}
	if key, said := collectedFault(visit()); key != "withheld" || !strings.Contains(said, `"only"`) || !strings.Contains(said, "it is damaged") {
		t.Errorf("withheld: %q %q, %q", key, said, c.Fault)
	}
	drop.withholds.Store(false)
	if visit(); c.Fault != "" || c.Taken != 1 {
		t.Errorf("given out: %+v", c.State)
	}
}

// An account of an owner's reaches no server but public ones, whatever its name led to as it was set up; an operator's does.
func TestOwnersReach(t *testing.T) {
	drop := newMailDrop(t)
	n := openPagesWith(t, false, "collector.ports=110,"+drop.port(), "collector.networks=192.168.7.0/24")
	n.ownersMay(directory.MayCollect)
	for at, want := range map[string]bool{
		"192.0.2.7:110": true, "[2001:db8::1]:110": true, "192.0.2.7:25": false, "192.0.2.7:22": false, "127.0.0.1:110": false, "[::1]:110": false, "[::ffff:127.0.0.1]:110": false,
		"10.0.0.1:110": false, "169.254.169.254:110": false, "192.168.7.9:110": true, "192.168.7.9:25": false, "192.168.8.9:110": false, "[64:ff9b::a00:1]:110": false, "0.0.0.0:110": false,
	} {
		if err := n.ownersReach(netip.MustParseAddrPort(at)); (err == nil) != want {
			t.Errorf("%s: %v", at, err)
		}
	}
	seal := func(token string) []byte {
		sealed, err := n.seal(t.Context(), collectorKey, []byte(dropPassword), sealedAccount(token))
		n.must(err)
		return sealed
	}
	c := collector.Account{Token: "t", Password: seal("t"), Settings: collector.Settings{
		Name: "a", Box: n.boxes["ann@test.example"], Protocol: "pop3", Address: net.JoinHostPort("localhost", drop.port()), Security: "clear", User: "u", Interval: time.Hour, Remove: -1, Messages: 9, Octets: 1 << 20,
	}}
	n.must(n.store.Collectors().AddOwned(t.Context(), &c, 3, directory.Note{Time: n.now()}))
	state, err := n.collector.Visit(t.Context(), &c)
	n.must(err)
	if key, said := collectedFault(n.owned()[0]); key != "reach" || said != "" || drop.sessions.Load() != 0 || !strings.Contains(state.Fault, "not public") {
		t.Errorf("an owner's: %q %q, %d sessions, %q", key, said, drop.sessions.Load(), state.Fault)
	}
	c.Owned, c.Name, c.Token = false, "b", "u"
	c.Password = seal("u")
	n.must(n.store.Collectors().Add(t.Context(), &c))
	state, err = n.collector.Visit(t.Context(), &c)
	n.must(err)
	if state.Fault != "" || state.Taken != 1 {
		t.Errorf("an operator's: %+v", state)
	}
}

// Ann shows by a link that an address is hers, and sends as it until the account is removed. The link is worth nothing to others.
func TestCollectedIdentity(t *testing.T) {
	drop := newMailDrop(t)
	n := openPagesWith(t, true, "collector.networks=127.0.0.1", "collector.ports="+drop.port())
	n.ownersMay(directory.MayCollect)
	ann, bob, out := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.stranger()
	sends := func(login, from mail.Path) mail.Answer {
		t.Helper()
		client := mail.Client{Addr: netip.MustParseAddr("127.0.0.1"), Login: login, Users: true, ESMTP: true}
		conv, _ := n.intake.Connect(t.Context(), client)
		defer conv.Close()
		tx, v := conv.Mail(t.Context(), client, from, mail.Params{})
		if v.Answer != mail.OK {
			return v.Answer
		}
		tx.Rcpt(t.Context(), "bob@test.example", mail.RcptParams{})
		return tx.Data(t.Context(), mail.NewMessage([]byte("From: "+string(from)+"\r\nSubject: from elsewhere\r\n\r\nx\r\n")), []byte("Received: test\r\n")).Answer
	}
	for _, address := range []string{"me@far.example", "old@test.example"} {
		ann.wants("set up")(ann.post("/mailbox/collected/edit", "/mailbox/collected/edit", dropForm(drop, "address", address)...))(http.StatusOK, address)
	}
	ids := map[string]string{}
	for _, c := range n.owned() {
		ids[c.Identity] = strconv.FormatInt(c.ID, 10)
	}
	ask := func(address string) func(int, ...string) {
		t.Helper()
		return ann.wants("ask")(ann.post("/mailbox/collected", "/mailbox/collected", "id", ids[address], "do", "send"))
	}
	if got := sends("ann@test.example", "me@far.example"); got != mail.NotYours {
		t.Errorf("before: %v", got)
	}
	ask("old@test.example")(http.StatusOK, "for your administrator to say")
	ask("me@far.example")(http.StatusOK, "A link was sent to me@far.example", "not confirmed")
	links := n.linksTo("me@far.example")
	if len(links) != 1 {
		t.Fatalf("links: %q", links)
	}
	out.wants("nobody")(out.get(links[0]))(http.StatusOK, `action="/login"`)
	bob.wants("another")(bob.get(links[0]))(http.StatusNotFound, "logged in to the mailbox that asked")
	bob.wants("another's yes")(bob.post("/mailbox/collected", links[0]))(http.StatusNotFound)
	ann.wants("look")(ann.get(links[0]))(http.StatusOK, "Do you want to send as me@far.example")
	if got := sends("ann@test.example", "me@far.example"); got != mail.NotYours {
		t.Errorf("after a look: %v", got)
	}
	n.must2(n.directory.ShutPages(t.Context(), "ann@test.example", []directory.Page{directory.PagePassword}, "root"))
	ann.wants("yes, by who may set no password")(ann.post(links[0], links[0]))(http.StatusOK, "You may send as me@far.example")
	ann.wants("again")(ann.post("/mailbox/collected", links[0]))(http.StatusNotFound, "used before")
	ann.wants("list")(ann.get("/mailbox/collected"))(http.StatusOK, "You may send as this address")
	for who, want := range map[[2]mail.Path]mail.Answer{
		{"ann@test.example", "ME@far.example"}: mail.OK, {"ann@test.example", "you@far.example"}: mail.NotYours, {"bob@test.example", "me@far.example"}: mail.NotYours,
		{"ann@test.example", "old@test.example"}: mail.NotYours,
	} {
		if got := sends(who[0], who[1]); got != want {
			t.Errorf("%s as %s: %v, want %v", who[0], who[1], got, want)
		}
	}
	if told := n.inboxed("ann@test.example"); len(told) != 1 || !strings.Contains(told[0], "may be sent as me@far.example") {
		t.Errorf("told: %q", told)
	}
	if got := n.inboxed("bob@test.example"); len(got) != 1 || !strings.Contains(got[0], "Return-Path: <ann@test.example>") {
		t.Errorf("bob has %q", got)
	}
	n.ownersMay()
	if got := sends("ann@test.example", "me@far.example"); got != mail.NotYours {
		t.Errorf("the domain lets nobody: %v", got)
	}
	n.ownersMay(directory.MayCollect)
	had := n.config.Load()
	none := *had
	none.Collector.Owned = 0
	n.config.Store(&none)
	if got := sends("ann@test.example", "me@far.example"); got != mail.NotYours {
		t.Errorf("the node lets nobody: %v", got)
	}
	n.config.Store(had)
	ann.wants("remove")(ann.post("/mailbox/collected", "/mailbox/collected", "id", ids["me@far.example"], "do", "remove"))(http.StatusOK, "is removed")
	if got := sends("ann@test.example", "me@far.example"); got != mail.NotYours {
		t.Errorf("removed: %v", got)
	}
}
