package intake_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/srs"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// grants says who may send for junk@ and tag@late.example.
type grants struct{ w *world }

func (g grants) MaySend(_ context.Context, login mail.Path, box int64) (mailbox.Sending, error) {
	b, _ := g.w.Directory.Snapshot().Box(box)
	switch {
	case login != "none@late.example":
		return mailbox.NoSending, nil
	case b.Address == "junk@late.example":
		return mailbox.SendOnBehalf, nil
	case b.Address == "tag@late.example":
		return mailbox.SendAs, nil
	case b.Address == "defer@late.example":
		return mailbox.NoSending, errors.New("no store")
	}
	return mailbox.NoSending, nil
}

func (g grants) Collected(_ context.Context, login, address mail.Path) (bool, error) {
	if address == "broken@far.example" {
		return false, errors.New("no store")
	}
	return login == "none@late.example" && address.Fold() == "me@far.example", nil
}

// FilesSent: tag@late.example is a group, which has one message already.
func (g grants) FilesSent(_ context.Context, box int64, messageID string) (bool, error) {
	b, _ := g.w.Directory.Snapshot().Box(box)
	if messageID == "<broken@late.example>" {
		return false, errors.New("no store")
	}
	return b.Address == "tag@late.example" && messageID != "<filed@late.example>", nil
}

// submit sends a message as none@late.example to accept@late.example, and returns the
// answer and what was delivered.
func submit(t *testing.T, w *world, from mail.Path, content string) (mail.Verdict, string) {
	t.Helper()
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, v := conv.Mail(t.Context(), own, from, mail.Params{})
	if v.Answer != mail.OK {
		return v, ""
	}
	if v := tx.Rcpt(t.Context(), "accept@late.example", mail.RcptParams{}); v.Answer != mail.OK {
		t.Fatal(v)
	}
	m := mail.NewMessage([]byte(content))
	n := len(w.commits)
	v = tx.Data(t.Context(), m, []byte("Received: by mx.example\r\n"))
	if len(w.commits) == n {
		return v, ""
	}
	served, err := io.ReadAll(w.commits[n].Deliveries[0].View.Message(mail.NewMessage(w.content)).Reader())
	if err != nil {
		t.Fatal(err)
	}
	return v, string(served)
}

// Every author is an identity of the log-in (spec, Submission), and who writes on behalf of
// another is named (RFC 5322 §3.6.2).
func TestAuthors(t *testing.T) {
	const own, mine = "none@late.example", "From: none@late.example\r\n"
	for _, c := range []struct {
		name, from, header, want string
		answer                   mail.Answer
		sender                   string
	}{
		{"his own", own, mine, "", mail.OK, ""},
		{"a sub-address", "none+x@late.example", "From: None <NONE+news@late.example>\r\n", "", mail.OK, ""},
		{"a report, under the null path", "", mine, "", mail.OK, ""},
		{"somebody else's reverse-path", "spam@late.example", mine, "none@late.example may not send as spam@late.example", mail.NotYours, ""},
		{"somebody else as author", own, "From: spam@late.example\r\n", "none@late.example may not send as spam@late.example", mail.NotYours, ""},
		{"a stranger as author", own, "From: Boss <boss@bank.example>\r\n", "none@late.example may not send as boss@bank.example", mail.NotYours, ""},
		{"one of several authors is another", own, "From: none@late.example, boss@bank.example\r\n", "none@late.example may not send as boss@bank.example", mail.NotYours, ""},
		{"several of his", own, "From: none@late.example, none+x@late.example\r\n", "", mail.OK, "<none@late.example>"},
		{"as another, by leave", "tag@late.example", "From: tag@late.example\r\n", "", mail.OK, ""},
		{"on behalf", "junk@late.example", "From: junk@late.example\r\n", "", mail.OK, "<none@late.example>"},
		{"on behalf, and says so", own, "From: junk@late.example\r\nSender: none+x@late.example\r\n", "", mail.OK, "none+x@late.example"},
		{"on behalf, and hides it", own, "From: junk@late.example\r\nSender: junk@late.example\r\n", "none@late.example may not send as junk@late.example", mail.NotYours, ""},
		{"a stranger as sender", own, mine + "Sender: boss@bank.example\r\n", "none@late.example may not send as boss@bank.example", mail.NotYours, ""},
		{"two From fields", own, mine + "From: boss@bank.example\r\n", "a message has one From field, and one Sender at most", mail.Malformed, ""},
		{"an address behind his own", own, "From: <none@late.example> <boss@bank.example>\r\n", "the field From has no address: <none@late.example> <boss@bank.example> can be read in two ways", mail.Malformed, ""},
		{"an address behind his own, without angles", own, "From: <none@late.example> boss@bank.example\r\n", "the field From has no address: <none@late.example> boss@bank.example can be read in two ways", mail.Malformed, ""},
		{"a route", own, "From: <@boss@bank.example,:none@late.example>\r\n", "the field From has no address: <@boss@bank.example,:none@late.example> can be read in two ways", mail.Malformed, ""},
		{"odd, but clear", own, "From: \"<a> b\" (<c> d) <none@late.example> (e), N. Q. One <none@late.example>\r\n", "", mail.OK, "<none@late.example>"},
		{"an empty group", own, "From: undisclosed:;\r\n", "the field From has no address: it is empty", mail.Malformed, ""},
		{"the null address", own, "From: <>\r\n", "the field From has no address: <> is none", mail.Malformed, ""},
		{"no address", own, "From: me\r\n", "the field From has no address: me is none", mail.Malformed, ""},
		{"many authors", own, "From: " + strings.Repeat("none@late.example,", 21) + "none@late.example\r\n", "the field From has too many addresses", mail.Malformed, ""},
		{"as an account elsewhere", "me@far.example", "From: Me <ME@far.example>\r\n", "", mail.OK, ""},
		{"as somebody else there", own, "From: other@far.example\r\n", "none@late.example may not send as other@far.example", mail.NotYours, ""},
		{"somebody else's reverse-path there", "other@far.example", mine, "none@late.example may not send as other@far.example", mail.NotYours, ""},
		{"nobody can tell of one elsewhere", own, "From: broken@far.example\r\n", "", mail.Failed, ""},
		{"nobody can tell", own, "From: defer@late.example\r\n", "", mail.Failed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Senders, w.SRS = grants{w}, srs.New([][]byte{[]byte("a key for tests")}, time.Now)
			v, served := submit(t, w, mail.Path(c.from), c.header+"Subject: x\r\n\r\nbody\r\n")
			if v.Answer != c.answer || v.Reason != c.want {
				t.Errorf("got %v %q, want %v %q", v.Answer, v.Reason, c.answer, c.want)
			}
			if got := mail.NewMessage([]byte(served)).Header().Get("Sender"); got != c.sender {
				t.Errorf("Sender: %q, want %q", got, c.sender)
			}
		})
	}
}

