package intake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// carryLocal has the queue bring a message to mailboxes and returns the one commit.
func carryLocal(t *testing.T, w *world, tr *queue.Transfer, header string) *intake.Commit {
	t.Helper()
	store := &local{}
	tr.Destination = queue.Local
	job := queue.Job{Destination: queue.Local, Message: tr.Message, Content: mail.NewMessage([]byte(header + letter)), Transfers: []*queue.Transfer{tr}}
	if got := (intake.Local{In: w.Intake, Store: store}).Carry(t.Context(), job).Results[0]; got.Fate != queue.Carried || len(store.commits) != 1 {
		t.Fatalf("got %+v, %d commits", got, len(store.commits))
	}
	return store.commits[0]
}

// A list's owner hears of no member who is away: a list is answered by nobody (RFC 3834 §2). What a
// member sends on and can't be delivered is his to know.
func TestVacationNotToLists(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	_, err := dir.AddAlias(t.Context(), directory.Alias{
		Address: "team@late.example", Kind: directory.Distribution, Post: directory.PostAll, Owner: "accept@late.example", Targets: []mail.Path{"none@late.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.set(t, dir, "none@late.example", away+`redirect :copy "x@far.example"; redirect :copy "tag@late.example";`)
	const header = "To: team@late.example, none@late.example\r\n"
	const want = "in INBOX; to x@far.example, mx:far.example by late.example; to tag@late.example, mx:late.example by late.example"
	w.deliver(t, header+letter, "team@late.example")
	if got := became(w.commits[0]); got != want {
		t.Errorf("in the transaction: got %s", got)
	}
	for _, tr := range w.commits[0].Transfers {
		if tr.Message.Sender != "accept@late.example" || tr.Judged.Proof != queue.OfList {
			t.Errorf("sent on from %s, proven by %q", tr.Message.Sender, tr.Judged.Proof)
		}
	}
	box, _ := dir.Snapshot().Mailbox("none@late.example")
	for name, tr := range map[string]*queue.Transfer{
		"from the queue":         {Message: &queue.Message{ID: "m", Sender: "accept@late.example"}, Recipient: "team@late.example", Boxes: []int64{box.ID}, Judged: queue.Judged{Proof: queue.OfList}},
		"found in the queue":     {Message: &queue.Message{ID: "m", Sender: "a@sender.example"}, Recipient: "team@late.example", Judged: queue.Judged{Proof: "spf"}},
		"what is left of that":   {Message: &queue.Message{ID: "m", Sender: "a@sender.example"}, Recipient: "team@late.example", Boxes: []int64{box.ID}, Judged: queue.Judged{Proof: "spf"}},
		"sent on, from the list": {Message: &queue.Message{ID: "m", Sender: "accept@late.example"}, Recipient: "none@late.example", Judged: queue.Judged{Proof: queue.OfList}},
	} {
		c := carryLocal(t, w, tr, header)
		if got := became(c); got != want {
			t.Errorf("%s: got %s", name, got)
		}
		if got := c.Deliveries[0].View.Message(mail.NewMessage([]byte(letter))).Header().Get("Return-Path"); got != "<accept@late.example>" {
			t.Errorf("%s: Return-Path %s", name, got)
		}
	}
}

// A list is a sender of its own: what the sender wants to hear is not asked in its owner's name (RFC
// 3461 §5.2.7.2), also where members get their copy from the queue.
func TestListAsksForNothing(t *testing.T) {
	w, o, dir, _ := newRulesWorld(t)
	var members []mail.Path
	for _, word := range words {
		members = append(members, mail.Path(word+"@late.example"), mail.Path(word+"@early.example"))
	}
	for i := range 51 - len(members) {
		a := mail.Path(strings.Repeat("m", i+1) + "@late.example")
		if _, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: a}, ""); err != nil {
			t.Fatal(err)
		}
		members = append(members, a)
	}
	_, err := dir.AddAlias(t.Context(), directory.Alias{
		Address: "accept+team@late.example", Kind: directory.Distribution, Post: directory.PostAll, Owner: "none@late.example", Targets: members,
	})
	if err != nil {
		t.Fatal(err)
	}
	tx := w.beginAsking(t)
	tx.Rcpt(t.Context(), "accept+team@late.example", mail.RcptParams{Notify: mail.NotifySuccess})
	tx.Data(t.Context(), mail.NewMessage([]byte(letterOf("none@early.example"))), nil)
	tr := w.commits[0].Transfers[0]
	if tr.Params != (mail.RcptParams{}) || tr.Message.Params.EnvelopeID+tr.Message.Params.Return != "" || tr.Message.Sender != "none@late.example" {
		t.Errorf("got %+v, %+v", tr.Params, tr.Message)
	}
	if !slices.Equal(o.success, []string{"accept+team@late.example"}) {
		t.Errorf("success was told of %q", o.success)
	}
}

// beginAsking begins a transaction of somebody who has logged in, so that success is told to him.
func (w *world) beginAsking(t *testing.T) *intake.Transaction {
	t.Helper()
	sender := client
	sender.Login = "none@early.example"
	conv, _ := w.Connect(t.Context(), sender)
	t.Cleanup(conv.Close)
	tx, v := conv.Mail(t.Context(), sender, "none@early.example", mail.Params{Return: "HDRS", EnvelopeID: "e1"})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	return tx
}

// What rules send on goes under the wishes of its sender (RFC 3461 §5.2.7.1), and with what was
// found out of him.
func TestRedirectAsks(t *testing.T) {
	never := mail.RcptParams{Notify: mail.NotifyNever, Original: "rfc822;o@late.example"}
	success := mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyFailure}
	for name, tt := range map[string]struct {
		script string
		asked  mail.RcptParams
		want   []mail.Notify
		told   bool // that it is in the mailbox
	}{
		"never":                 {`redirect "x@far.example";`, never, []mail.Notify{mail.NotifyNever}, false},
		"success":               {`redirect "x@far.example"; redirect "y@far.example";`, success, []mail.Notify{success.Notify, mail.NotifyFailure}, false},
		"success, and kept too": {`redirect :copy "x@far.example";`, success, []mail.Notify{mail.NotifyFailure}, true},
		"nothing":               {`redirect "x@far.example";`, mail.RcptParams{}, []mail.Notify{0}, false},
	} {
		for _, queued := range []bool{false, true} {
			w, o, dir, r := newRulesWorld(t)
			r.set(t, dir, "none@late.example", tt.script)
			var c *intake.Commit
			if queued {
				m := &queue.Message{ID: "m", Sender: "none@early.example", Params: mail.Params{Return: "HDRS", EnvelopeID: "e1"}}
				c = carryLocal(t, w, &queue.Transfer{Message: m, Recipient: "none@late.example", Params: tt.asked, Judged: queue.Judged{Proof: "spf"}}, "")
			} else {
				tx := w.beginAsking(t)
				tx.Rcpt(t.Context(), "none@late.example", tt.asked)
				tx.Data(t.Context(), mail.NewMessage([]byte(letterOf("none@early.example"))), nil)
				c = w.commits[0]
			}
			var got []mail.Notify
			for _, tr := range c.Transfers {
				if tr.Message.ID == "report" {
					continue
				}
				got = append(got, tr.Params.Notify)
				if m := tr.Message; m.Params.EnvelopeID != "e1" || m.Params.Return != "HDRS" || tr.Params.Original != tt.asked.Original || tr.Judged.Proof != "spf" {
					t.Errorf("%s: %+v of %+v", name, tr, m)
				}
			}
			if !slices.Equal(got, tt.want) || (len(o.success) > 0) != tt.told {
				t.Errorf("%s, queued %v: asks %v, want %v; success told of %q", name, queued, got, tt.want, o.success)
			}
		}
	}
}

