package intake_test

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
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/pipeline"
)

// A world is an intake whose surroundings write down what they are asked, and
// can be told to fail. The directory is a real one.
type world struct {
	*intake.Intake
	calls   []string // in order: put, write, commit, note
	commits []*intake.Commit
	notes   []*journal.Record
	woken   []int64
	told    []string
	content []byte    // the last one that was kept
	db      *store.DB // the directory's; it keeps nothing else, but in challengeWorld

	putErr, writeErr, commitErr error
	race                        func() error // of a commit; nil: nobody is faster
}

func (w *world) Put(_ context.Context, r io.Reader, size int64) (blob.ID, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	w.content = content
	w.calls = append(w.calls, "content")
	return "blob-1", w.putErr
}

func (w *world) Open(context.Context, blob.ID) (blob.Content, error) { return nil, blob.ErrNotFound }

func (w *world) Commit(_ context.Context, c *intake.Commit) error {
	w.calls = append(w.calls, "commit")
	if w.race != nil {
		if err := w.race(); err != nil {
			return err
		}
	}
	if w.commitErr == nil {
		w.commits = append(w.commits, c)
	}
	return w.commitErr
}

// journalOf is the world as a Journal: its methods' names are taken.
type journalOf struct{ *world }

func (j journalOf) Write(_ context.Context, r *journal.Record) (*journal.Row, error) {
	return &journal.Row{ID: r.ID}, j.writeErr
}

func (j journalOf) Note(r *journal.Record) { j.notes = append(j.notes, r) }

func (w *world) Notify(box int64)             { w.woken = append(w.woken, box) }
func (w *world) Transaction(string, float64)  {}
func (w *world) Step(string, string, float64) {}
func (w *world) Told(what string)             { w.told = append(w.told, what) }

// says is a filter that answers by the recipient's local part: "reject@" is
// rejected, and so on.
type says struct{}

func (says) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	word := q.Recipient.Fold().Base().Local()
	return pipeline.Finding{Result: word, Reason: "it says " + word}, nil
}

var words = []string{"none", "accept", "tag", "junk", "spam", "quarantine", "discard", "defer", "reject"}

func policy(name string, stage pipeline.Stage) *pipeline.Policy {
	kind := &pipeline.Kind{Name: "says", Stage: stage, Scope: pipeline.PerRecipient}
	e := &pipeline.Entry{Name: "says", Kind: kind, Filter: says{}, Key: "says", On: map[string]pipeline.Effect{}}
	for _, w := range words {
		kind.Results = append(kind.Results, pipeline.Result{Word: w, Effect: w})
		e.On[w], _ = pipeline.ParseEffect(w)
	}
	return &pipeline.Policy{Name: name, Required: 5, Entries: []*pipeline.Entry{e}}
}

// newWorld has the domains early.example (judged at RCPT) and late.example (after
// the content), each with a mailbox for every word, and junk.example, tag.example
// with these dispositions.
func newWorld(t testing.TB) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, template(t), 0o600); err != nil {
		t.Fatal(err)
	}
	db, dir := openDirectory(t, path)
	t.Cleanup(func() { db.Close() })
	w := &world{db: db}
	w.Intake = &intake.Intake{
		Config:    intake.Config{Hostname: "mx.example", QuarantineFor: 720 * time.Hour, SubjectMark: "SPAM: "},
		Directory: dir, Blobs: w, Store: w, Journal: journalOf{w}, Waker: w, Observer: w,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	late := policy("default", pipeline.Data)
	w.SetPolicies(&intake.Policies{
		Gate: &pipeline.Policy{Name: "gate"}, Default: "default",
		ByName: map[string]*pipeline.Policy{"default": late, "early": policy("early", pipeline.Rcpt)},
	})
	return w
}

func openDirectory(t testing.TB, path string) (*store.DB, *directory.Directory) {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	rows := db.Directory()
	dir, err := directory.New(t.Context(), directory.Config{Rows: rows, Entries: rows, Hostname: "mx.example"})
	if err != nil {
		t.Fatal(err)
	}
	return db, dir
}

var made struct {
	once sync.Once
	file []byte
}

// template is the database file of a new world, which is dear to make.
func template(t testing.TB) []byte {
	t.Helper()
	made.once.Do(func() { made.file = makeTemplate(t) })
	if made.file == nil {
		t.Fatal("no template")
	}
	return made.file
}

