package intake_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/scripts"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
	"gatepost/pipeline"
)

// rules are a world's scripts, by box.
type rules struct {
	text  map[int64]string
	known map[string]bool
	err   error // of the store
	runs  int
	slow  func()
}

// race has the commit fail once, since another message was faster.
func (r *rules) race() error {
	if r.known["seen"] {
		return nil
	}
	r.known["seen"] = true
	return intake.ErrSame
}

func (r *rules) Has(box int64) bool { _, ok := r.text[box]; return ok }

func (r *rules) Active(_ context.Context, box int64) (*sieve.Script, int64, error) {
	if r.runs++; r.slow != nil {
		r.slow()
	}
	s, err := sieve.Compile(r.text[box])
	return s, 5, err
}

func (r *rules) Domain(text string, files bool) (*sieve.Script, error) {
	if r.runs++; r.slow != nil {
		r.slow()
	}
	return scripts.CompileDomain(text, files)
}

func (r *rules) Include(context.Context, int64, bool, string) (*sieve.Script, error) {
	return nil, r.err
}

func (r *rules) Folders(context.Context, int64) ([]mailbox.Folder, error) {
	return []mailbox.Folder{{Name: "INBOX"}, {Name: "Junk", Use: mailbox.Junk}, {Name: "Work"}, {Name: "Quarantine", Use: mailbox.Quarantine}}, r.err
}

func (r *rules) Recalls(_ context.Context, _ int64, id string, _ time.Time) (bool, error) {
	word, _, _ := strings.Cut(id, " ")
	return r.known[word], r.err
}

// A proof is who the sender is proven to be.
type proof string

func (p proof) Proven(context.Context, *pipeline.Transaction) (how, spf string, err error) {
	return string(p), "none", nil
}

// newRulesWorld is newOutWorld with rules.
func newRulesWorld(t *testing.T) (*world, *outside, *directory.Directory, *rules) {
	w, o, dir := newOutWorld(t)
	r := &rules{text: map[int64]string{}, known: map[string]bool{}}
	w.Rules, w.Letters, w.Prover = r, o, proof("spf")
	var err error
	if w.Words, err = intake.NewWords(); err != nil {
		t.Fatal(err)
	}
	return w, o, dir, r
}

// set gives a mailbox a script.
func (r *rules) set(t *testing.T, dir *directory.Directory, address mail.Path, text string) {
	t.Helper()
	box, ok := dir.Snapshot().Mailbox(address)
	if !ok {
		t.Fatalf("no mailbox %s", address)
	}
	r.text[box.ID] = `require ["fileinto","copy","mailbox","imap4flags","reject","ereject","vacation","duplicate","editheader","virustest","envelope","environment","relational","comparator-i;ascii-numeric","special-use","include","variables"];`
	if strings.Contains(text, "spamtest") {
		r.text[box.ID] += `require "spamtest";`
	}
	r.text[box.ID] += text
}

// became describes what a commit has.
func became(c *intake.Commit) string {
	var all []string
	for _, d := range c.Deliveries {
		s := "in " + d.Folder
		if d.Folder == "" {
			s = "in INBOX"
		}
		if d.Again {
			s += " too"
		}
		if d.Create {
			s += " made"
		}
		all = append(all, strings.TrimSpace(s+" "+strings.Join(d.Flags, " ")))
	}
	for _, tr := range c.Transfers {
		s := fmt.Sprintf("to %s, %s", tr.Recipient, tr.Destination)
		if strings.HasPrefix(string(tr.Message.Sender), "SRS0=") {
			s += ", SRS"
		}
		if tr.Hold {
			s += ", held"
		}
		all = append(all, s)
	}
	for _, a := range c.Answers {
		id, _, _ := strings.Cut(a.Once.ID, " ")
		all = append(all, fmt.Sprintf("letter to %s, %s", a.Transfer.Recipient, id))
	}
	for _, m := range c.Remember {
		if strings.HasPrefix(m.ID, "seen ") {
			all = append(all, "remembered")
		}
	}
	return strings.Join(all, "; ")
}