// A sender hears of one thing: what rules send back from the queue is no success for him, what they
// throw away neither, and who wants no reports gets none: his mail is in Junk.
func TestRejectedIsNoSuccess(t *testing.T) {
	const both = mail.NotifySuccess | mail.NotifyFailure
	for name, tt := range map[string]struct {
		script string
		asked  mail.Notify
		to     int // mailboxes
		want   string
		told   int // of success
	}{
		"sent back":                 {`reject "no";`, both, 1, "to a@sender.example, mx:report", 0},
		"sent back, others have it": {`reject "no";`, both, 2, "in INBOX; to a@sender.example, mx:report", 0},
		"thrown away":               {`discard;`, both, 1, "", 0},
		"thrown away, others have":  {`discard;`, both, 2, "in INBOX; to a@sender.example, local", 1},
		"kept":                      {`keep;`, both, 1, "in INBOX; to a@sender.example, local", 1},
		"wants to hear of nothing":  {`reject "no";`, mail.NotifyNever, 1, `in \Junk`, 0},
	} {
		w, o, dir, r := newRulesWorld(t)
		r.set(t, dir, "none@late.example", tt.script)
		tr := &queue.Transfer{Message: &queue.Message{ID: "m", Sender: "a@sender.example"}, Recipient: "both@late.example", Params: mail.RcptParams{Notify: tt.asked}, Judged: queue.Judged{Proof: "spf"}}
		for _, address := range []mail.Path{"none@late.example", "tag@late.example"}[:tt.to] {
			box, _ := dir.Snapshot().Mailbox(address)
			tr.Boxes = append(tr.Boxes, box.ID)
		}
		if got := became(carryLocal(t, w, tr, "")); got != tt.want || len(o.success) != tt.told {
			t.Errorf("%s: got %s, want %s; success told of %q", name, got, tt.want, o.success)
		}
	}
}