// What is sent as an account elsewhere leaves under the log-in's own reverse-path, and nobody sends as an address of a domain of
// ours that he confirmed before it was one.
func TestElsewhereLeaves(t *testing.T) {
	for _, c := range []struct {
		from, want string
	}{{"me@far.example", "none@late.example"}, {"", ""}, {"none+x@late.example", "none+x@late.example"}} {
		w := newWorld(t)
		w.Senders, w.SRS = grants{w}, srs.New([][]byte{[]byte("a key for tests")}, time.Now)
		v, served := submit(t, w, mail.Path(c.from), "From: me@far.example\r\n\r\nbody\r\n")
		if v.Answer != mail.OK {
			t.Fatal(v)
		}
		if got := mail.NewMessage([]byte(served)).Header().Get("Return-Path"); got != "<"+c.want+">" {
			t.Errorf("as %q: it leaves under %q, want %q", c.from, got, c.want)
		}
	}
	w := newWorld(t)
	w.Senders, w.SRS = everywhere{}, srs.New([][]byte{[]byte("a key for tests")}, time.Now)
	if v, _ := submit(t, w, "none@late.example", "From: nobody@late.example\r\n\r\nbody\r\n"); v.Answer != mail.NotYours {
		t.Errorf("as nobody of ours: %v", v)
	}
}

// everywhere says that all addresses are confirmed.
type everywhere struct{ grants }

func (everywhere) Collected(context.Context, mail.Path, mail.Path) (bool, error) { return true, nil }