const away = `vacation :days 3 "away";`

func TestRules(t *testing.T) {
	const sent = "to x@far.example, mx:far.example by late.example, SRS"
	tests := []struct {
		name, script string
		to           string // "": none@late.example
		header       string // more of the message
		proof        proof  // "none": nobody is proven
		known        string // what the box remembers
		want         string
		answer       mail.Answer
		mute         bool
		deliveredTo  string // stays in what is sent on
	}{
		{name: "nothing is asked for", script: `if false { discard; }`, want: "in INBOX"},
		{name: "filed", script: `fileinto "Work";`, want: "in Work"},
		{name: "into some folders", script: `fileinto :copy "Work"; fileinto :create :copy "New"; keep :flags "\\Seen";`, want: `in Work; in New too made; in INBOX too \Seen`},
		{name: "by its use", script: `fileinto :specialuse "\\Junk" "Spam";`, want: "in Junk"},
		{name: "flags", script: `addflag ["\\Flagged", "$Work"]; fileinto "Work";`, want: `in Work \Flagged $Work`},
		{name: "flags that nobody can have", script: `keep :flags ["\\Recent", "\\Seen"];`, want: `in INBOX \Seen`},
		{name: "the folder of what is held", script: `if not mailboxexists "Quarantine" { keep :flags "x"; }`, want: "in INBOX x"},
		{name: "discarded", script: `discard;`, want: ""},
		{name: "sent on", script: `redirect "x@far.example";`, want: sent},
		{name: "sent on, and kept", script: `redirect :copy "x@far.example";`, want: "in INBOX; " + sent},
		{name: "sent on for who is not proven", script: `redirect "x@far.example";`, proof: "none", want: sent + ", held"},
		{name: "a loop ends in the inbox", script: `redirect "x@far.example";`, want: "in INBOX",
			header: "Received: from a by mx.example with ESMTP\r\nDelivered-To: none@late.example\r\n"},
		{name: "a loop whose trace another mailbox took away", script: `deleteheader "Delivered-To"; redirect "x@far.example";`, want: sent, deliveredTo: "b@late.example",
			header: "Received: from a by mx.example with ESMTP\r\nDelivered-To: b@late.example\r\n"},
		{name: "a long way by mailboxes ends in the inbox", script: `redirect "x@far.example";`, want: "in INBOX", header: strings.Repeat("Delivered-To: b@late.example\r\n", 10)},
		{name: "a claim is no loop", script: `redirect "x@far.example";`, want: sent, header: "Delivered-To: none@late.example\r\n"},
		{name: "to itself", script: `redirect "None+x@late.example";`, want: "in INBOX"},
		{name: "spam is not sent on", script: `redirect "x@far.example";`, to: "spam@tag.example", want: "in INBOX"},
		{name: "junk goes to Junk", script: `fileinto "Work";`, to: "spam@junk.example", want: `in \Junk`},
		{name: "but for who looks at it", script: `if spamtest :value "ge" :comparator "i;ascii-numeric" "6" { fileinto "Work"; }`, to: "spam@junk.example", want: "in Work"},
		{name: "a rule that looks at it leaves it there", script: `if spamtest "0" { keep; }`, to: "spam@junk.example", want: `in \Junk`},
		{name: "no spam is less than 6", script: `if spamtest :value "lt" :comparator "i;ascii-numeric" "6" { fileinto "Work"; }`, want: "in Work"},
		{name: "accepted is 1", script: `if spamtest "1" { fileinto "Work"; }`, to: "accept@late.example", want: "in Work"},
		{name: "answered", script: away, header: "To: none@late.example\r\n", want: "in INBOX; letter to a@sender.example, answered"},
		{name: "answered before", script: away, header: "To: none@late.example\r\n", known: "answered", want: "in INBOX"},
		{name: "not to who is not proven", script: away, header: "To: none@late.example\r\n", proof: "none", want: "in INBOX"},
		{name: "not to lists", script: away, header: "To: none@late.example\r\nList-Id: <l.example>\r\n", want: "in INBOX"},
		{name: "not to programs", script: away, header: "To: none@late.example\r\nAuto-Submitted: auto-generated\r\n", want: "in INBOX"},
		{name: "not to who wrote to others", script: away, want: "in INBOX"},
		{name: "not to spam", script: away, to: "spam@tag.example", header: "To: spam@tag.example\r\n", want: "in INBOX"},
		{name: "remembered", script: `if duplicate { discard; }`, header: "Message-ID: <1@sender.example>\r\n", want: "in INBOX; remembered"},
		{name: "known again", script: `if duplicate { discard; }`, header: "Message-ID: <1@sender.example>\r\n", known: "seen", want: ""},
		{name: "refused", script: `reject "no, thanks";`, answer: mail.Refused},
		{name: "who has it sent back beside others", script: `reject "no";`, to: "none@late.example,accept@late.example", want: "in INBOX; to a@sender.example, mx:report"},
		{name: "sent back to nobody", script: `reject "no";`, to: "none@late.example,accept@late.example", mute: true, want: `in INBOX; in \Junk`},
		{name: "not sent back to who is not proven", script: `reject "no";`, to: "none@late.example,accept@late.example", proof: "none", want: `in \Junk; in INBOX`},
		{name: "a fault", script: `include :personal "none"; discard;`, want: "in INBOX; letter to none@late.example, fault"},
		{name: "a fault that was told", script: `include :personal "none"; discard;`, known: "fault", want: "in INBOX"},
		{name: "a script that is none", script: `nonsense;`, want: "in INBOX; letter to none@late.example, fault"},
		{name: "too many redirects", script: `redirect "1@far.example"; redirect "2@far.example"; redirect "3@far.example"; redirect "4@far.example"; redirect "5@far.example";`,
			want: "in INBOX; letter to none@late.example, fault"},
		{name: "the envelope", script: `if allof(envelope "from" "a@sender.example", envelope "to" "none+tag@late.example", environment "remote-ip" "192.0.2.7", environment "phase" "during") { fileinto "Work"; }`,
			to: "none+tag@late.example", want: "in Work"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, o, dir, r := newRulesWorld(t)
			o.mute = tt.mute
			if tt.proof == "none" {
				tt.proof = ""
				w.Prover = tt.proof
			}
			r.known[tt.known] = true
			to := strings.Split(tt.to, ",")
			if tt.to == "" {
				to[0] = "none@late.example"
			}
			r.set(t, dir, mail.Path(to[0]).Base(), tt.script)
			got := w.deliver(t, tt.header+letter, to...)
			if got.Answer != tt.answer {
				t.Fatalf("answer %v", got)
			}
			if tt.answer != mail.OK {
				if len(w.commits) > 0 || len(w.notes) != 1 || got.Reason != "no, thanks" || w.notes[0].State != "refused" {
					t.Errorf("%d commits, %d notes, %v", len(w.commits), len(w.notes), got)
				}
				return
			}
			if len(w.commits) != 1 {
				t.Fatalf("%d commits", len(w.commits))
			}
			if got := became(w.commits[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, tr := range w.commits[0].Transfers {
				if tt.deliveredTo != "" && !strings.Contains(string(tr.Message.View.Prefix), "Delivered-To: "+tt.deliveredTo) {
					t.Errorf("sent on with %q", tr.Message.View.Prefix)
				}
			}
			for _, d := range w.commits[0].Deliveries {
				if d.Blob != "blob-1" {
					t.Errorf("content %q in %s", d.Blob, d.Folder)
				}
			}
		})
	}
}

// Two messages at the same instant: the commit of the second says that the first was faster, and its
// rules are asked again, in the transaction and from the queue.
func TestRulesDuplicateAtOnce(t *testing.T) {
	const once = "Message-ID: <1@sender.example>\r\n"
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `if anyof(duplicate, duplicate :seconds 60) { fileinto "Work"; }`)
	w.race = r.race
	if got := w.deliver(t, once+letter, "none@late.example"); got.Answer != mail.OK || len(w.commits) != 1 || became(w.commits[0]) != "in Work" {
		t.Errorf("got %v, %d commits, %s", got, len(w.commits), became(w.commits[0]))
	}
	r.known = map[string]bool{}
	w.race, w.commits = nil, nil
	w.deliver(t, once+letter, "none@late.example")
	if got := w.commits[0].Remember; len(got) != 1 || !got[0].New || got[0].Expires.Sub(got[0].Time) != 7*24*time.Hour {
		t.Errorf("remembered %+v", got)
	}
	box, _ := dir.Snapshot().Mailbox("none@late.example")
	store := &local{race: r.race}
	m := &queue.Message{ID: "m", Tx: "tx", Sender: "a@sender.example", Blob: "blob-7"}
	tr := &queue.Transfer{Message: m, Recipient: "none@late.example", Destination: queue.Local, Boxes: []int64{box.ID}}
	job := queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte(once + letter)), Transfers: []*queue.Transfer{tr}}
	if got := (intake.Local{In: w.Intake, Store: store}).Carry(t.Context(), job).Results[0]; got.Fate != queue.Carried || len(store.commits) != 1 || became(store.commits[0]) != "in Work" {
		t.Errorf("from the queue: %+v, %d commits", got, len(store.commits))
	}
}

