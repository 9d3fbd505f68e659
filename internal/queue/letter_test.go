package queue

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// tally counts what is told, by kind.
type tally map[string]int

func (tally) Attempt(string)       {}
func (t tally) Notice(kind string) { t[kind]++ }

// A letter leaves under the null reverse-path, is counted, and its failure is told to
// nobody.
func TestLetter(t *testing.T) {
	synced(t, func(t *testing.T) {
		m, counts := newMemory(), tally{}
		refuses := Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.1.1", Text: "who?", Command: "RCPT"}}
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report { return each(job, refuses) }))
		q.c.Observer = counts
		const text = "From: us\r\n\r\nhello\r\n"
		tr, err := q.Letter(t.Context(), Letter{To: "jörg@a.example", Content: []byte(text), Kind: "digest"})
		if err != nil {
			t.Fatal(err)
		}
		msg := tr.Message
		if !msg.Sender.IsNull() || tr.Params.Notify != mail.NotifyNever || !msg.Params.SMTPUTF8 || msg.Size != int64(len(text)) || msg.Tx != msg.ID {
			t.Errorf("transfer %+v of %+v", tr, msg)
		}
		if got := string(m.contents[msg.Blob]); got != text {
			t.Errorf("content %q", got)
		}
		if counts["digest"] != 1 {
			t.Errorf("counted %v", counts)
		}
		m.add(tr)
		q.Wake(tr.Destination)
		bubble.Sleep(time.Minute)
		if m.left() != 0 || len(m.notices) != 0 {
			t.Errorf("%d left, told %q", m.left(), m.notices)
		}
	})
}

// A letter needs SMTPUTF8 where its header does, whomever it goes to.
func TestLetterUTF8(t *testing.T) {
	synced(t, func(t *testing.T) {
		q, _ := run(t, newMemory(), carrier(func(_ context.Context, job Job) Report { return each(job, Result{Fate: Carried}) }))
		for header, want := range map[string]bool{"From: josé@here.example": true, "From: jose@here.example": false} {
			tr, err := q.Letter(t.Context(), Letter{To: "ann@a.example", Content: []byte(header + "\r\n\r\né\r\n"), Kind: "vacation"})
			if err != nil || tr.Message.Params.SMTPUTF8 != want {
				t.Errorf("%s: %v, %v", header, tr, err)
			}
		}
	})
}

// What can't be stored is no letter.
func TestLetterFails(t *testing.T) {
	m := newMemory()
	q := New(Config{Rows: m, Contents: m, Router: here{}, Observer: silence{}})
	if _, err := q.Letter(t.Context(), Letter{Content: []byte("x")}); err == nil {
		t.Error("a letter to nobody was made")
	}
	m.full = true
	if _, err := q.Letter(t.Context(), Letter{To: "a@a.example", Content: []byte("x")}); err == nil {
		t.Error("a letter was made whose content is nowhere")
	}
}

// Reports, digests and notices to one address are counted together.
func TestLettersAreCountedTogether(t *testing.T) {
	m, counts := newMemory(), tally{}
	q := New(Config{Rows: m, Contents: m, Router: here{}, Observer: counts, Log: slog.New(slog.DiscardHandler), Now: time.Now, Lifetime: time.Hour})
	victim := &Message{ID: "m", Tx: "m", Sender: "Victim@a.example"}
	about := []*Settlement{{Transfer: &Transfer{Message: victim, Recipient: "x@b.example"}}}
	for i := range perAddress {
		var err error
		if i%2 == 0 {
			_, err = q.Letter(t.Context(), Letter{To: "victim@a.example", Content: []byte("x"), Kind: "digest"})
		} else {
			_, err = q.notice(t.Context(), failed, victim, about, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if tr, err := q.Delivered(t.Context(), victim, []*Transfer{about[0].Transfer}); tr != nil || err != nil {
		t.Errorf("one more report: got %v, %v", tr, err)
	}
	if _, err := q.Letter(t.Context(), Letter{To: "victim@a.example", Content: []byte("x"), Kind: "notice"}); !errors.Is(err, ErrMany) {
		t.Errorf("one more notice: got %v", err)
	}
	if _, err := q.Letter(t.Context(), Letter{To: "ann@a.example", Content: []byte("x"), Kind: "notice"}); err != nil {
		t.Errorf("to somebody else: %v", err)
	}
	if counts["suppressed"] != 2 || counts["digest"] != perAddress/2 {
		t.Errorf("counted %v", counts)
	}
}

// What failed, and can't be told since its reader has had too many letters, is held: it does not vanish.
func TestUntoldIsHeld(t *testing.T) {
	m, now := newMemory(), time.Now()
	q := New(Config{Rows: m, Contents: m, Router: here{}, Observer: silence{}, Now: func() time.Time { return now }, Lifetime: time.Hour, HoldFor: 24 * time.Hour})
	job := Job{Message: &Message{ID: "m", Tx: "m", Sender: "victim@a.example"}, Transfers: []*Transfer{{Recipient: "x@b.example"}, {Recipient: "y@b.example"}}}
	for _, t := range job.Transfers {
		t.Message = job.Message
	}
	refused := Result{Fate: Refused, Reply: Reply{Code: 550}}
	for i := range perAddress + 1 {
		list := q.settlements(t.Context(), ending{job: job, results: []Result{refused, refused}})
		told := list[0].Notice != nil
		if last := i == perAddress; told == last || list[0].Fate != Refused || list[1].Hold.IsZero() == last || last && !list[0].Hold.Equal(now.Add(24*time.Hour)) {
			t.Fatalf("failure %d: %+v, %+v", i, list[0], list[1])
		}
	}
}
