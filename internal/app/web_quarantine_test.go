package app

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// A desk of tests: a node with two domains, people of each role, and its pages.
type pagesNode struct {
	*App
	t     *testing.T
	url   string
	boxes map[string]int64
	n     int // messages held so far
}

const pagesPassword = "correct horse battery"

// house is a store with the people of openPages: their passwords take longer to derive than
// most tests do. It is made once.
var house struct {
	once  sync.Once
	file  []byte
	boxes map[string]int64
}

func makeHouse(t *testing.T) {
	dir := freshData(t)
	n := &pagesNode{App: openIn(t, dir), t: t, boxes: map[string]int64{}}
	n.people()
	n.must(n.Close())
	file, err := os.ReadFile(filepath.Join(dir, "gatepost.db"))
	n.must(err)
	house.file, house.boxes = file, n.boxes
}

// people adds them.
func (n *pagesNode) people() {
	t := n.t
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "test.example"}))
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "other.example"}))
	for _, a := range []mail.Path{"ann@test.example", "bob@test.example", "carl@other.example"} {
		m, err := n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: a}, pagesPassword)
		n.must(err)
		n.boxes[string(a)] = m.ID
	}
	for name, admin := range map[string]directory.Admin{
		"olga":  {Role: directory.Operator},
		"adam":  {Role: directory.DomainAdmin, Domains: []string{"test.example"}},
		"hanna": {Role: directory.Helpdesk, Domains: []string{"test.example"}},
		"rosa":  {Role: directory.Reader, Domains: []string{"test.example"}},
	} {
		admin.Name = name
		n.must2(n.directory.AddAdmin(t.Context(), "root", admin, pagesPassword))
	}
}

func openPages(t *testing.T) *pagesNode { return openPagesWith(t, false) }

// openPagesWith is openPages of a node that knows where its pages are seen, or does not, and has further settings.
func openPagesWith(t *testing.T, known bool, sets ...string) *pagesNode {
	t.Helper()
	house.once.Do(func() { makeHouse(t) })
	if house.file == nil {
		t.Fatal("the people could not be made")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gatepost.db"), house.file, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	url := "http://" + l.Addr().String()
	if known {
		sets = append(sets, "web.url="+url)
	}
	n := &pagesNode{App: openIn(t, dir, sets...), t: t, boxes: maps.Clone(house.boxes), url: url}
	t.Cleanup(func() { n.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	site := n.site // a reload makes another
	go func() { served <- site.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); n.must(<-served) })
	return n
}

func (n *pagesNode) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *pagesNode) must2(_ any, err error) { n.t.Helper(); n.must(err) }

// held keeps a message for a recipient as the intake does; change says what is special.
func (n *pagesNode) held(to string, content string, change func(*quarantine.Held)) quarantine.Held {
	n.t.Helper()
	n.n++
	body := []byte(strings.ReplaceAll(content, "\n", "\r\n"))
	name, err := n.blobs.Put(n.t.Context(), bytes.NewReader(body), int64(len(body)))
	n.must(err)
	now := time.Now().Add(-time.Hour).Add(time.Duration(n.n) * time.Second).Truncate(time.Microsecond)
	h := &quarantine.Held{
		ID: mail.NewID(now), Tx: fmt.Sprintf("tx%08d", n.n), Recipient: mail.Path(to), Box: n.boxes[to], Domain: mail.Path(to).Domain(),
		Sender: "news@shop.example", Author: "The Shop <news@shop.example>", Subject: fmt.Sprintf("Offer %d", n.n), Client: netip.MustParseAddr("192.0.2.9"),
		Filter: "keywords", Reason: "12 words that spam has", Score: 9.5, Proof: "spf", Blob: string(name), Size: int64(len(body)),
		Time: now, Expires: now.AddDate(0, 1, 0), State: quarantine.StateHeld,
	}
	dom, _ := n.directory.Snapshot().Domain(h.Domain)
	h.DomainID = dom.ID
	if change != nil {
		change(h)
	}
	walk := journal.Walk{
		Recipient: h.Recipient, Policy: "default", Score: 9.5, Required: 7.5, Outcome: "held", Decision: journal.Decision{Action: "spam", Entry: h.Filter, Filter: h.Filter, Result: "spam", Reason: h.Reason},
		Steps: []journal.Step{
			{Entry: "spf", Filter: "spf", Result: "pass", Reason: "192.0.2.9 may send for shop.example", Effect: "none", Micros: 12_345, Evidence: []journal.KV{{Key: "record", Value: "v=spf1 ip4:192.0.2.9 -all"}}},
			{Entry: "dnsbl", Filter: "dnsbl", Result: "temperror", Reason: "no list answered", Effect: "none", Micros: 5_000_000},
			{Entry: "rdns", Filter: "rdns", Result: "fail", Reason: "192.0.2.9 has no name", Effect: "score 2", Points: 2, Micros: 999},
			{Entry: h.Filter, Filter: h.Filter, Result: "spam", Reason: h.Reason, Effect: "spam", Micros: 2100},
		},
	}
	record := &journal.Record{ID: h.Tx, Time: now, Client: "192.0.2.9", Helo: "mx.shop.example", ReversePath: h.Sender, Subject: h.Subject, Size: h.Size, Walks: []journal.Walk{walk}}
	row, err := n.journal.Write(n.t.Context(), record)
	n.must(err)
	n.must(n.store.Commit(n.t.Context(), &intake.Commit{Held: []*quarantine.Held{h}, Row: row}))
	return *h
}

