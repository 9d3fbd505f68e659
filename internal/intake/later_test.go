package intake_test

import (
	"context"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// What is to be sent later goes by the queue, to mailboxes here too, and its lifetime begins when it
// is let go (RFC 4865).
func TestSentLater(t *testing.T) {
	w, _, _ := newOutWorld(t)
	w.Config.Lifetime = time.Hour
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	release := time.Now().Add(24 * time.Hour)
	tx, _ := conv.Mail(t.Context(), own, own.Login, mail.Params{Release: release})
	for _, to := range []mail.Path{"accept@late.example", "x@elsewhere.example"} {
		if v := tx.Rcpt(t.Context(), to, mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(v)
		}
	}
	if v := tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil); v.Answer != mail.OK {
		t.Fatal(v)
	}
	c := w.commits[0]
	if len(c.Deliveries) != 0 || len(c.Transfers) != 2 {
		t.Fatalf("%d deliveries, %d transfers", len(c.Deliveries), len(c.Transfers))
	}
	sender, _ := w.Directory.Snapshot().Mailbox(own.Login)
	for _, tr := range c.Transfers {
		if sender.ID == 0 || tr.Message.By != sender.ID {
			t.Errorf("%s: sent by %d, want %d", tr.Recipient, tr.Message.By, sender.ID)
		}
		if !tr.Message.Params.Release.Equal(release) || !tr.Message.Expires.Equal(release.Add(time.Hour)) || (tr.Destination == queue.Local) != (len(tr.Boxes) == 1) {
			t.Errorf("%+v of %+v", tr, tr.Message)
		}
	}
}

// dated notes from when on return paths are signed.
type dated struct {
	noted
	at *time.Time
}

func (d dated) SignFrom(_ context.Context, p mail.Path, leaves time.Time) (mail.Path, error) {
	*d.at = leaves
	return "good=" + p, nil
}

// A report about what waited for weeks comes back after those: the return path is good from then on.
func TestLaterReturns(t *testing.T) {
	w, _, dir := newOutWorld(t)
	var at time.Time
	w.Returns = dated{at: &at}
	if _, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.SignsReturns = time.Unix(1795694400, 0); return nil }); err != nil {
		t.Fatal(err)
	}
	own := client
	own.Login = "none@late.example"
	release := time.Now().Add(20 * 24 * time.Hour)
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), own, own.Login, mail.Params{Release: release})
	tx.Rcpt(t.Context(), "x@elsewhere.example", mail.RcptParams{})
	if v := tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil); v.Answer != mail.OK || !at.Equal(release) {
		t.Errorf("%v: signed from %v, want %v", v, at, release)
	}
}

// Who was suspended, or is gone, while he was logged in sends nothing more, under the null path either.
func TestLoginEnds(t *testing.T) {
	w, _, dir := newOutWorld(t)
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	for _, state := range []directory.State{directory.Active, directory.Suspended} {
		if _, err := dir.ChangeMailbox(t.Context(), own.Login, func(m *directory.Mailbox) error { m.State = state; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, from := range []mail.Path{own.Login, mail.Null} {
			tx, v := conv.Mail(t.Context(), own, from, mail.Params{})
			if v.Answer == mail.OK {
				tx.Abort(mail.OK, "over")
			}
			if (v.Answer == mail.OK) != (state == directory.Active) {
				t.Errorf("%s, from <%s>: %v", state, from, v)
			}
		}
	}
}