// deliver sends one message and returns the last answer.
func (w *world) deliver(t *testing.T, message string, to ...string) mail.Verdict {
	t.Helper()
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	conv.Helo(t.Context(), client)
	tx, _ := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
	for _, rcpt := range to {
		if v := tx.Rcpt(t.Context(), mail.Path(rcpt), mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(rcpt, v)
		}
	}
	return tx.Data(t.Context(), mail.NewMessage([]byte(message)), []byte("Received: from mx.sender.example by mx.example\r\n"))
}

// A client waits for so long and no longer: what is left comes by the queue, and its rules run
// there.
func TestRulesTakeTooLong(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	to := []string{"none@late.example", "accept@late.example", "tag@late.example"}
	for _, address := range to {
		r.set(t, dir, mail.Path(address), `fileinto "Work";`)
	}
	r.slow = func() { now = now.Add(4 * time.Second) }
	if got := w.deliver(t, letter, to...); got.Answer != mail.OK {
		t.Fatal(got)
	}
	c := w.commits[0]
	if got := became(c); got != "in Work; in Work; to tag@late.example, local" {
		t.Fatalf("got %s", got)
	}
	box, _ := dir.Snapshot().Mailbox("tag@late.example")
	if tr := c.Transfers[0]; !tr.Params.Notify.Wants(mail.NotifyFailure) || tr.Params.Notify.Wants(mail.NotifySuccess) {
		t.Errorf("its sender would not hear that it comes back: %v", tr.Params.Notify)
	}
	if tr := c.Transfers[0]; len(tr.Boxes) != 1 || tr.Boxes[0] != box.ID || tr.Judged.Proof != "spf" || !tr.Judged.Known || tr.Message.Blob != "blob-1" || r.runs != 2 {
		t.Errorf("after %d runs %+v", r.runs, tr)
	}
}

