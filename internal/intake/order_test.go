package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// laws gives a domain rules, "in: …" and so on, one a line.
func laws(t *testing.T, dir *directory.Directory, domain, list string) {
	t.Helper()
	_, err := dir.ChangeDomain(t.Context(), domain, func(d *directory.Domain) error {
		d.Rules = directory.Rules{}
		for line := range strings.Lines(list) {
			way, script, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if way == "" {
				continue
			}
			head := `require ["copy","envelope","environment","variables","spamtest"]; `
			if strings.HasPrefix(script, "plain ") {
				head, script = "", script[6:]
			}
			if way != "out" && head != "" {
				head += `require ["fileinto","mailbox","special-use"]; `
			}
			if err := d.Rules.Set(directory.Direction(way), head+script); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// by sends a message as a log-in, null a stranger.
func (w *world) by(t *testing.T, login mail.Path, message string, params mail.RcptParams, to ...string) mail.Verdict {
	t.Helper()
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	c, from := client, mail.Path("a@sender.example")
	if c.Login = login; !login.IsNull() {
		from = login
	}
	tx, v := conv.Mail(t.Context(), c, from, mail.Params{})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	for _, rcpt := range to {
		if v := tx.Rcpt(t.Context(), mail.Path(rcpt), params); v.Answer != mail.OK {
			t.Fatal(rcpt, v)
		}
	}
	return tx.Data(t.Context(), mail.NewMessage([]byte(message)), []byte("Received: from mx.sender.example by mx.example\r\n"))
}

func TestDomainRules(t *testing.T) {
	const (
		sent  = "to x@far.example, mx:far.example by late.example, SRS"
		own   = "to x@far.example, mx:far.example by late.example"
		there = "to y@far.example, mx:far.example by late.example"
		here  = "none@late.example"
	)
	tests := []struct {
		name, laws string
		login      mail.Path
		to         string // "": none@late.example
		header     string
		mine       string // the mailbox's own rules
		early      string // rules of early.example
		want       string
		outcome    string // of the first recipient
		locked     mail.Path
	}{
		{name: "nothing is asked for", laws: `in: if false { discard; }`, want: "in INBOX"},
		{name: "filed, and the mailbox's own rules are not asked", laws: `in: fileinto "Team";`, mine: `discard;`, want: "in Team made"},
		{name: "a copy filed, and the mailbox's own rules", laws: `in: fileinto :copy "Team";`, mine: `fileinto "Work";`, want: "in Team made; in Work"},
		{name: "kept, and the mailbox's own rules", laws: `in: keep;`, mine: `fileinto "Work";`, want: "in Work"},
		{name: "stopped, and the mailbox's own rules", laws: `in: stop; discard;`, mine: `fileinto "Work";`, want: "in Work"},
		{name: "by its use", laws: `in: fileinto :specialuse "\\junk" "Spam";`, want: `in \Junk made`},
		{name: "deleted", laws: `in: discard;`, want: "", outcome: "discarded"},
		{name: "a copy", laws: `in: redirect :copy "x@far.example";`, mine: `fileinto "Work";`, want: "in Work; " + sent + ", held"},
		{name: "a copy, and deleted by the mailbox's own rules", laws: `in: redirect :copy "x@far.example";`, mine: `discard;`, want: sent + ", held"},
		{name: "redirected", laws: `in: redirect "x@far.example";`, mine: `fileinto "Work";`, want: sent, outcome: "queued"},
		{name: "an alias is one recipient", laws: `in: redirect :copy "x@far.example";`, to: "both@late.example",
			want: "in INBOX; to bob@elsewhere.example, mx:elsewhere.example by late.example, SRS; " + sent + ", held"},
		{name: "an alias, filed", laws: `in: fileinto "Team";`, to: "both@late.example",
			want: "in Team made; to bob@elsewhere.example, mx:elsewhere.example by late.example, SRS"},
		{name: "a forward has no folder", laws: `in: fileinto "Team";`, to: "away@late.example", want: "to ann@elsewhere.example, mx:elsewhere.example by late.example, SRS"},
		{name: "a forward has no folder, and goes on beside a copy", laws: `in: fileinto "Team"; redirect "x@far.example";`, to: "away@late.example",
			want: "to ann@elsewhere.example, mx:elsewhere.example by late.example, SRS; " + sent + ", held"},
		{name: "a copy stands for no loop", laws: `in: redirect "None+x@late.example"; redirect "x@far.example";`, want: "in INBOX; " + sent + ", held"},
		{name: "a forward, deleted", laws: `in: discard;`, to: "away@late.example", want: "", outcome: "discarded"},
		{name: "to itself", laws: `in: redirect "None+x@late.example";`, want: "in INBOX"},
		{name: "a loop ends in the mailbox", laws: `in: redirect "x@far.example";`, want: "in INBOX",
			header: "Received: from a by mx.example with ESMTP\r\nDelivered-To: none@late.example\r\n"},
		{name: "a claim is no loop", laws: `in: redirect "x@far.example";`, want: sent, header: "Delivered-To: none@late.example\r\n"},
		{name: "a locked mailbox", laws: `in: redirect :copy "x@far.example"; redirect "x@far.example";`, locked: here, want: "in INBOX"},
		{name: "a locked mailbox, deleted", laws: `in: discard;`, locked: here, want: "", outcome: "discarded"},
		{name: "a locked mailbox, filed where others may look", laws: `in: fileinto "Team";`, locked: here, want: "in INBOX"},
		{name: "a locked mailbox, a copy filed", laws: `in: fileinto :copy "Team";`, mine: `fileinto "Work";`, locked: here, want: "in Work"},
		{name: "a locked mailbox, thrown away", laws: `in: fileinto :specialuse "\\trash" "x";`, locked: here, want: `in \Trash made`},
		{name: "a locked mailbox, junk", laws: `in: fileinto "junk";`, locked: here, want: `in junk made`},
		{name: "another mailbox is locked", laws: `in: redirect :copy "x@far.example";`, locked: "accept@late.example", want: "in INBOX; " + sent + ", held"},
		{name: "out: from a locked mailbox", laws: `out: redirect "y@far.example";`, login: here, to: "x@far.example", locked: here, want: own},
		{name: "local: from a locked mailbox", laws: `local: redirect "x@far.example";`, login: here, to: "accept@late.example", locked: here, want: "in INBOX"},
		{name: "local: to a locked mailbox", laws: `local: redirect :copy "x@far.example";`, login: here, to: "accept@late.example", locked: "accept@late.example", want: "in INBOX"},
		{name: "a long way ends in the mailbox", laws: `in: redirect "x@far.example";`, want: "in INBOX", header: strings.Repeat("Delivered-To: b@late.example\r\n", 10)},
		{name: "postmaster meets none", laws: `in: discard;`, to: "postmaster@late.example", want: "in INBOX"},
		{name: "too many redirects", laws: `in: redirect "1@f.example"; redirect "2@f.example"; redirect "3@f.example"; redirect "4@f.example"; redirect "5@f.example";`,
			want: "in INBOX; letter to postmaster@late.example, fault"},
		{name: "a script that is none", laws: `in: plain nonsense;`, mine: `fileinto "Work";`, want: "in Work; letter to postmaster@late.example, fault"},
		{name: "what they may not do", laws: `in: plain require "vacation"; vacation "x";`, want: "in INBOX; letter to postmaster@late.example, fault"},
		{name: "the envelope", laws: `in: if allof(envelope "from" "a@sender.example", envelope "to" "none+tag@late.example", environment "phase" "during") { fileinto "Team"; }`,
			to: "none+tag@late.example", want: "in Team made"},
		{name: "those for other ways are not asked", laws: "out: discard;\nlocal: discard;", want: "in INBOX"},

		{name: "out: deleted", laws: "out: discard;\nin: fileinto \"A\";\nlocal: fileinto \"B\";", login: here, to: "x@far.example", want: "", outcome: "discarded"},
		{name: "out: a copy", laws: `out: redirect :copy "y@far.example";`, login: here, to: "x@far.example", want: own + "; " + there + ", held"},
		{name: "out: redirected", laws: `out: redirect "y@far.example";`, login: here, to: "x@far.example", want: there, outcome: "queued"},
		{name: "out: to another domain here, whose own rules follow", laws: `out: redirect :copy "y@far.example";`, early: `in: fileinto "Team";`, login: here, to: "none@early.example",
			want: "in Team made; " + there + ", held"},
		{name: "out: deleted before the other domain's rules", laws: `out: discard;`, early: `in: redirect :copy "x@far.example";`, login: here, to: "none@early.example", want: "", outcome: "discarded"},
		{name: "out: files nothing", laws: `out: plain require "fileinto"; fileinto "A";`, login: here, to: "x@far.example", want: own + "; letter to postmaster@late.example, fault"},
		{name: "local: filed", laws: "local: fileinto \"Team\";\nin: discard;\nout: discard;", login: here, to: "accept@late.example", want: "in Team made"},
		{name: "local: a copy", laws: `local: redirect :copy "x@far.example";`, login: here, to: "accept@late.example", want: "in INBOX; " + own + ", held"},
		{name: "local: redirected", laws: `local: redirect "x@far.example";`, login: here, to: "accept@late.example", want: own},
		{name: "local: deleted", laws: `local: discard;`, login: here, to: "accept@late.example", want: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _, dir, r := newRulesWorld(t)
			laws(t, dir, "late.example", tt.laws)
			laws(t, dir, "early.example", tt.early)
			message, to := tt.header+letter, tt.to
			if to == "" {
				to = here
			}
			if !tt.login.IsNull() {
				message = tt.header + ownLetter
			}
			if tt.mine != "" {
				r.set(t, dir, here, tt.mine)
			}
			if tt.locked != "" {
				if _, err := dir.SetLock(t.Context(), tt.locked, true, "root"); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.by(t, tt.login, message, mail.RcptParams{}, to); got.Answer != mail.OK || len(w.commits) != 1 {
				t.Fatalf("got %v, %d commits", got, len(w.commits))
			}
			if got := became(w.commits[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, tr := range w.commits[0].Transfers {
				if tr.Recipient == "y@far.example" && tr.Home != "late.example" {
					t.Errorf("the copy to %s is %s's", tr.Recipient, tr.Home)
				}
			}
			if tt.want == "" && w.content != nil {
				t.Error("content is kept that nobody has")
			}
			c := client
			from := mail.Path("a@sender.example")
			if c.Login = tt.login; tt.login != "" {
				from = tt.login
			}
			e, err := w.Explain(t.Context(), c, from, []string{to}, mail.NewMessage([]byte(message)))
			if err != nil {
				t.Fatal(err)
			}
			if last := e.Walks[len(e.Walks)-1]; tt.outcome != "" && last.Outcome != tt.outcome {
				t.Errorf("outcome %s", last.Outcome)
			}
		})
	}
}

// What is taken for spam is not sent on, and goes to Junk unless the rules ask how much of spam it is.
func TestDomainRulesSpam(t *testing.T) {
	for _, tt := range []struct{ to, laws, want string }{
		{"spam@junk.example", `in: plain require "fileinto"; fileinto "Team";`, `in \Junk`},
		{"spam@junk.example", `in: plain discard;`, `in \Junk`},
		{"spam@junk.example", `in: if spamtest "6" { discard; }`, ""},
		{"spam@junk.example", `in: if spamtest "6" { fileinto "Team"; }`, "in Team made"},
		{"spam@junk.example", `in: redirect :copy "x@far.example";`, `in \Junk`},
		{"spam@junk.example", `in: redirect "x@far.example";`, `in \Junk`},
		{"spam@tag.example", `in: plain redirect "x@far.example";`, "in INBOX"},
		{"spam@tag.example", `in: plain require "fileinto"; fileinto "Team";`, "in Team made"},
		{"spam@tag.example", `in: plain discard;`, ""},
		{"spam@late.example", `in: discard;`, "held"},
	} {
		w, _, dir, _ := newRulesWorld(t)
		laws(t, dir, mail.Path(tt.to).Domain(), tt.laws)
		w.by(t, mail.Null, letter, mail.RcptParams{}, tt.to)
		got := became(w.commits[0])
		if len(w.commits[0].Held) > 0 {
			got = "held"
		}
		if got != tt.want {
			t.Errorf("%s, %s: got %s, want %s", tt.to, tt.laws, got, tt.want)
		}
	}
}

// What rules did is told, with their line.
func TestDomainRulesExplained(t *testing.T) {
	w, o, dir, _ := newRulesWorld(t)
	laws(t, dir, "late.example", `in: plain require ["copy","fileinto"]; redirect :copy "x@far.example"; redirect "none@late.example"; fileinto "Team";`)
	e, err := w.Explain(t.Context(), client, "a@sender.example", []string{"none@late.example"}, mail.NewMessage([]byte(letter)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range e.Walks[len(e.Walks)-1].Steps {
		if s.Entry == "rules" {
			got = append(got, s.Result+": "+s.Reason)
		}
	}
	want := "redirect: sent on to x@far.example by the rules of late.example for mail in, line 1\n" +
		"redirect: not sent on to none@late.example, since it is for that address, by the rules of late.example for mail in, line 1\n" +
		"fileinto: filed into Team by the rules of late.example for mail in, line 1"
	if strings.Join(got, "\n") != want || len(w.commits)+len(o.letters) > 0 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// Success is told once; of a copy beside it the sender hears nothing, whatever becomes of it.
func TestDomainRulesReports(t *testing.T) {
	all := mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyFailure}
	for script, want := range map[string]string{
		`redirect "x@far.example"; redirect "y@far.example";`: fmt.Sprintf("x@far.example %v, y@far.example %v", all.Notify, mail.NotifyFailure),
		`redirect :copy "x@far.example";`:                     fmt.Sprintf("x@far.example %v held, none@late.example", mail.NotifyNever),
		`discard;`:                                            "",
	} {
		w, o, dir, _ := newRulesWorld(t)
		laws(t, dir, "late.example", "local: "+script)
		w.by(t, "accept@late.example", strings.ReplaceAll(ownLetter, "none@", "accept@"), all, "none@late.example")
		var got []string
		for _, tr := range w.commits[0].Transfers {
			if tr.Message.ID == "report" {
				continue
			}
			s := fmt.Sprintf("%s %v", tr.Recipient, tr.Params.Notify)
			if tr.Hold {
				s += " held"
			}
			if tr.Teach != "" {
				s += " teaches"
			}
			got = append(got, s)
		}
		if got = append(got, o.success...); strings.Join(got, ", ") != want {
			t.Errorf("%s: got %v, want %s", script, got, want)
		}
	}
}

// Who is written to, and has a copy by rules besides, gets one, of which the sender hears as ever.
func TestDomainRulesOneCopy(t *testing.T) {
	all := mail.RcptParams{Notify: mail.NotifyFailure}
	w, _, dir, _ := newRulesWorld(t)
	laws(t, dir, "late.example", `out: redirect :copy "b@far.example";`)
	w.by(t, "none@late.example", ownLetter, all, "a@far.example", "b@far.example")
	var got []string
	for _, tr := range w.commits[0].Transfers {
		got = append(got, fmt.Sprintf("%s %v %v", tr.Recipient, tr.Params.Notify == mail.NotifyFailure, tr.Hold))
	}
	if want := "a@far.example true false, b@far.example true false"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// It is told of the one that stands for the message, whatever the sender's own domain has copied beside it.
func TestDomainRulesReportsOfBoth(t *testing.T) {
	w, _, dir, _ := newRulesWorld(t)
	laws(t, dir, "late.example", `out: redirect :copy "y@far.example";`)
	laws(t, dir, "early.example", `in: redirect "x@far.example";`)
	w.by(t, "none@late.example", ownLetter, mail.RcptParams{Notify: mail.NotifySuccess}, "none@early.example")
	var got []string
	for _, tr := range w.commits[0].Transfers {
		got = append(got, fmt.Sprintf("%s %v", tr.Recipient, tr.Params.Notify))
	}
	if want := fmt.Sprintf("x@far.example %v, y@far.example %v", mail.NotifySuccess, mail.NotifyNever); strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// What rules file is filed beside what is held for the same mailbox, however the folder is called.
func TestDomainRulesBesideHeld(t *testing.T) {
	w, _, dir, _ := newRulesWorld(t)
	if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "ham@late.example", Targets: []mail.Path{"spam@late.example"}}); err != nil {
		t.Fatal(err)
	}
	laws(t, dir, "late.example", `in: fileinto "held";`)
	w.by(t, mail.Null, letter, mail.RcptParams{}, "spam@late.example", "ham@late.example")
	if c := w.commits[0]; became(c) != "in held made" || len(c.Held) != 1 {
		t.Errorf("got %s, and %d are held", became(c), len(c.Held))
	}
}

// A script that can't tell recipients apart runs once for them; what takes too long is a fault, told once.
func TestDomainRulesRuns(t *testing.T) {
	to := []string{"none@late.example", "accept@late.example", "none+1@late.example", "none+2@late.example"}
	w, _, dir, r := newRulesWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	laws(t, dir, "late.example", `in: if envelope :contains "to" "none" { fileinto "Team"; }`)
	r.slow = func() { now = now.Add(2 * time.Second) }
	if got := w.by(t, mail.Null, letter, mail.RcptParams{}, to...); got.Answer != mail.OK {
		t.Fatal(got)
	}
	if got, want := became(w.commits[0]), "in Team made; in INBOX; in INBOX; letter to postmaster@late.example, fault"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a := w.commits[0].Answers[0]; a.Once.Box != 0 || !strings.HasPrefix(a.Once.ID, "fault ") {
		t.Errorf("remembered %+v", a.Once)
	}
	r.known["fault"] = true
	w.commits = nil
	w.by(t, mail.Null, letter, mail.RcptParams{}, to...)
	if got := w.commits[0].Answers; len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
}

// A commit takes some mailboxes only: the others get from the queue what the domain's rules said of them.
func TestDomainRulesByQueue(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	laws(t, dir, "late.example", `local: fileinto "Team";`)
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	own := client
	own.Login = "none@late.example"
	tx, _ := conv.Mail(t.Context(), own, own.Login, mail.Params{Release: time.Now().Add(time.Hour)})
	tx.Rcpt(t.Context(), "accept@late.example", mail.RcptParams{})
	tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil)
	tr := w.commits[0].Transfers[0]
	if !tr.Filed || tr.Folder != "Team" || len(tr.Boxes) != 1 {
		t.Fatalf("transfer %+v", tr)
	}
	r.set(t, dir, "accept@late.example", `discard;`)
	store := &local{}
	job := queue.Job{Destination: queue.Local, Message: tr.Message, Content: mail.NewMessage([]byte(ownLetter)), Transfers: []*queue.Transfer{tr}}
	(intake.Local{In: w.Intake, Store: store}).Carry(t.Context(), job)
	if got := became(store.commits[0]); got != "in Team made" {
		t.Errorf("got %s", got)
	}
}