const plainMail = "From: The Shop <news@shop.example>\nTo: ann@test.example\nSubject: Offer\nDate: Fri, 20 Nov 2026 06:00:00 +0000\n\nBuy now: https://shop.example/\n"

// A visitor is somebody who is logged in.
type visitor struct {
	n    *pagesNode
	http *http.Client
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (n *pagesNode) logIn(name string) *visitor {
	n.t.Helper()
	jar, err := cookiejar.New(nil)
	n.must(err)
	v := &visitor{n, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
	if status, body := v.post("/login", "/login", "name", name, "password", pagesPassword); status != http.StatusOK || strings.Contains(body, `action="/login"`) {
		n.t.Fatalf("log in as %s: %d\n%s", name, status, body)
	}
	return v
}

func (v *visitor) answer(resp *http.Response, err error) (int, string) {
	v.n.t.Helper()
	v.n.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	v.n.must(err)
	return resp.StatusCode, string(b)
}

func (v *visitor) get(path string) (int, string) {
	v.n.t.Helper()
	resp, err := v.http.Get(v.n.url + path)
	return v.answer(resp, err)
}

// post sends a form with the token of the page from.
func (v *visitor) post(from, path string, pairs ...string) (int, string) {
	v.n.t.Helper()
	_, page := v.get(from)
	form := url.Values{}
	if m := csrfField.FindStringSubmatch(page); m != nil {
		form.Set("csrf", m[1])
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	resp, err := v.http.PostForm(v.n.url+path, form)
	return v.answer(resp, err)
}

// wants fails where the answer is another, or lacks a text; one after "-" must not be in it.
func (v *visitor) wants(what string) func(status int, body string) func(want int, texts ...string) {
	return func(status int, body string) func(int, ...string) {
		return func(want int, texts ...string) {
			v.n.t.Helper()
			if status != want {
				v.n.t.Errorf("%s: got %d, want %d\n%.3000s", what, status, want, body)
				return
			}
			for _, text := range texts {
				if not, ok := strings.CutPrefix(text, "-"); ok && strings.Contains(body, not) || !ok && !strings.Contains(body, text) && !strings.Contains(html.UnescapeString(body), text) {
					v.n.t.Errorf("%s: %q, in\n%s", what, text, body)
				}
			}
		}
	}
}

func (n *pagesNode) state(id string) quarantine.State {
	n.t.Helper()
	h, err := n.quarantine.Show(n.t.Context(), id)
	n.must(err)
	return h.State
}

func (n *pagesNode) inbox(address string) int {
	n.t.Helper()
	f, err := n.store.Mailboxes().Folder(n.t.Context(), n.boxes[address], mailbox.Inbox)
	if err != nil {
		return 0
	}
	return int(f.Messages)
}

func TestQuarantinePages(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	bobs := n.held("bob@test.example", plainMail, nil)
	ann := n.logIn("ann@test.example")

	ann.wants("list")(ann.get("/quarantine"))(200, h.ID, "Offer 1", "The Shop &lt;news@shop.example&gt;", "Keywords", "-"+bobs.ID, "-bob@test.example", "-sent by")
	ann.wants("message")(ann.get("/quarantine/"+h.ID))(200, "12 words that spam has", "SPF", "12 ms", "5.0 s", "+2.0 points", "decided", `sandbox=""`, "-v=spf1", "Deliver, and always allow", "Yes: spf")
	ann.wants("source")(ann.get("/quarantine/"+h.ID+"/source"))(200, "Subject: Offer", "Buy now")
	ann.wants("eml")(ann.get("/quarantine/"+h.ID+"/message.eml"))(200, "Buy now: https://shop.example/\r\n")
	ann.wants("view")(ann.get("/quarantine/"+h.ID+"/view"))(200, "Buy now")
	for path, policy := range map[string]string{"/view": safe.Policy(), "/message.eml": "default-src 'none'; sandbox"} {
		resp, err := ann.http.Get(n.url + "/quarantine/" + h.ID + path)
		n.must(err)
		resp.Body.Close()
		if got := resp.Header; got.Get("Content-Security-Policy") != policy || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("%s has the header %v", path, got)
		}
	}

	ann.wants("release")(ann.post("/quarantine/"+h.ID, "/quarantine/"+h.ID+"/release", "allow", "no"))(200, "Delivered to the inbox of ann@test.example", "delivered by <bdi>ann@test.example</bdi>")
	if got := n.inbox("ann@test.example"); got != 1 {
		t.Errorf("%d messages are in the inbox", got)
	}
	ann.wants("release again")(ann.post("/quarantine/"+h.ID, "/quarantine/"+h.ID+"/release"))(200, "It was delivered by ann@test.example already")
	ann.wants("gone from the list")(ann.get("/quarantine"))(200, "Nothing is held.", "-"+h.ID)
	ann.wants("found by state")(ann.get("/quarantine?state=released"))(200, h.ID)
	if got := n.inbox("ann@test.example"); got != 1 {
		t.Errorf("%d messages are in the inbox after a second release", got)
	}
}

func TestQuarantineAllow(t *testing.T) {
	n := openPages(t)
	ann, adam, hanna := n.logIn("ann@test.example"), n.logIn("adam"), n.logIn("hanna")
	h := n.held("ann@test.example", plainMail, nil)
	ann.wants("allow")(ann.post("/quarantine", "/quarantine/"+h.ID+"/release", "allow", "yes"))(200, "The sender is allowed from now on", "sender allowed")
	entries := func(want ...string) {
		t.Helper()
		list, err := n.directory.Entries(t.Context(), directory.EntryQuery{})
		n.must(err)
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprint(e.List, " ", e.Value, " for ", e.Scope, " by ", e.Origin))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got entries %v, want %v", got, want)
		}
	}
	entries("allow news@shop.example for ann@test.example by release")

	unproven := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Proof = "" })
	ann.wants("page of unproven")(ann.get("/quarantine/"+unproven.ID))(200, "Nothing proves that it is from this sender", "disabled")
	ann.wants("allow unproven")(ann.post("/quarantine", "/quarantine/"+unproven.ID+"/release", "allow", "yes"))(200, "Nothing proves that it is from this sender")
	if got := n.state(unproven.ID); got != quarantine.StateHeld {
		t.Errorf("the unproven one is %s", got)
	}
	hanna.wants("helpdesk allows")(hanna.post("/quarantine", "/quarantine/"+unproven.ID+"/release", "allow", "yes"))(403)
	hanna.wants("helpdesk blocks")(hanna.post("/quarantine", "/quarantine/"+unproven.ID+"/block", "confirm", "yes"))(403)
	ann.wants("owner allows for the domain")(ann.post("/quarantine", "/quarantine/"+unproven.ID+"/block", "confirm", "yes", "wide", "yes"))(403)
	adam.wants("block asks")(adam.post("/quarantine", "/quarantine/"+unproven.ID+"/block"))(200, "Block the sender?", "everybody at test.example", "news@shop.example")
	adam.wants("block")(adam.post("/quarantine", "/quarantine/"+unproven.ID+"/block", "confirm", "yes", "wide", "yes", "whole", "yes"))(200, "the sender is blocked")
	if got := n.state(unproven.ID); got != quarantine.StateDeleted {
		t.Errorf("the blocked one is %s", got)
	}
	entries("allow news@shop.example for ann@test.example by release", "block shop.example for test.example by admin")
}