// What the store can't tell is no fault of a script: the message stays with the client.
func TestRulesWithoutStore(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `if mailboxexists "Work" { fileinto "Work"; }`)
	r.err = errors.New("away")
	if got := w.deliver(t, letter, "none@late.example"); got.Answer != mail.Failed || len(w.commits) > 0 {
		t.Errorf("got %v, %d commits", got, len(w.commits))
	}
}

// A changed header is what the folder and the other server get; the content stays as it came.
func TestRulesEditHeader(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `deleteheader "Subject"; addheader "Subject" "bye"; fileinto :copy "Work"; addheader "X-Way" "on"; redirect "x@far.example";`)
	w.deliver(t, letter, "none@late.example")
	c := w.commits[0]
	content := mail.NewMessage([]byte(letter))
	d, tr := c.Deliveries[0], c.Transfers[0]
	for what, v := range map[string]struct {
		view mail.View
		size int64
		want map[string]string
	}{
		"filed":   {d.View, d.Size, map[string]string{"Subject": "bye", "X-Way": "", "Return-Path": "<a@sender.example>", "From": "<a@sender.example>", "X-Spam-Flag": "", "Delivered-To": ""}},
		"sent on": {tr.Message.View, tr.Message.Size, map[string]string{"Subject": "bye", "X-Way": "on", "Return-Path": "", "X-Gatepost-Recipient": "", "Delivered-To": "none@late.example"}},
	} {
		m := v.view.Message(content)
		for name, want := range v.want {
			if got := m.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", what, name, got, want)
			}
		}
		text := make([]byte, m.Size())
		m.ReadAt(text, 0)
		if !strings.HasSuffix(string(text), "\r\n\r\nbody\r\n") || strings.Count(string(text), "\r\n\r\n") != 1 || v.size != m.Size() {
			t.Errorf("%s: size %d, want %d: %q", what, v.size, m.Size(), text)
		}
	}
	if !strings.Contains(string(d.Envelope), `"bye"`) {
		t.Errorf("envelope %s", d.Envelope)
	}
}