func makeTemplate(t testing.TB) []byte {
	path := filepath.Join(t.TempDir(), "db")
	db, dir := openDirectory(t, path)
	for name, disposition := range map[string]directory.Disposition{
		"early.example": "quarantine", "late.example": "quarantine", "junk.example": "junk", "tag.example": "tag",
	} {
		d := directory.Domain{Name: name, Disposition: disposition}
		if name == "early.example" {
			d.Policy = "early"
		}
		if _, err := dir.AddDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if _, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: mail.Path(w + "@" + name)}, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	addOutside(t, dir)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var client = mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mx.sender.example", ESMTP: true}

const letter = "X-Spam-Flag: NO\r\nAuthentication-Results: mx.example; spf=pass\r\n" +
	"Authentication-Results: other.example; spf=pass\r\nFrom: <a@sender.example>\r\nSubject: hello\r\n\r\nbody\r\n"

// ownLetter is what none@late.example sends, who has logged in.
const ownLetter = "From: <none@late.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@late.example>\r\nSubject: hello\r\n\r\nbody\r\n"

// send does one transaction and returns the answers: of each RCPT, then, where
// any was OK, of the end of data.
func (w *world) send(t *testing.T, to ...string) (answers []mail.Answer) {
	t.Helper()
	conv, v := w.Connect(t.Context(), client)
	defer conv.Close()
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	conv.Helo(t.Context(), client)
	tx, v := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	taken := false
	for _, rcpt := range to {
		v := tx.Rcpt(t.Context(), mail.Path(rcpt), mail.RcptParams{})
		answers = append(answers, v.Answer)
		taken = taken || v.Answer == mail.OK
	}
	if !taken {
		tx.Abort(mail.OK, "QUIT")
		return answers
	}
	v = tx.Data(t.Context(), mail.NewMessage([]byte(letter)), []byte("Received: test\r\n"))
	return append(answers, v.Answer)
}

func (w *world) kept() (kept []string) {
	for _, c := range w.commits {
		for _, d := range c.Deliveries {
			kept = append(kept, fmt.Sprintf("box %d%s", d.Box, d.Folder))
		}
		for _, h := range c.Held {
			kept = append(kept, "held "+string(h.Recipient))
		}
	}
	slices.Sort(kept)
	return kept
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name    string
		to      []string
		answers []mail.Answer
		kept    int // deliveries and holds
	}{
		{"delivered", []string{"none@late.example"}, []mail.Answer{mail.OK, mail.OK}, 1},
		{"refused at RCPT", []string{"reject@early.example"}, []mail.Answer{mail.Refused}, 0},
		{"deferred at RCPT, others go on", []string{"defer@early.example", "none@late.example"}, []mail.Answer{mail.Deferred, mail.OK, mail.OK}, 1},
		{"refused after the content", []string{"reject@late.example"}, []mail.Answer{mail.OK, mail.Refused}, 0},
		{"refused beside a taker is held", []string{"reject@late.example", "none@late.example"}, []mail.Answer{mail.OK, mail.OK, mail.OK}, 2},
		{"any deferred, nobody has it", []string{"none@late.example", "defer@late.example"}, []mail.Answer{mail.OK, mail.OK, mail.Deferred}, 0},
		{"spam", []string{"spam@late.example", "spam@junk.example", "spam@tag.example"}, []mail.Answer{mail.OK, mail.OK, mail.OK, mail.OK}, 3},
		{"discarded", []string{"discard@late.example"}, []mail.Answer{mail.OK, mail.OK}, 0},
		{"discarded at RCPT, and not told", []string{"discard@early.example"}, []mail.Answer{mail.OK, mail.OK}, 0},
		{"unknown mailbox, foreign domain", []string{"nobody@late.example", "x@elsewhere.example"}, []mail.Answer{mail.NoSuchMailbox, mail.NoRelay}, 0},
		{"one twice", []string{"none@late.example", "none@late.example"}, []mail.Answer{mail.OK, mail.OK, mail.OK}, 1},
		{"one by other spellings, held once", []string{"spam@late.example", "Spam@late.example", "spam+x@late.example"}, []mail.Answer{mail.OK, mail.OK, mail.OK, mail.OK}, 1},
		{"one by a sub-address", []string{"none@late.example", "none+tag@late.example"}, []mail.Answer{mail.OK, mail.OK, mail.OK}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if got := w.send(t, tt.to...); !slices.Equal(got, tt.answers) {
				t.Errorf("answers: got %v, want %v", got, tt.answers)
			}
			if got := w.kept(); len(got) != tt.kept {
				t.Errorf("kept: got %v, want %d", got, tt.kept)
			}
			if len(w.commits)+len(w.notes) != 1 {
				t.Errorf("%d commits and %d notes: each transaction leaves one record", len(w.commits), len(w.notes))
			}
		})
	}
}