func TestQuarantineGuarded(t *testing.T) {
	n := openPages(t)
	ann, adam, olga := n.logIn("ann@test.example"), n.logIn("adam"), n.logIn("olga")
	h := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Guarded, h.Filter, h.Reason = true, "antivirus", "Eicar-Test-Signature" })
	at := "/quarantine/" + h.ID
	ann.wants("page")(ann.get(at))(200, "dangerous", "Ask for this message", "-Deliver to the inbox")
	for name, v := range map[string]*visitor{"owner": ann, "admin": adam} {
		v.wants(name + " releases")(v.post("/quarantine", at+"/release", "confirm", "yes"))(403)
		v.wants(name + " downloads")(v.post("/quarantine", at+"/message.eml"))(403)
		v.wants(name+" reads the source")(v.get(at+"/source"))(200, "can&#39;t be downloaded")
		v.wants(name+" releases many")(v.post("/quarantine", "/quarantine", "act", "release", "id", h.ID))(200, "With 1 it did not work", "Only an operator can deliver it")
	}
	ann.wants("ask")(ann.post(at, at+"/ask"))(200, "You have asked an operator", "You have asked for this message")
	olga.wants("asked for")(olga.get("/quarantine?asked=yes"))(200, h.ID, "asked for")
	olga.wants("releases many")(olga.post("/quarantine", "/quarantine", "act", "release", "id", h.ID))(200, "With 1 it did not work")
	olga.wants("download by GET leads to the warning")(olga.get(at+"/message.eml"))(200, "do not open it on your computer")
	olga.wants("download")(olga.post(at+"/source", at+"/message.eml"))(200, "Buy now")
	olga.wants("release asks")(olga.post(at, at+"/release"))(200, "This message is dangerous", "Virus scanner", "Eicar-Test-Signature", `name="confirm" value="yes"`)
	if got := n.state(h.ID); got != quarantine.StateHeld {
		t.Errorf("before the warning was read it is %s", got)
	}
	olga.wants("release")(olga.post(at, at+"/release", "confirm", "yes"))(200, "Delivered to the inbox of ann@test.example")
}