// Success that was asked for is told also where the rules of a mailbox run from the queue.
func TestLaterTellsOfSuccess(t *testing.T) {
	w, o, dir, r := newRulesWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	r.set(t, dir, "none@late.example", `keep;`)
	r.set(t, dir, "tag@late.example", `keep;`)
	r.slow = func() { now = now.Add(time.Minute) }
	tx := w.beginAsking(t)
	for _, to := range []mail.Path{"none@late.example", "tag@late.example"} {
		tx.Rcpt(t.Context(), to, mail.RcptParams{Notify: mail.NotifySuccess})
	}
	tx.Data(t.Context(), mail.NewMessage([]byte(letterOf("none@early.example"))), nil)
	c := w.commits[0]
	if !slices.Equal(o.success, []string{"none@late.example"}) || c.Transfers[0].Recipient != "tag@late.example" || c.Transfers[0].Params.Notify != mail.NotifySuccess {
		t.Errorf("told of %q, asks %v", o.success, c.Transfers[0].Params)
	}
}

// What has no sender, and can't be delivered where an address of ours leads, is held: nobody would hear
// of it. What goes back to who sent it through here is not.
func TestRefusedWithoutSenderIsHeld(t *testing.T) {
	w, _, _, _ := newRulesWorld(t)
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	conv.Helo(t.Context(), client)
	tx, _ := conv.Mail(t.Context(), client, "", mail.Params{})
	back, err := w.SRS.Forward("far@elsewhere.example", "late.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []mail.Path{"away@late.example", "x@hosted.example", back} {
		if v := tx.Rcpt(t.Context(), to, mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(to, v)
		}
	}
	tx.Data(t.Context(), mail.NewMessage([]byte(letterOf("none@early.example"))), nil)
	got := map[mail.Path]bool{}
	for _, tr := range w.commits[0].Transfers {
		got[tr.Recipient] = tr.Hold
	}
	if len(got) != 3 || !got["ann@elsewhere.example"] || !got["x@hosted.example"] || got["far@elsewhere.example"] {
		t.Errorf("held: %v", got)
	}
}

// Mailboxes that send to each other make no thousands of one message: each sends it to an address once,
// and what comes back for that is not kept either, since it is there.
func TestRedirectOnce(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `redirect "x@far.example";`)
	const back = "Message-ID: <1@sender.example>\r\nDelivered-To: tag@late.example\r\n"
	carry := func(header string, released string) *intake.Commit {
		m := &queue.Message{ID: "m", Tx: "tx", Sender: "a@sender.example", Blob: "blob-7"}
		return carryLocal(t, w, &queue.Transfer{Message: m, Recipient: "none@late.example", Released: released, Judged: queue.Judged{Proof: "spf"}}, header)
	}
	const sent = "to x@far.example, mx:far.example by late.example, SRS"
	c := carry(back, "")
	if len(c.Remember) != 1 || !c.Remember[0].New || became(c) != sent {
		t.Fatalf("first: %s, remembered %+v", became(c), c.Remember)
	}
	other := carry("Message-ID: <2@sender.example>\r\n", "")
	if other.Remember[0].ID == c.Remember[0].ID || other.Remember[0].New {
		t.Errorf("another message about the same transaction: %+v", other.Remember)
	}
	r.known["onward"] = true
	for name, tt := range map[string]struct{ header, released, want string }{
		"again":         {back, "", ""},
		"not from here": {"", "", sent},
		"released":      {back, "held", sent},
	} {
		if got := became(carry(tt.header, tt.released)); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// The rules of a mailbox that gets what another one sent on see the address that it was sent to.
func TestRedirectedTo(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `if envelope "to" "none@late.example" { fileinto "Work"; }`+away)
	m := &queue.Message{ID: "m", Tx: "tx", Sender: "a@sender.example", Blob: "blob-7"}
	tr := &queue.Transfer{Message: m, Recipient: "none@late.example", For: []mail.Path{"tag@late.example"}, Judged: queue.Judged{Proof: "spf"}}
	if got := became(carryLocal(t, w, tr, "To: tag@late.example\r\n")); got != "in Work" {
		t.Errorf("got %s", got)
	}
}