// Days are those of the domain's zone, or else of the configuration's.
func TestRulesZone(t *testing.T) {
	for _, c := range []struct{ own, config, want string }{
		{"", "", "in INBOX"}, {"", "Pacific/Auckland", "in Work"}, {"UTC", "Pacific/Auckland", "in INBOX"}, {"Pacific/Auckland", "", "in Work"},
	} {
		w, _, dir, r := newRulesWorld(t)
		w.Now = func() time.Time { return time.Date(2026, 12, 23, 20, 0, 0, 0, time.UTC) }
		w.Config.Zone = c.config
		if _, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.Zone = c.own; return nil }); err != nil {
			t.Fatal(err)
		}
		r.set(t, dir, "none@late.example", `require "date"; if currentdate :value "ge" "date" "2026-12-24" { fileinto "Work"; }`)
		w.deliver(t, letter, "none@late.example")
		if got := became(w.commits[0]); got != c.want {
			t.Errorf("own zone %q, the configuration's %q: %s, want %s", c.own, c.config, got, c.want)
		}
	}
}

// The journal says what the rules did, by line.
func TestRulesExplained(t *testing.T) {
	w, o, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", "\nif true {\n fileinto \"Work\"; }\nvacation \"away\";")
	e, err := w.Explain(t.Context(), client, "a@sender.example", []string{"none@late.example"}, mail.NewMessage([]byte("To: none@late.example\r\n"+letter)))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, s := range e.Walks[len(e.Walks)-1].Steps {
		if s.Filter == "sieve" {
			said = append(said, s.Result+": "+s.Reason)
		}
	}
	want := "fileinto: filed into Work by the rules of none@late.example, line 3\nvacation: answered by the rules of none@late.example, line 4"
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(o.letters)+len(w.commits) > 0 {
		t.Error("something was sent")
	}
	r.set(t, dir, "none@late.example", `reject "no";`)
	e, err = w.Explain(t.Context(), client, "a@sender.example", []string{"none@late.example"}, mail.NewMessage([]byte(letter)))
	if err != nil || e.Verdict.Answer != mail.Refused {
		t.Errorf("got %v, %v", e, err)
	}
}