func TestQuarantineBulk(t *testing.T) {
	n := openPages(t)
	ann, adam := n.logIn("ann@test.example"), n.logIn("adam")
	var ids []string
	for range 500 {
		ids = append(ids, n.held("ann@test.example", plainMail, nil).ID)
	}
	bobs := n.held("bob@test.example", plainMail, nil)
	carls := n.held("carl@other.example", plainMail, nil)

	ann.wants("none ticked")(ann.post("/quarantine", "/quarantine", "act", "release"))(200, "No message was ticked")
	ann.wants("of others")(ann.post("/quarantine", "/quarantine", "act", "release", "id", bobs.ID, "id", carls.ID, "id", "nothing"))(200, "0 messages were delivered", "3 were not held any more")
	ann.wants("delete asks")(ann.post("/quarantine", "/quarantine", "act", "delete", "id", ids[0], "id", ids[1]))(200, "Delete?", "2 messages", "Offer 1", `value="`+ids[1]+`"`)
	ann.wants("delete")(ann.post("/quarantine", "/quarantine", "act", "delete", "id", ids[0], "id", ids[1], "confirm", "yes"))(200, "2 messages were deleted")
	ann.wants("again")(ann.post("/quarantine", "/quarantine", "act", "release", "id", ids[0], "id", ids[2]))(200, "1 message was delivered", "1 was not held any more")
	status, page := ann.post("/quarantine", "/quarantine", "act", "release", "all", "yes", "text", "offer")
	ann.wants("all asks")(status, page)(200, "497 messages", "Deliver?")
	until := regexp.MustCompile(`name="until" value="(\d+)"`).FindStringSubmatch(page)
	later := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Time = time.Now().Add(time.Minute) })
	begin := time.Now()
	ann.wants("all")(ann.post("/quarantine", "/quarantine", "act", "release", "all", "yes", "text", "offer", "confirm", "yes", "until", until[1]))(200, "497 messages were delivered", "-Go on")
	t.Logf("497 releases took %v", time.Since(begin))
	if got := n.inbox("ann@test.example"); got != 498 {
		t.Errorf("%d messages are in the inbox", got)
	}
	for _, h := range []quarantine.Held{bobs, carls, later} {
		if got := n.state(h.ID); got != quarantine.StateHeld {
			t.Errorf("%s, of %s, is %s", h.ID, h.Recipient, got)
		}
	}
	adam.wants("an admin's all")(adam.post("/quarantine", "/quarantine", "act", "delete", "all", "yes", "confirm", "yes"))(200, "1 message was deleted")
	if got := n.state(carls.ID); got != quarantine.StateHeld {
		t.Errorf("the other domain's is %s", got)
	}
	ann.wants("nothing left")(ann.post("/quarantine", "/quarantine", "act", "release", "all", "yes", "text", "nothing of it"))(200, "No message is held any more that this search finds")
	for _, act := range []string{"", "ask", "explode"} {
		ann.wants("act " + act)(ann.post("/quarantine", "/quarantine", "act", act, "all", "yes"))(400)
	}
}

