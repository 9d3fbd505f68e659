package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/captcha"
	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// A challenged is a node whose pages are served, with two mailboxes in test.example and
// one in other.example. Every captcha's answer is 123456.
type challenged struct {
	*App
	url string
	log *lockedBuffer
}

func openChallenged(t *testing.T, sets ...string) *challenged {
	t.Helper()
	c, err := config.Load("../../config.yaml", append([]string{"data=" + freshData(t), "limits.min_free=0"}, sets...), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	a, err := New(t.Context(), c, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	a.captcha = captcha.New(captcha.Config{Draw: func() string { return "123456" }, Bits: 10})
	if err := a.openWeb(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test.example", "other.example"} {
		if _, err := a.addDomain(t.Context(), ops.DomainAdd{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ann@test.example", "bob@test.example", "cid@other.example"} {
		if _, err := a.addMailbox(t.Context(), ops.MailboxAdd{Address: name, Password: "correct horse battery"}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.site.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &challenged{App: a, url: "http://" + l.Addr().String(), log: log}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const heldText = "From: Eve <eve@sender.example>\r\nSubject: lunch\r\n\r\n.\r\nlatin \xe9\r\n"

// told is one row that the sender of tx has the link of.
func (a *challenged) told(t *testing.T, tx, rcpt string, change func(*quarantine.Held)) *quarantine.Held {
	t.Helper()
	box, ok := a.directory.Snapshot().Mailbox(mail.Path(rcpt))
	if !ok {
		t.Fatalf("no mailbox %s", rcpt)
	}
	content, err := a.blobs.Put(t.Context(), strings.NewReader(heldText), int64(len(heldText)))
	if err != nil {
		t.Fatal(err)
	}
	now := a.now().UTC().Truncate(time.Second)
	h := &quarantine.Held{
		ID: tx + "-" + rcpt, Tx: tx, Recipient: mail.Path(rcpt), Box: box.ID, Domain: box.Address.Domain(), Sender: "eve@sender.example", Subject: "lunch",
		Client: netip.MustParseAddr("192.0.2.33"), Filter: "keywords", Blob: string(content), Size: int64(len(heldText)),
		Time: now, Expires: now.AddDate(0, 1, 0), State: quarantine.StateHeld, Told: quarantine.ToldByReply,
	}
	if change != nil {
		change(h)
	}
	return h
}

// keep commits rows, of which those of one message are the same commit.
func (a *challenged) keep(t *testing.T, rows ...*quarantine.Held) {
	t.Helper()
	row := &journal.Row{ID: rows[0].Tx, Time: rows[0].Time}
	for _, h := range rows {
		row.Lines = append(row.Lines, journal.Line{Recipient: h.Recipient, State: "held"})
	}
	if err := a.store.Commit(t.Context(), &intake.Commit{Held: rows, Row: row}); err != nil {
		t.Fatal(err)
	}
}

// link is the path of a message's page.
func (a *challenged) link(t *testing.T, h *quarantine.Held) string {
	t.Helper()
	text, err := a.tokens.Seal(t.Context(), "challenge", token.Statement{Made: h.Time, Expires: h.Expires, Fields: []string{h.Tx}})
	if err != nil {
		t.Fatal(err)
	}
	return "/c/" + text
}

// ask does a request, and returns the status, and the body of what it leads to.
func (a *challenged) ask(t *testing.T, method, path string, form url.Values) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSeeOther {
		_, text := a.ask(t, http.MethodGet, resp.Header.Get("Location"), nil)
		return resp.StatusCode, text
	}
	return resp.StatusCode, string(b)
}

var taskOf = regexp.MustCompile(`(?s)data-nonce="([^"]+)" data-bits="(\d+)".*name="task" value="([^"]+)"`)

// task reads the page's task and does its work.
func (a *challenged) task(t *testing.T, path string) url.Values {
	t.Helper()
	status, page := a.ask(t, http.MethodGet, path, nil)
	m := taskOf.FindStringSubmatch(page)
	if status != http.StatusOK || m == nil {
		t.Fatalf("%d, no task in\n%s", status, page)
	}
	bits, _ := strconv.Atoi(m[2])
	for n := 0; ; n++ {
		if proof := strconv.Itoa(n); (captcha.Work{Nonce: m[1], Bits: bits}).Done(proof) {
			return url.Values{"task": {m[3]}, "proof": {proof}, "answer": {"123456"}}
		}
	}
}

// inbox returns how many messages a mailbox has.
func (a *challenged) inbox(t *testing.T, address string) int {
	t.Helper()
	box, _ := a.directory.Snapshot().Mailbox(mail.Path(address))
	f, err := a.mailboxes.Folder(t.Context(), box.ID, mailbox.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := a.mailboxes.Index(t.Context(), f.ID, func(mailbox.Entry) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

// entries returns the allow lists as "value, scope, origin, note".
func (a *challenged) entries(t *testing.T) (list []string, all []directory.Entry) {
	t.Helper()
	all, err := a.directory.Entries(t.Context(), directory.EntryQuery{List: directory.Allow})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		list = append(list, fmt.Sprintf("%s %s, %s, %s, %s", e.Kind, e.Value, e.Scope, e.Origin, e.Note))
	}
	return list, all
}

func wantStatus(t *testing.T, what string, status int, page string, want int, text string) {
	t.Helper()
	if status != want || !strings.Contains(page, text) {
		t.Errorf("%s: got %d, want %d with %q:\n%s", what, status, want, text, page)
	}
}

// What the sender of a message to three people has the link of is delivered, once, and
// what he has not the link of stays.
func TestChallengeDelivers(t *testing.T) {
	a := openChallenged(t)
	ann := a.told(t, "tx1", "ann@test.example", nil)
	bob := a.told(t, "tx1", "bob@test.example", func(h *quarantine.Held) { h.Told = quarantine.Untold("the domain tells nobody") })
	cid := a.told(t, "tx1", "cid@other.example", nil)
	a.keep(t, ann, bob, cid)
	path := a.link(t, ann)
	status, page := a.ask(t, http.MethodGet, path, nil)
	wantStatus(t, "page", status, page, http.StatusOK, "<dd>other.example, test.example</dd>")
	answer := a.task(t, path)
	status, page = a.ask(t, http.MethodPost, path, answer)
	wantStatus(t, "answer", status, page, http.StatusSeeOther, "You can close this page.")
	for address, want := range map[string]int{"ann@test.example": 1, "bob@test.example": 0, "cid@other.example": 1} {
		if n := a.inbox(t, address); n != want {
			t.Errorf("%s has %d messages, want %d", address, n, want)
		}
	}
	h, err := a.quarantine.Show(t.Context(), ann.ID)
	if err != nil || len(h.Acts) != 1 || h.Acts[0].Who != bySender || h.Acts[0].What != quarantine.StateReleased {
		t.Errorf("acts: %+v, %v", h.Acts, err)
	}
	list, all := a.entries(t)
	slices.Sort(list)
	if want := []string{
		"address-from eve@sender.example from 192.0.2.0/24, other.example, challenge, held message tx1-cid@other.example",
		"address-from eve@sender.example from 192.0.2.0/24, test.example, challenge, held message tx1-ann@test.example",
	}; !slices.Equal(list, want) {
		t.Errorf("got %q\nwant %q", list, want)
	}
	for _, e := range all {
		if left := time.Until(e.Expires); left < 179*24*time.Hour || left > 180*24*time.Hour {
			t.Errorf("%s lasts %v, want 180 days", e.Value, left)
		}
	}
	status, page = a.ask(t, http.MethodPost, path, answer)
	wantStatus(t, "again", status, page, http.StatusSeeOther, "You can close this page.")
	if n := a.inbox(t, "ann@test.example"); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	if log := a.log.String(); strings.Contains(log, path[3:]) || !strings.Contains(log, `msg="challenge solved" id=tx1 client=127.0.0.1 released=2 failed=0`) {
		t.Errorf("the token is in the log, or the act is not:\n%s", log)
	}
}

func TestChallengeRefuses(t *testing.T) {
	a := openChallenged(t)
	one, two := a.told(t, "tx1", "ann@test.example", nil), a.told(t, "tx2", "ann@test.example", nil)
	old := a.told(t, "tx3", "ann@test.example", func(h *quarantine.Held) {
		h.Time = h.Time.AddDate(0, -1, 0)
		h.Expires = h.Time.AddDate(0, 0, 30)
	})
	gone := a.told(t, "tx4", "ann@test.example", nil)
	guarded := a.told(t, "tx5", "ann@test.example", func(h *quarantine.Held) { h.Guarded = true })
	for _, h := range []*quarantine.Held{one, two, old, gone, guarded} {
		a.keep(t, h)
	}
	first, second := a.link(t, one), a.link(t, two)

	other := a.task(t, second)
	status, page := a.ask(t, http.MethodPost, first, other)
	wantStatus(t, "another message's task", status, page, http.StatusUnprocessableEntity, "too old, or were used already")

	answer := a.task(t, second)
	status, page = a.ask(t, http.MethodPost, second, answer)
	wantStatus(t, "the other", status, page, http.StatusSeeOther, "You can close this page.")
	status, page = a.ask(t, http.MethodPost, first, answer)
	wantStatus(t, "a solved task once more", status, page, http.StatusUnprocessableEntity, "too old, or were used already")

	if err := a.setDeleted(t, gone.ID); err != nil {
		t.Fatal(err)
	}
	status, page = a.ask(t, http.MethodGet, a.link(t, gone), nil)
	wantStatus(t, "given up", status, page, http.StatusOK, "no longer held here")
	status, page = a.ask(t, http.MethodGet, a.link(t, old), nil)
	wantStatus(t, "expired", status, page, http.StatusOK, "Please send it again.")
	status, page = a.ask(t, http.MethodPost, a.link(t, old), answer)
	wantStatus(t, "an answer to what is expired", status, page, http.StatusSeeOther, "Please send it again.")
	status, page = a.ask(t, http.MethodGet, a.link(t, guarded), nil)
	wantStatus(t, "guarded", status, page, http.StatusOK, "no longer held here")
	never := a.told(t, "tx9", "ann@test.example", nil)
	status, page = a.ask(t, http.MethodGet, a.link(t, never), nil)
	wantStatus(t, "a message that is removed", status, page, http.StatusOK, "no longer held here")

	digest, err := a.tokens.Seal(t.Context(), "digest", token.Statement{Made: one.Time, Expires: one.Expires, Fields: []string{"tx1"}})
	if err != nil {
		t.Fatal(err)
	}
	swapped := first[:len(first)-1] + map[bool]string{true: "B", false: "A"}[first[len(first)-1] == 'A']
	for what, path := range map[string]string{"a digest's token": "/c/" + digest, "a changed token": swapped, "no token": "/c/x"} {
		status, page = a.ask(t, http.MethodGet, path, nil)
		wantStatus(t, what, status, page, http.StatusNotFound, "This link does not work")
	}
	if n := a.inbox(t, "ann@test.example"); n != 1 {
		t.Errorf("%d messages were delivered, want 1", n)
	}
}

func (a *challenged) setDeleted(t *testing.T, id string) error {
	_, err := a.quarantine.Delete(t.Context(), id, operator(t.Context()))
	return err
}

// Many answers at once, each right, deliver one copy.
func TestChallengeAtOnce(t *testing.T) {
	a := openChallenged(t)
	h := a.told(t, "tx1", "ann@test.example", nil)
	a.keep(t, h)
	path := a.link(t, h)
	var answers []url.Values
	for range 5 {
		answers = append(answers, a.task(t, path))
	}
	var wg sync.WaitGroup
	for _, answer := range answers {
		for range 2 {
			wg.Go(func() {
				if status, page := a.ask(t, http.MethodPost, path, answer); status != http.StatusSeeOther || !strings.Contains(page, "Delivered") {
					t.Errorf("got %d:\n%s", status, page)
				}
			})
		}
	}
	wg.Wait()
	if n := a.inbox(t, "ann@test.example"); n != 1 {
		t.Errorf("%d copies", n)
	}
	if list, _ := a.entries(t); len(list) != 1 {
		t.Errorf("entries: %q", list)
	}
}

// A mailbox that is closed since takes nothing: what others can have they get.
func TestChallengePart(t *testing.T) {
	a := openChallenged(t)
	ann, bob := a.told(t, "tx1", "ann@test.example", nil), a.told(t, "tx1", "bob@test.example", nil)
	a.keep(t, ann, bob)
	bobs, _ := a.directory.Snapshot().Mailbox("bob@test.example")
	state := func(s directory.State) {
		t.Helper()
		_, err := a.directory.ChangeMailbox(t.Context(), bobs.Address, func(m *directory.Mailbox) error { m.State = s; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	state(directory.Closed)
	path := a.link(t, ann)
	status, page := a.ask(t, http.MethodPost, path, a.task(t, path))
	wantStatus(t, "a part", status, page, http.StatusSeeOther, "Some of its recipients have it already")
	status, page = a.ask(t, http.MethodPost, path, a.task(t, path))
	wantStatus(t, "nothing more", status, page, http.StatusServiceUnavailable, "nothing is lost")
	state(directory.Active)
	status, page = a.ask(t, http.MethodPost, path, a.task(t, path))
	wantStatus(t, "the rest", status, page, http.StatusSeeOther, "You can close this page.")
	if n, m := a.inbox(t, "ann@test.example"), a.inbox(t, "bob@test.example"); n != 1 || m != 1 {
		t.Errorf("ann has %d, bob %d", n, m)
	}
}

func TestChallengeAllows(t *testing.T) {
	const from = "address-from eve@sender.example from 192.0.2.0/24"
	for name, tt := range map[string]struct {
		challenged directory.Allowed
		held       func(*quarantine.Held)
		blocked    string
		want       string
	}{
		"nothing proves him":     {"", nil, "", from + ", test.example"},
		"proven":                 {"", func(h *quarantine.Held) { h.Proof = "spf" }, "", "address eve@sender.example, test.example"},
		"for the mailbox":        {directory.AllowedMailbox, nil, "", from + ", ann@test.example"},
		"for nobody":             {directory.AllowedNone, nil, "", ""},
		"IPv6":                   {"", func(h *quarantine.Held) { h.Client = netip.MustParseAddr("2001:db8:1:2:3::4") }, "", "address-from eve@sender.example from 2001:db8:1:2::/64, test.example"},
		"a null sender":          {"", func(h *quarantine.Held) { h.Sender = "" }, "", ""},
		"the recipient's domain": {"", func(h *quarantine.Held) { h.Sender, h.Proof = "Bob@test.example", "spf" }, "", ""},
		"somebody blocked him":   {"", func(h *quarantine.Held) { h.Proof = "spf" }, "sender.example", ""},
		"mailbox that is none":   {directory.AllowedMailbox, func(h *quarantine.Held) { h.Box = quarantine.Anywhere }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := openChallenged(t)
			_, err := a.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Challenged = tt.challenged; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if tt.blocked != "" {
				e := directory.Entry{List: directory.Block, Value: tt.blocked, Scope: directory.Scope{Kind: directory.DomainScope, Name: "test.example"}}
				if _, err := a.directory.AddEntry(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			h := a.told(t, "tx1", "ann@test.example", tt.held)
			a.keep(t, h)
			path := a.link(t, h)
			status, page := a.ask(t, http.MethodPost, path, a.task(t, path))
			wantStatus(t, "answer", status, page, http.StatusSeeOther, "You can close this page.")
			list, _ := a.entries(t)
			want := []string{tt.want + ", challenge, held message tx1-ann@test.example"}
			if tt.want == "" {
				want = nil
			}
			if fmt.Sprint(list) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", list, want)
			}
		})
	}
}

// Who solves another challenge is allowed for as long again, and an entry that somebody
// made for ever stays so.
func TestChallengeAllowsLonger(t *testing.T) {
	a := openChallenged(t)
	scope := directory.Scope{Kind: directory.DomainScope, Name: "test.example"}
	soon := time.Now().Add(time.Hour)
	for value, expires := range map[string]time.Time{"eve@sender.example": soon, "zoe@sender.example": {}} {
		if _, err := a.directory.AddEntry(t.Context(), directory.Entry{List: directory.Allow, Value: value, Scope: scope, Expires: expires}); err != nil {
			t.Fatal(err)
		}
		h := a.told(t, "tx-"+value, "ann@test.example", func(h *quarantine.Held) { h.Sender, h.Proof = mail.Path(value), "spf" })
		a.keep(t, h)
		path := a.link(t, h)
		status, page := a.ask(t, http.MethodPost, path, a.task(t, path))
		wantStatus(t, value, status, page, http.StatusSeeOther, "You can close this page.")
	}
	_, all := a.entries(t)
	for _, e := range all {
		if e.Value[0] == 'z' != e.Expires.IsZero() || e.Value[0] == 'e' && e.Expires.Before(soon.AddDate(0, 5, 0)) {
			t.Errorf("%s expires %v", e.Value, e.Expires)
		}
	}
	if len(all) != 2 {
		t.Errorf("%d entries", len(all))
	}
}