// What is missing is added, and Bcc goes (RFC 6409 §8, RFC 5322 §3.6.3); the rest is as it came.
func TestCompleted(t *testing.T) {
	const full = "From: none@late.example\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@late.example>\r\n"
	for _, c := range []struct{ name, header, want string }{
		{"nothing is missing", full + "Subject: x\r\n", full + "Subject: x\r\n"},
		{"Bcc", full + "Bcc: secret@late.example,\r\n other@late.example\r\nSubject: x\r\nresent-bcc: more@late.example\r\n", full + "Subject: x\r\n"},
		{"no Date", "From: none@late.example\r\nMessage-ID: <1@late.example>\r\n", "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nFrom: none@late.example\r\nMessage-ID: <1@late.example>\r\n"},
		{"an empty Date", "Date: \r\n" + "From: none@late.example\r\nMessage-ID: <1@late.example>\r\n", "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nFrom: none@late.example\r\nMessage-ID: <1@late.example>\r\n"},
		{"no Message-ID", "From: none@late.example\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n", "Message-ID: <ID@mx.example>\r\nFrom: none@late.example\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n"},
		{"no From", "Date: Thu, 26 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@late.example>\r\n", "From: <none@late.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@late.example>\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Now = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
			v, served := submit(t, w, "none@late.example", c.header+"\r\nbody\r\n")
			if v.Answer != mail.OK {
				t.Fatal(v)
			}
			got := served[strings.Index(served, "X-Spam-Status"):]
			got = got[strings.Index(got, "\r\n")+2:]
			if want := strings.Replace(c.want, "<ID@", "<"+v.ID+"@", 1) + "\r\nbody\r\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	t.Run("what others' servers bring stays as it came", func(t *testing.T) {
		w := newWorld(t)
		m := mail.NewMessage([]byte("From: a@sender.example\r\nBcc: secret@late.example\r\n\r\nbody\r\n"))
		if v := w.begin(t, "none@late.example").Data(t.Context(), m, nil); v.Answer != mail.OK {
			t.Fatal(v)
		}
		h := w.commits[0].Deliveries[0].View.Message(m).Header()
		if h.Get("Bcc") == "" || h.Count("Date")+h.Count("Message-ID") != 0 {
			t.Errorf("Bcc %q, Date %q", h.Get("Bcc"), h.Get("Date"))
		}
	})
}

// From where a log-in sent, and which one it was, is nobody's business.
func TestUsersAreHidden(t *testing.T) {
	w := newWorld(t)
	w.Config.HideUsers, w.Senders = true, grants{w}
	_, served := submit(t, w, "tag@late.example", "From: tag@late.example\r\n\r\nbody\r\n")
	if strings.Contains(served, client.Addr.String()) || strings.Contains(served, client.Helo) || strings.Contains(served, "none@late.example") {
		t.Errorf("it tells:\n%s", served)
	}
	if !strings.Contains(served, "Authentication-Results: mx.example; auth=pass\r\n") {
		t.Errorf("no result of the log-in:\n%s", served)
	}
}

// What people here send walks the policy of their own domain, whoever gets it, and what is
// spam there is refused with the reason, or held (spec, Submission).
func TestOutgoingPolicy(t *testing.T) {
	spam := func(name string) *pipeline.Policy {
		p := policy(name, pipeline.Data)
		p.Entries[0].Filter = fixed{pipeline.Finding{Result: "spam", Reason: "the offer is in " + name}}
		return p
	}
	world := func(t *testing.T) *world {
		w := newWorld(t)
		p := *w.Policies()
		p.ByName = map[string]*pipeline.Policy{"default": p.ByName["default"], "early": p.ByName["early"], "out": spam("out"), "own": spam("own")}
		p.Outgoing = "out"
		w.SetPolicies(&p)
		return w
	}
	t.Run("refused with the reason", func(t *testing.T) {
		v, _ := submit(t, world(t), "none@late.example", ownLetter)
		if v.Answer != mail.Refused || v.Reason != "says: the offer is in out" {
			t.Errorf("got %v %q", v.Answer, v.Reason)
		}
	})
	t.Run("the domain's own", func(t *testing.T) {
		w := world(t)
		if _, err := w.Directory.(*directory.Directory).ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.Outgoing = "own"; return nil }); err != nil {
			t.Fatal(err)
		}
		if v, _ := submit(t, w, "none@late.example", ownLetter); v.Reason != "says: the offer is in own" {
			t.Errorf("got %v %q", v.Answer, v.Reason)
		}
	})
	t.Run("held", func(t *testing.T) {
		w := world(t)
		w.Config.HoldOutgoing = true
		own := client
		own.Login = "none@late.example"
		conv, _ := w.Connect(t.Context(), own)
		defer conv.Close()
		tx, _ := conv.Mail(t.Context(), own, "none@late.example", mail.Params{})
		tx.Rcpt(t.Context(), "none@junk.example", mail.RcptParams{})
		if v := tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil); v.Answer != mail.OK || len(w.commits[0].Held) != 1 {
			t.Errorf("got %v, %d held", v, len(w.commits[0].Held))
		}
	})
	t.Run("explained", func(t *testing.T) {
		own := client
		own.Login = "none@late.example"
		e, err := world(t).Explain(t.Context(), own, "none@late.example", []string{"accept@late.example"}, mail.NewMessage([]byte(ownLetter)))
		if err != nil || e.Verdict.Reason != "says: the offer is in out" || e.Walks[1].Policy != "out" {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	t.Run("strangers do not walk it", func(t *testing.T) {
		if got := world(t).send(t, "none@late.example"); got[1] != mail.OK {
			t.Errorf("got %v", got)
		}
	})
}

var _ intake.Senders = grants{}