// Of a message for more mailboxes than the commit takes the queue runs the scripts, each once,
// with what was known when it came.
func TestRulesFromQueue(t *testing.T) {
	w, o, dir, r := newRulesWorld(t)
	script := map[mail.Path]string{
		"none@late.example":   `if allof(spamtest "1", environment "phase" "post") { fileinto "Work"; } redirect :copy "x@far.example";` + away,
		"accept@late.example": `reject "no";`, "tag@late.example": `discard;`, "junk@late.example": "",
	}
	m := &queue.Message{ID: "m", Tx: "tx", Sender: "a@sender.example", Blob: "blob-7"}
	tr := &queue.Transfer{Message: m, Recipient: "all@late.example", Destination: queue.Local, Judged: queue.Judged{Proof: "spf", Known: true}}
	for _, address := range []mail.Path{"none@late.example", "accept@late.example", "tag@late.example", "junk@late.example"} {
		box, _ := dir.Snapshot().Mailbox(address)
		tr.Boxes = append(tr.Boxes, box.ID)
		if script[address] != "" {
			r.set(t, dir, address, script[address])
		}
	}
	carry := func() *intake.Commit {
		store := &local{}
		job := queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte("To: all@late.example\r\n" + letter)), Transfers: []*queue.Transfer{tr}}
		if got := (intake.Local{In: w.Intake, Store: store}).Carry(t.Context(), job).Results[0]; got.Fate != queue.Carried || len(store.commits) != 1 {
			t.Fatalf("got %+v, %d commits", got, len(store.commits))
		}
		return store.commits[0]
	}
	c := carry()
	want := "in Work; in INBOX; to x@far.example, mx:far.example by late.example, SRS; to a@sender.example, mx:report; letter to a@sender.example, answered"
	if got := became(c); got != want || r.runs != 3 || c.Transfers[0].Message.Blob != "blob-7" || c.Transfers[1].Message.Blob != "report: no" {
		t.Errorf("after %d runs got\n%s\nwant\n%s", r.runs, got, want)
	}
	if len(c.Events) != 3 || !strings.Contains(c.Events[0].Reply.Text, "filed into Work") {
		t.Errorf("events %+v", c.Events)
	}
	tr.Judged, o.letters = queue.Judged{Proof: ""}, nil
	if got := became(carry()); got != `in INBOX; in \Junk; in INBOX; to x@far.example, mx:far.example by late.example, SRS, held` || len(o.letters) > 0 {
		t.Errorf("not proven: got %s", got)
	}
	// What somebody released is wanted, whatever rules say.
	tr.Judged, tr.Released = queue.Judged{Proof: "spf"}, "held"
	if got := became(carry()); got != "in INBOX; in INBOX; in INBOX; in INBOX; to x@far.example, mx:far.example by late.example, SRS" {
		t.Errorf("released: got %s", got)
	}
}

// A mailbox whose rules have sent on enough keeps what comes.
func TestRulesOnwardLimit(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	box, _ := dir.Snapshot().Mailbox("none@late.example")
	w.Allowance = enough{box.ID, "second@far.example"}
	r.set(t, dir, "none@late.example", `redirect "x@far.example"; redirect "second@far.example";`)
	if got := w.deliver(t, letter, "none@late.example"); got.Answer != mail.OK || len(w.commits) != 1 {
		t.Fatalf("got %v, %d commits", got, len(w.commits))
	}
	if got, want := became(w.commits[0]), "in INBOX; to x@far.example, mx:far.example by late.example, SRS"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// enough is an Allowance that has a mailbox send nothing on to one address.
type enough struct {
	box int64
	to  mail.Path
}

func (enough) Begin(mail.Path) mail.Verdict     { return mail.Verdict{} }
func (enough) Rcpt(_, _ mail.Path) mail.Verdict { return mail.Verdict{} }
func (enough) Wrong(mail.Path)                  {}
func (e enough) Onward(box int64, to mail.Path) string {
	if box == e.box && to == e.to {
		return "it has sent on enough"
	}
	return ""
}