// Who has rules that can't run is told in his language, else in that of his domain.
func TestFaultInOwnLanguage(t *testing.T) {
	for language, want := range map[[2]string]string{
		{"", ""}: "Your mail rules could not run", {"fr-CA", "en"}: "Vos règles de tri n’ont pas pu s’exécuter", {"", "fr"}: "Vos règles de tri n’ont pas pu s’exécuter",
	} {
		w, o, dir, r := newRulesWorld(t)
		_, err := dir.ChangeMailbox(t.Context(), "none@late.example", func(m *directory.Mailbox) error { m.Language = language[0]; return nil })
		if err != nil {
			t.Fatal(err)
		}
		_, err = dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.Language = language[1]; return nil })
		if err != nil {
			t.Fatal(err)
		}
		r.set(t, dir, "none@late.example", "nonsense;")
		w.deliver(t, letter, "none@late.example")
		if len(o.letters) != 1 {
			t.Fatalf("%d letters", len(o.letters))
		}
		m := mail.NewMessage(o.letters[0].Content)
		body := string(o.letters[0].Content[m.Header().Size:])
		if got := m.Header().Text("Subject"); got != want || !strings.Contains(body, "nonsense") || !strings.Contains(body, "hello") || strings.Contains(body, "[fault") {
			t.Errorf("%v: %q\n%s", language, got, body)
		}
	}
}

// Lists that lead to more addresses together than one commit should write come one by one; one of them
// is always taken.
func TestFanOut(t *testing.T) {
	w, _, dir := newOutWorld(t)
	list := func(name string, to func(i int) string, n int) {
		var targets []mail.Path
		for i := range n {
			targets = append(targets, mail.Path(to(i)))
		}
		if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: mail.Path(name + "@late.example"), Targets: targets}); err != nil {
			t.Fatal(err)
		}
	}
	const most = 1000 // targets of an alias
	for _, name := range []string{"one", "two"} {
		parts := intake.MaxSpread * 2 / 3 / most
		for part := range parts {
			list(fmt.Sprint(name, part), func(i int) string { return fmt.Sprintf("%s%d.%d@far.example", name, part, i) }, most)
		}
		list(name, func(i int) string { return fmt.Sprint(name, i, "@late.example") }, parts)
	}
	tx := w.begin(t, "one@late.example")
	if v := tx.Rcpt(t.Context(), "two@late.example", mail.RcptParams{}); v.Answer != mail.TooManyRecipients {
		t.Errorf("the second list: %v", v)
	}
	if v := tx.Rcpt(t.Context(), "none@late.example", mail.RcptParams{}); v.Answer != mail.OK {
		t.Errorf("one more mailbox: %v", v)
	}
	tx.Abort(mail.OK, "QUIT")
}

// A tag that a sender's server puts in front of each mail (BATV) is no part of who he is: rules see him
// without it, and he is answered once; what is sent to him goes where his server wants it.
func TestRulesSeeNoTag(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "none@late.example", `require ["envelope", "fileinto", "vacation"]; vacation :addresses "none@late.example" "Away."; if envelope :is "from" "A@sender.example" { fileinto "Work"; }`)
	box, _ := dir.Snapshot().Mailbox("none@late.example")
	remembered := map[string]bool{}
	for _, from := range []mail.Path{"a@sender.example", "prvs=1234ABCDEF=a@sender.example", "btv1==0811ddd==a@sender.example"} {
		tr := &queue.Transfer{Message: &queue.Message{ID: "m", Tx: "tx", Sender: from}, Recipient: "none@late.example", Boxes: []int64{box.ID}, Judged: queue.Judged{Proof: "spf", Known: true}}
		c := carryLocal(t, w, tr, "To: none@late.example\r\n")
		if len(c.Deliveries) != 1 || c.Deliveries[0].Folder != "Work" {
			t.Errorf("from %s: %s", from, became(c))
		}
		if len(c.Answers) != 1 || c.Answers[0].Transfer.Recipient != from {
			t.Fatalf("from %s: answers %+v", from, c.Answers)
		}
		remembered[c.Answers[0].Once.ID] = true
	}
	if len(remembered) != 1 {
		t.Errorf("he is %d persons", len(remembered))
	}
}