// Content first, then the commit; whatever fails, nobody is told that it is taken
// and the journal says so.
func TestFailures(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name   string
		set    func(*world)
		answer mail.Answer
		calls  string
	}{
		{"nothing fails", func(*world) {}, mail.OK, "content commit"},
		{"content", func(w *world) { w.putErr = boom }, mail.Failed, "content"},
		{"disk full", func(w *world) { w.putErr = fmt.Errorf("put: %w", blob.ErrFull) }, mail.NoSpace, "content"},
		{"evidence", func(w *world) { w.writeErr = boom }, mail.Failed, "content"},
		{"commit", func(w *world) { w.commitErr = boom }, mail.Failed, "content commit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.set(w)
			answers := w.send(t, "none@late.example", "spam@late.example")
			if got := answers[len(answers)-1]; got != tt.answer {
				t.Errorf("answer: got %v, want %v", got, tt.answer)
			}
			if got := strings.Join(w.calls, " "); got != tt.calls {
				t.Errorf("calls: got %q, want %q", got, tt.calls)
			}
			if tt.answer != mail.OK && (len(w.notes) != 1 || len(w.woken) > 0) {
				t.Errorf("%d notes, woken %v; want 1 and none", len(w.notes), w.woken)
			}
		})
	}
}

// The copy that is served: ours on top, what was forged gone, the rest untouched.
func TestTraceFields(t *testing.T) {
	w := newWorld(t)
	w.send(t, "none@late.example", "spam@tag.example")
	content := mail.NewMessage([]byte(letter))
	for i, subject := range []string{"hello", "SPAM: hello"} {
		m := w.commits[0].Deliveries[i].View.Message(content)
		h := m.Header()
		if got := h.Get("Subject"); got != subject {
			t.Errorf("subject: got %q, want %q", got, subject)
		}
		if got := h.All("X-Spam-Flag"); len(got) != i || i == 1 && got[0] != "YES" {
			t.Errorf("X-Spam-Flag: got %q", got)
		}
		if got := h.All("Authentication-Results"); len(got) != 2 || got[1] != "other.example; spf=pass" {
			t.Errorf("Authentication-Results: got %q", got)
		}
		for _, name := range []string{"Return-Path", "Received", "X-Gatepost-Id", "X-Gatepost-Client", "X-Gatepost-Recipient", "X-Spam-Status"} {
			if h.Count(name) != 1 {
				t.Errorf("%s stands %d times", name, h.Count(name))
			}
		}
		b, err := io.ReadAll(m.Reader())
		if err != nil || !strings.HasSuffix(string(b), "From: <a@sender.example>\r\nSubject: "+subject+"\r\n\r\nbody\r\n") {
			t.Errorf("served: %q, %v", b, err)
		}
	}
}

// Another policy than the first recipient's is for a transaction of its own.
func TestSplitRecipients(t *testing.T) {
	w := newWorld(t)
	w.Config.SplitRecipients = true
	got := w.send(t, "none@late.example", "none@early.example", "none@junk.example")
	if want := []mail.Answer{mail.OK, mail.OtherPolicy, mail.OK, mail.OK}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, p := range w.Policies().ByName { // parts that differ, too
		p.Users = &pipeline.Policy{Name: p.Name}
	}
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), own, own.Login, mail.Params{})
	defer tx.Abort(mail.OK, "QUIT")
	for _, to := range []mail.Path{"none@late.example", "none@early.example"} {
		if v := tx.Rcpt(t.Context(), to, mail.RcptParams{}); v.Answer != mail.OK {
			t.Errorf("a log-in, %s: got %v, want it taken", to, v.Answer)
		}
	}
}

type fixed struct{ f pipeline.Finding }

func (f fixed) Check(context.Context, pipeline.Query) (pipeline.Finding, error) { return f.f, nil }

// A log-in sends under its own addresses only, and no filter for strangers judges it.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	own := client
	own.Login = "none@late.example"
	for from, want := range map[mail.Path]mail.Answer{
		"none@late.example": mail.OK, "none+x@late.example": mail.OK, "spam@late.example": mail.NotYours, "a@elsewhere.example": mail.NotYours,
	} {
		conv, _ := w.Connect(t.Context(), own)
		tx, v := conv.Mail(t.Context(), own, from, mail.Params{})
		if v.Answer != want {
			t.Errorf("from %s: got %v, want %v", from, v.Answer, want)
		}
		if tx != nil {
			if v := tx.Rcpt(t.Context(), "reject@early.example", mail.RcptParams{}); v.Answer != mail.OK {
				t.Errorf("a log-in was judged: %v", v)
			}
			tx.Abort(mail.OK, "QUIT")
		}
		conv.Close()
	}
}

// begin begins a transaction to one recipient.
func (w *world) begin(t *testing.T, to mail.Path) *intake.Transaction {
	t.Helper()
	conv, _ := w.Connect(t.Context(), client)
	t.Cleanup(conv.Close)
	tx, v := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
	if v.Answer == mail.OK {
		v = tx.Rcpt(t.Context(), to, mail.RcptParams{})
	}
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	return tx
}

