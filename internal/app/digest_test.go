package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// A digestSite is a node with pages, a mailbox and a domain on a mail host.
type digestSite struct {
	*App
	t    *testing.T
	base string
	log  *lockedBuffer
	box  int64
}

func openDigestSite(t *testing.T) *digestSite {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	c, err := config.Load("../../config.yaml", []string{"data=" + freshData(t), "limits.min_free=0", "web.url=" + base, "hostname=mx.test.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	a, err := New(t.Context(), c, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { _ = a.site.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); served.Wait() })
	for _, op := range []struct {
		name   string
		params any
	}{
		{"host.add", ops.HostAdd{Name: "far", Address: "192.0.2.99:25", Roles: []string{"smtp-in"}}},
		{"domain.add", ops.DomainAdd{Name: "test.example"}},
		{"domain.add", ops.DomainAdd{Name: "far.example", Hosts: []string{"far"}, Lookup: "callout"}},
		{"mailbox.add", ops.MailboxAdd{Address: "ann@test.example", Password: "correct horse battery", Language: "fr"}},
	} {
		params, err := json.Marshal(op.params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Handle(t.Context(), op.name, params); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
	}
	ann, _ := a.directory.Snapshot().Mailbox("ann@test.example")
	return &digestSite{a, t, base, log, ann.ID}
}

// hold holds a message for ann, an hour ago.
func (s *digestSite) hold(id string, change func(*quarantine.Held)) {
	s.t.Helper()
	content := []byte("From: x\r\nSubject: " + id + "\r\n\r\nSECRET CONTENT\r\n")
	name, err := s.blobs.Put(s.t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now().Add(-time.Hour)
	h := &quarantine.Held{
		ID: id, Tx: id, Recipient: "ann@test.example", Box: s.box, Domain: "test.example", Sender: mail.Path(id + "@friend.example"), Proof: "spf",
		Author: "Friend <" + id + "@friend.example>", Subject: "about " + id, Filter: "keywords", Blob: string(name), Size: int64(len(content)), Time: now,
		Expires: now.AddDate(0, 1, 0), State: quarantine.StateHeld,
	}
	if change != nil {
		change(h)
	}
	row := &journal.Row{ID: id, Time: now, Lines: []journal.Line{{Recipient: h.Recipient, State: "held"}}}
	if err := s.store.Commit(s.t.Context(), &intake.Commit{Held: []*quarantine.Held{h}, Row: row}); err != nil {
		s.t.Fatal(err)
	}
}

// tell sends an address its digest, and returns the transfer and the mail's parts.
func (s *digestSite) tell(address string) (t *queue.Transfer, header netmail.Header, parts []string) {
	s.t.Helper()
	d, err := s.digestNow(s.t.Context(), ops.QuarantineDigest{Address: address, Send: true})
	if err != nil || !d.Sent {
		s.t.Fatalf("digest: %+v, %v", d, err)
	}
	list, err := s.store.Queue().Find(s.t.Context(), queue.Query{Recipient: mail.Path(address), Limit: 10})
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%d mails are queued, %v", len(list), err)
	}
	content, err := s.blobs.Open(s.t.Context(), blob.ID(list[0].Message.Blob))
	if err != nil {
		s.t.Fatal(err)
	}
	defer content.Close()
	m, err := netmail.ReadMessage(io.NewSectionReader(content, 0, content.Size()))
	if err != nil {
		s.t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		s.t.Fatal(err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list[0], m.Header, parts
		}
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			s.t.Fatal(err)
		}
		parts = append(parts, string(body))
	}
}

var digestURL = regexp.MustCompile(`https?://[^\s"<>]+`)

// links are those of a part, by act and held message, or "stop".
func (s *digestSite) links(part string) map[string]string {
	s.t.Helper()
	links := map[string]string{}
	for _, at := range digestURL.FindAllString(part, -1) {
		path, ours := strings.CutPrefix(at, s.base)
		if !ours {
			s.t.Errorf("a link that is not ours: %s", at)
		}
		name := strings.Trim(path, "/")
		if text, ok := strings.CutPrefix(path, "/d/"); ok {
			act, held, err := s.digestLinks.Opened(s.t.Context(), text)
			if err != nil {
				s.t.Errorf("%s: %v", path, err)
			}
			name = string(act) + " " + held
		} else if strings.HasPrefix(path, "/u/") {
			name = "stop"
		}
		links[name] = path
	}
	return links
}

func (s *digestSite) ask(method, path string, form url.Values) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// all is everything that a link could change: held messages and what was done to them,
// lists, settings, what is told, what is in the inbox and queued.
func (s *digestSite) all() string {
	s.t.Helper()
	var b strings.Builder
	ctx := s.t.Context()
	page, err := s.quarantine.Find(ctx, quarantine.Query{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range page.Rows {
		shown, err := s.quarantine.Show(ctx, h.ID)
		fmt.Fprintf(&b, "%+v %v\n", shown, err)
	}
	entries, err := s.directory.Entries(ctx, directory.EntryQuery{})
	fmt.Fprintf(&b, "%+v %v\n", entries, err)
	ann, _ := s.directory.Snapshot().Box(s.box)
	fmt.Fprintf(&b, "%+v %d\n", ann, s.directory.Snapshot().Revision())
	for _, who := range []string{"ann@test.example", "u@far.example"} {
		d, err := s.digestNow(ctx, ops.QuarantineDigest{Address: who})
		fmt.Fprintf(&b, "%+v %v\n", d, err)
	}
	list, err := s.store.Queue().Find(ctx, queue.Query{Limit: 100})
	for _, t := range list {
		fmt.Fprintf(&b, "%+v %+v\n", *t, *t.Message)
	}
	fmt.Fprintf(&b, "%v %d\n", err, s.inbox())
	return regexp.MustCompile(`0x[0-9a-f]{6,}`).ReplaceAllString(b.String(), "")
}

func (s *digestSite) inbox() int {
	s.t.Helper()
	f, err := s.mailboxes.Folder(s.t.Context(), s.box, mailbox.Inbox)
	if err != nil && err != mailbox.ErrNoFolder {
		return 0
	}
	return int(f.Messages)
}

func (s *digestSite) state(id string) quarantine.Held {
	s.t.Helper()
	h, err := s.quarantine.Show(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func act(what string) url.Values { return url.Values{"act": {what}} }

// Whoever follows links, as scanners of mail do, changes nothing; a button does what it
// says, once; and a link is worth nothing for anything else.
func TestDigestLinks(t *testing.T) {
	s := openDigestSite(t)
	for _, id := range []string{"free", "allowed", "blocked"} {
		s.hold(id, nil)
	}
	s.hold("danger", func(h *quarantine.Held) { h.Guarded, h.Filter = true, "antivirus" })
	s.hold("unproven", func(h *quarantine.Held) { h.Proof = "" })
	tr, header, parts := s.tell("ann@test.example")
	if tr.Destination != queue.Local || !slices.Equal(tr.Boxes, []int64{s.box}) || !tr.Message.Sender.IsNull() {
		t.Errorf("it goes to %s, %v, from <%s>; want the mailbox, from nobody", tr.Destination, tr.Boxes, tr.Message.Sender)
	}
	if got := header.Get("Subject"); !strings.Contains(got, "5 nouveaux messages") {
		t.Errorf("subject %q is not French", got)
	}
	links := s.links(parts[0])
	if other := s.links(parts[1]); len(parts) != 2 || fmt.Sprint(links) != fmt.Sprint(other) {
		t.Errorf("text has %v, html %v", links, other)
	}
	var names []string
	for name := range links {
		names = append(names, name)
	}
	slices.Sort(names)
	want := "allow allowed, allow blocked, allow free, ask danger, block allowed, block blocked, block danger, block free, block unproven, quarantine, " +
		"release allowed, release blocked, release free, release unproven, stop"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("links: got %s, want %s", got, want)
	}
	if strings.Contains(strings.Join(parts, ""), "SECRET") {
		t.Error("the digest has a message's content in it")
	}
	delete(links, "quarantine") // the page is not of this test

	t.Run("following changes nothing", func(t *testing.T) {
		before := s.all()
		for name, path := range links {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
				if status, body := s.ask(method, path, nil); status != http.StatusOK || strings.Contains(body, "SECRET") {
					t.Errorf("%s %s: got %d\n%s", method, name, status, body)
				}
			}
		}
		if after := s.all(); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	})
	t.Run("swapped, altered and for another purpose", func(t *testing.T) {
		before := s.all()
		text := strings.TrimPrefix(links["block blocked"], "/d/")
		for name, try := range map[string]struct {
			path string
			form url.Values
		}{
			"another act":        {links["block blocked"], act("release")},
			"release, not allow": {links["release free"], act("allow")},
			"no act":             {links["release free"], url.Values{}},
			"altered":            {"/d/A" + text[1:], act("block")},
			"cut":                {"/d/" + text[:len(text)-1], act("block")},
			"as unsubscription":  {"/u/" + text, url.Values{"List-Unsubscribe": {"One-Click"}}},
			"unsubscription":     {"/d/" + strings.TrimPrefix(links["stop"], "/u/"), act("release")},
			"guarded, released":  {links["ask danger"], act("release")},
		} {
			if status, _ := s.ask(http.MethodPost, try.path, try.form); status != http.StatusNotFound {
				t.Errorf("%s: got %d, want 404", name, status)
			}
		}
		if after := s.all(); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	})
	t.Run("released once", func(t *testing.T) {
		for i, want := range []int{http.StatusOK, http.StatusConflict} {
			if status, body := s.ask(http.MethodPost, links["release free"], act("release")); status != want {
				t.Errorf("time %d: got %d\n%s", i+1, status, body)
			}
		}
		h := s.state("free")
		if n := s.inbox(); n != 1 || h.State != quarantine.StateReleased || h.Acts[0].Who != "ann@test.example" {
			t.Errorf("%d in the inbox; %+v", n, h)
		}
	})
	t.Run("allowed", func(t *testing.T) {
		if status, body := s.ask(http.MethodPost, links["allow allowed"], act("allow")); status != http.StatusOK {
			t.Errorf("got %d\n%s", status, body)
		}
		e, ok := s.directory.Snapshot().FindSender("allowed@friend.example", "ann@test.example")
		if n := s.inbox(); n != 2 || !ok || e.List != directory.Allow || e.Scope.Name != "ann@test.example" {
			t.Errorf("%d in the inbox; entry %+v, %v", n, e, ok)
		}
	})
	t.Run("blocked", func(t *testing.T) {
		if status, body := s.ask(http.MethodPost, links["block blocked"], act("block")); status != http.StatusOK {
			t.Errorf("got %d\n%s", status, body)
		}
		e, ok := s.directory.Snapshot().FindSender("blocked@friend.example", "ann@test.example")
		if h := s.state("blocked"); h.State != quarantine.StateDeleted || !ok || e.List != directory.Block {
			t.Errorf("%+v; entry %+v, %v", h, e, ok)
		}
		if status, _ := s.ask(http.MethodPost, links["release blocked"], act("release")); status != http.StatusConflict {
			t.Errorf("release of what was deleted: %d", status)
		}
	})
	t.Run("asked for", func(t *testing.T) {
		for range 2 {
			if status, body := s.ask(http.MethodPost, links["ask danger"], act("ask")); status != http.StatusOK {
				t.Errorf("got %d\n%s", status, body)
			}
		}
		if h := s.state("danger"); h.Asked.IsZero() || h.State != quarantine.StateHeld {
			t.Errorf("%+v", h)
		}
	})
	t.Run("a mailbox that is suspended", func(t *testing.T) {
		s.setState(directory.Suspended)
		if status, _ := s.ask(http.MethodPost, links["release unproven"], act("release")); status != http.StatusNotFound {
			t.Errorf("got %d", status)
		}
		s.setState(directory.Active)
	})
	t.Run("one click", func(t *testing.T) {
		stop := strings.Trim(header.Get("List-Unsubscribe"), "<>")
		if stop != s.base+links["stop"] || header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
			t.Errorf("List-Unsubscribe: %s", stop)
		}
		for _, step := range []struct {
			form url.Values
			want bool
		}{{url.Values{"List-Unsubscribe": {"One-Click"}}, true}, {act("again"), false}} {
			if status, body := s.ask(http.MethodPost, links["stop"], step.form); status != http.StatusOK {
				t.Errorf("got %d\n%s", status, body)
			}
			if ann, _ := s.directory.Snapshot().Box(s.box); ann.NoDigest != step.want {
				t.Errorf("%v: no digest: got %v", step.form, ann.NoDigest)
			}
		}
	})
	for name, path := range links {
		if text := path[3:]; strings.Contains(s.log.String(), text) {
			t.Errorf("the token for %s is in the log", name)
		}
	}
}

func (s *digestSite) setState(state directory.State) {
	s.t.Helper()
	_, err := s.directory.ChangeMailbox(s.t.Context(), "ann@test.example", func(m *directory.Mailbox) error { m.State = state; return nil })
	if err != nil {
		s.t.Fatal(err)
	}
}

// Who has the mailbox elsewhere gets a digest there, and may release, or end digests.
func TestDigestElsewhere(t *testing.T) {
	s := openDigestSite(t)
	far := func(h *quarantine.Held) {
		h.Recipient, h.Box, h.Domain = "u@far.example", quarantine.Elsewhere, "far.example"
	}
	s.hold("one", far)
	tr, _, parts := s.tell("u@far.example")
	if tr.Destination != queue.ToDomain("far.example") || tr.Boxes != nil {
		t.Errorf("it goes to %s, %v", tr.Destination, tr.Boxes)
	}
	links := s.links(parts[0])
	if len(links) != 3 || links["release one"] == "" || links["stop"] == "" {
		t.Errorf("links: %v", links)
	}
	if status, body := s.ask(http.MethodPost, links["release one"], act("release")); status != http.StatusOK {
		t.Errorf("release: %d\n%s", status, body)
	}
	if h := s.state("one"); h.State != quarantine.StateReleased || h.Acts[0].Who != "u@far.example" {
		t.Errorf("%+v", h)
	}
	if status, _ := s.ask(http.MethodPost, links["stop"], url.Values{"List-Unsubscribe": {"One-Click"}}); status != http.StatusOK {
		t.Errorf("one click: %d", status)
	}
	s.hold("two", func(h *quarantine.Held) { far(h); h.Time = time.Now() })
	if d, err := s.digestNow(t.Context(), ops.QuarantineDigest{Address: "u@far.example"}); err == nil {
		t.Errorf("after that: got %+v, want nothing", d)
	}
	if status, _ := s.ask(http.MethodPost, links["stop"], act("again")); status != http.StatusOK {
		t.Errorf("again: %d", status)
	}
	if d, err := s.digestNow(t.Context(), ops.QuarantineDigest{Address: "u@far.example"}); err != nil || d.New != 1 {
		t.Errorf("then: got %+v, %v", d, err)
	}
}

// Nobody is told where a mailbox is not in use, or its domain or owner wants no digests.
func TestDigestReaders(t *testing.T) {
	s := openDigestSite(t)
	s.hold("one", nil)
	change := func(f func(*directory.Mailbox)) {
		t.Helper()
		if _, err := s.directory.ChangeMailbox(t.Context(), "ann@test.example", func(m *directory.Mailbox) error { f(m); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	told := func(what string, want bool) {
		t.Helper()
		d, err := s.digestNow(t.Context(), ops.QuarantineDigest{Address: "ann@test.example"})
		if (err == nil) != want || want && d.New != 1 {
			t.Errorf("%s: got %+v, %v", what, d, err)
		}
	}
	told("at first", true)
	for _, state := range []directory.State{directory.Suspended, directory.Closed} {
		change(func(m *directory.Mailbox) { m.State = state })
		told(string(state), false)
	}
	change(func(m *directory.Mailbox) { m.State, m.NoDigest = directory.Active, true })
	told("its owner wants none", false)
	change(func(m *directory.Mailbox) { m.NoDigest = false })
	hours := func(list []int) {
		t.Helper()
		if _, err := s.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.DigestHours = list; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	hours([]int{})
	told("its domain wants none", false)
	hours([]int{8})
	told("at eight", true)
	for _, address := range []string{"nobody@test.example", "u@other.example"} {
		if d, err := s.digestNow(t.Context(), ops.QuarantineDigest{Address: address}); err == nil {
			t.Errorf("%s: got %+v", address, d)
		}
	}
}

// Where recipients are not looked up, anybody's guess would be sent a digest.
func TestDigestUnknownRecipients(t *testing.T) {
	s := openDigestSite(t)
	far := func(h *quarantine.Held) {
		h.Recipient, h.Box, h.Domain = "guess@far.example", quarantine.Anywhere, "far.example"
	}
	s.hold("one", far)
	for _, want := range []bool{true, false} {
		if d, err := s.digestNow(t.Context(), ops.QuarantineDigest{Address: "guess@far.example"}); (err == nil) != want {
			t.Errorf("got %+v, %v; want a digest: %v", d, err, want)
		}
		s.must(s.directory.ChangeDomain(t.Context(), "far.example", func(d *directory.Domain) error { d.Lookup = ""; return nil }))
	}
}

func (s *digestSite) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// A message for an alias of another domain is told to its mailbox, by the mailbox's domain.
func TestDigestForAliasElsewhere(t *testing.T) {
	s := openDigestSite(t)
	s.must(s.directory.AddDomain(t.Context(), directory.Domain{Name: "alias.example", DigestHours: []int{}}))
	s.hold("one", func(h *quarantine.Held) { h.Recipient, h.Domain = "ann@alias.example", "alias.example" })
	keys, err := s.store.Digests().Fresh(t.Context(), digest.Key{}, 10)
	if err != nil || !slices.Equal(keys, []digest.Key{{Box: s.box}}) {
		t.Fatalf("got %v, %v; want the mailbox", keys, err)
	}
	r, ok := (&digestReaders{app: s.App, zones: map[string]*time.Location{}}).Reader(keys[0])
	if !ok || r.Domain != "test.example" {
		t.Errorf("got %+v, %v; want the mailbox's domain", r, ok)
	}
}