// Nobody sees or touches what is another's, however the id came to him; and what is
// another's is answered as what is not there.
func TestQuarantineOfOthers(t *testing.T) {
	n := openPages(t)
	messages := map[string]quarantine.Held{}
	for _, to := range []string{"ann@test.example", "bob@test.example", "carl@other.example"} {
		messages[to] = n.held(to, plainMail, nil)
	}
	sees := map[string][]string{
		"ann@test.example": {"ann@test.example"}, "bob@test.example": {"bob@test.example"}, "carl@other.example": {"carl@other.example"},
		"adam": {"ann@test.example", "bob@test.example"}, "hanna": {"ann@test.example", "bob@test.example"}, "rosa": {"ann@test.example", "bob@test.example"},
		"olga": {"ann@test.example", "bob@test.example", "carl@other.example"},
	}
	number := regexp.MustCompile(`Number of this request: \w+`)
	for name, of := range sees {
		v := n.logIn(name)
		_, list := v.get("/quarantine?state=any")
		for to, h := range messages {
			mine := strings.Contains(strings.Join(of, " "), to)
			if strings.Contains(list, h.ID) != mine {
				t.Errorf("%s sees the message of %s in the list: %v, want %v", name, to, !mine, mine)
			}
			for _, search := range []string{"recipient=" + to, "domain=" + h.Domain, "subject=Offer", "text=offer", "sender=news@shop.example", "client=192.0.2.9", "filter=keywords", "reason=words"} {
				if _, found := v.get("/quarantine?state=any&" + search); strings.Contains(found, h.ID) && !mine {
					t.Errorf("%s finds the message of %s by %s", name, to, search)
				}
			}
			for _, path := range []string{"", "/view", "/view?plain=1", "/source", "/message.eml"} {
				status, body := v.get("/quarantine/" + h.ID + path)
				none, nothing := v.get("/quarantine/" + h.ID[1:] + "0" + path)
				if none != http.StatusNotFound || mine != (status == http.StatusOK) || !mine && (status != none || number.ReplaceAllString(body, "") != number.ReplaceAllString(nothing, "")) {
					t.Errorf("%s, message of %s: GET %s: got %d, and %d for an id that is not there", name, to, path, status, none)
				}
			}
			if mine {
				continue
			}
			for _, act := range []string{"release", "delete", "block", "ask", "message.eml", "explode"} {
				status, body := v.post("/quarantine", "/quarantine/"+h.ID+"/"+act, "confirm", "yes", "allow", "yes")
				none, nothing := v.post("/quarantine", "/quarantine/"+h.ID[1:]+"0/"+act, "confirm", "yes", "allow", "yes")
				if status != http.StatusNotFound || none != status || number.ReplaceAllString(body, "") != number.ReplaceAllString(nothing, "") {
					t.Errorf("%s, message of %s: POST %s: got %d, and %d for an id that is not there", name, to, act, status, none)
				}
			}
			for _, act := range []string{"release", "allow", "delete", "block"} {
				if _, body := v.post("/quarantine", "/quarantine", "act", act, "id", h.ID, "confirm", "yes"); !strings.Contains(body, "1 was not held any more") {
					t.Errorf("%s, message of %s: ticked for %s: got\n%s", name, to, act, body)
				}
			}
		}
		if status, _ := v.get("/quarantine/filters"); (status == http.StatusOK) != (name == "olga") {
			t.Errorf("%s: the page of filters is answered by %d", name, status)
		}
	}
	for to, h := range messages {
		if got := n.state(h.ID); got != quarantine.StateHeld {
			t.Errorf("the message of %s is %s", to, got)
		}
	}
	stranger := &visitor{n, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, path := range []string{"/quarantine", "/quarantine/filters", "/quarantine/" + messages["ann@test.example"].ID, "/quarantine/" + messages["ann@test.example"].ID + "/view"} {
		if status, _ := stranger.get(path); status != http.StatusSeeOther {
			t.Errorf("a stranger's GET %s: got %d", path, status)
		}
	}
}

// Forms without the session's token do nothing.
func TestQuarantineForged(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	ann := n.logIn("ann@test.example")
	for _, path := range []string{"/quarantine", "/quarantine/" + h.ID + "/release", "/quarantine/" + h.ID + "/delete"} {
		resp, err := ann.http.PostForm(n.url+path, url.Values{"act": {"release"}, "id": {h.ID}, "confirm": {"yes"}})
		ann.wants(path)(ann.answer(resp, err))(403)
	}
	if got := n.state(h.ID); got != quarantine.StateHeld {
		t.Errorf("it is %s", got)
	}
}

func TestQuarantineStrange(t *testing.T) {
	n := openPages(t)
	long := strings.Repeat("x", 300)
	h := n.held("ann@test.example", "Subject: x\n\nbody\n", func(h *quarantine.Held) {
		h.Subject, h.Author, h.Sender = "<b>\u202etxt.exe\u0007 😀 "+strings.Repeat("long ", 300), `"Bank <help@bank.example>" <x@evil.example>`, mail.Path(long+"@evil.example")
	})
	bare := n.held("ann@test.example", "\nno header\n", func(h *quarantine.Held) { h.Subject, h.Author, h.Sender, h.Proof = "", "", "", "" })
	ann := n.logIn("ann@test.example")
	ann.wants("list")(ann.get("/quarantine"))(200, "<b>‹U+202E›txt.exe␇", "😀", long, "(no subject)", "(no sender: an automatic report)", "-\u202e", "-<b>")
	ann.wants("strange")(ann.get("/quarantine/"+h.ID))(200, "‹U+202E›", "-\u202e")
	ann.wants("bare")(ann.get("/quarantine/"+bare.ID))(200, "(no subject)", "It has no sender", "-Block sender")
	n.must2(n.quarantine.Delete(t.Context(), h.ID, operator(t.Context())))
	ann.wants("wrong fields")(ann.get("/quarantine?sender=nobody&client=x&from=yesterday&state=lost"))(200, "This is not an address", "This is not an IP address", "This is not a day", "Nothing was searched for", `aria-invalid="true"`)
	ann.wants("no match")(ann.get("/quarantine?text=nothing+like+it"))(200, "No held message fits this search")
	ann.wants("wrong cursor")(ann.get("/quarantine?after=../x&trail=~~%00"))(200, bare.ID)
}

// Pages lead on and back, each message on one of them.
func TestQuarantinePaging(t *testing.T) {
	n := openPages(t)
	for range 120 {
		n.held("ann@test.example", plainMail, nil)
	}
	ann := n.logIn("ann@test.example")
	link := func(rel, body string) string {
		m := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(body)
		if m == nil {
			return ""
		}
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	rows := regexp.MustCompile(`name="id" value="([^"]+)"`)
	seen, at, pages := map[string]bool{}, "/quarantine?text=offer", []string{}
	for at != "" {
		_, body := ann.get(at)
		for _, m := range rows.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s is on two pages", m[1])
			}
			seen[m[1]] = true
		}
		pages = append(pages, strings.Join(rows.FindAllString(body, -1), ""))
		if next := link("next", body); next == "" {
			for i := len(pages) - 2; i >= 0; i-- {
				if _, body = ann.get(link("prev", body)); strings.Join(rows.FindAllString(body, -1), "") != pages[i] {
					t.Errorf("the way back to page %d leads elsewhere", i)
				}
			}
			break
		} else {
			at = next
		}
	}
	if len(seen) != 120 || len(pages) != 3 {
		t.Errorf("%d messages on %d pages", len(seen), len(pages))
	}
}

// What goes on by the queue is shown where it stands.
func TestQuarantineOnward(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "away@test.example", Kind: directory.Forward, Targets: []mail.Path{"x@far.example"}}))
	h := n.held("away@test.example", plainMail, func(h *quarantine.Held) { h.Box = quarantine.Elsewhere })
	adam, ann := n.logIn("adam"), n.logIn("ann@test.example")
	ann.wants("owner of another mailbox")(ann.get("/quarantine/" + h.ID))(404)
	adam.wants("allow")(adam.post("/quarantine", "/quarantine/"+h.ID+"/release", "allow", "yes"))(200, "it is on its way to away@test.example", "x@far.example", "waiting", "sender allowed")
	list, err := n.directory.Entries(t.Context(), directory.EntryQuery{})
	if err != nil || len(list) != 1 || list[0].Scope.Name != "test.example" {
		t.Errorf("got entries %v, %v", list, err)
	}
}