// Behind what is read of a header nobody would see a forged field.
func TestHeaderWithoutEnd(t *testing.T) {
	w := newWorld(t)
	content := strings.Repeat("X-Pad: "+strings.Repeat("x", 900)+"\r\n", 300) + "Authentication-Results: mx.example; dkim=pass\r\n\r\nbody\r\n"
	v := w.begin(t, "none@late.example").Data(t.Context(), mail.NewMessage([]byte(content)), nil)
	if v.Answer != mail.Malformed || len(w.commits) != 0 || len(w.notes) != 1 {
		t.Errorf("got %v, %d commits, %d notes", v, len(w.commits), len(w.notes))
	}
}

type stuck struct{}

func (stuck) Check(ctx context.Context, _ pipeline.Query) (pipeline.Finding, error) {
	<-ctx.Done()
	return pipeline.Finding{}, ctx.Err()
}

// A shadow policy that hangs does not use up the time that keeping needs.
func TestShadowThatHangs(t *testing.T) {
	synctest.Test(t, testShadowThatHangs)
}

func testShadowThatHangs(t *testing.T) {
	w := newWorld(t)
	p := *w.Policies()
	def := *p.ByName["default"]
	def.Shadow = &pipeline.Policy{Name: "shadow", Entries: []*pipeline.Entry{{Name: "slow", Key: "slow", Filter: stuck{}, Timeout: 10 * time.Second,
		Kind: &pipeline.Kind{Name: "slow", Stage: pipeline.Data, Waits: true, Results: []pipeline.Result{{Word: "x"}}}}}}
	p.ByName = map[string]*pipeline.Policy{"default": &def}
	w.SetPolicies(&p)
	tx := w.begin(t, "none@late.example")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if v := tx.Data(ctx, mail.NewMessage([]byte(letter)), nil); v.Answer != mail.OK || ctx.Err() != nil {
		t.Errorf("got %v, and the time left is %v", v, ctx.Err())
	}
}

// A counter has words for labels, never what strangers or the disk say.
type labels struct {
	*world
	seen map[string]bool
}

func (l labels) Transaction(s string, _ float64) { l.seen[s] = true }

func TestLabels(t *testing.T) {
	w := newWorld(t)
	l := labels{w, map[string]bool{}}
	w.Observer = l
	for i := range 3 {
		w.begin(t, "none@late.example").Abort(mail.OK, fmt.Sprintf("spool: open incoming-%d", i))
	}
	if len(l.seen) != 1 || !l.seen["aborted"] {
		t.Errorf("labels: %v", l.seen)
	}
}

func TestLogLine(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&b, nil))
	w.send(t, "reject@early.example", "none@late.example")
	if !strings.Contains(b.String(), "outcomes=delivered,refused") {
		t.Error(b.String())
	}
	b.Reset() // content that can't be taken is no filter's doing
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), client, "a@client.example", mail.Params{})
	if v := tx.Rcpt(t.Context(), "accept@early.example", mail.RcptParams{}); v.Answer != mail.OK {
		t.Fatal(v)
	}
	tx.Abort(mail.Malformed, "bare CR or LF in content")
	if s := b.String(); !strings.Contains(s, `state=malformed reason="bare CR or LF in content"`) {
		t.Error(s)
	}
}

// What is held of what a log-in sends bears whose it is.
func TestHeldOfLogin(t *testing.T) {
	for _, login := range []mail.Path{"none@late.example", ""} {
		w := newWorld(t)
		for _, p := range w.Policies().ByName { // what is sent is judged as what comes
			p.Users = p
		}
		own := client
		own.Login = login
		conv, _ := w.Connect(t.Context(), own)
		tx, _ := conv.Mail(t.Context(), own, "none@late.example", mail.Params{})
		tx.Rcpt(t.Context(), "quarantine@late.example", mail.RcptParams{})
		if v := tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil); v.Answer != mail.OK {
			t.Fatal(v)
		}
		conv.Close()
		sender, _ := w.Directory.Snapshot().Mailbox(login)
		if held := w.commits[0].Held; len(held) != 1 || held[0].By != sender.ID || (sender.ID == 0) != (login == "") {
			t.Errorf("%q: held %+v, want by %d", login, held, sender.ID)
		}
	}
}

// A log-in is told in the copy (RFC 8601 §2.7.4).
func TestLoginIsTold(t *testing.T) {
	w := newWorld(t)
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), own, "none@late.example", mail.Params{})
	tx.Rcpt(t.Context(), "spam@late.example", mail.RcptParams{})
	m := mail.NewMessage([]byte(ownLetter))
	if v := tx.Data(t.Context(), m, nil); v.Answer != mail.OK {
		t.Fatal(v)
	}
	got := w.commits[0].Deliveries[0].View.Message(m).Header().Get("Authentication-Results")
	if want := "mx.example; auth=pass smtp.auth=none@late.example"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
