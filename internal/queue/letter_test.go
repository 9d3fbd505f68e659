package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
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
		synctest.Wait()
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
		time.Sleep(time.Minute)
		synctest.Wait()
		if m.left() != 0 || len(m.notices) != 0 {
			t.Errorf("%d left, told %q", m.left(), m.notices)
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
