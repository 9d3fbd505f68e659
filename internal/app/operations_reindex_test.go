package app

import (
	"testing"
	"time"

	"gatepost/internal/control/ops"
)

// An index that is dropped is made anew from the messages, of one mailbox or of all.
func TestReindex(t *testing.T) {
	n := openBoxes(t)
	x := n.textIndexer()
	work := func() (batches int) {
		for {
			more, err := x.work(t.Context())
			n.must(err)
			if !more {
				return batches
			}
			batches++
		}
	}
	for _, who := range []string{"ann", "bob"} {
		for range 20 {
			n.put(who, "INBOX", "Subject: one\r\n\r\ntext\r\n", time.Now())
		}
	}
	if got := work(); got != 1 {
		t.Fatalf("%d rounds of work at first", got)
	}
	for _, step := range []struct {
		ask  ops.MailboxReindex
		want int
	}{{ops.MailboxReindex{Address: "ann@test.example"}, 1}, {ops.MailboxReindex{All: true}, 1}} {
		if done, err := n.reindexMailbox(t.Context(), step.ask); err != nil || done.Mailboxes != step.want {
			t.Errorf("%+v: %+v, %v", step.ask, done, err)
		}
		left, err := n.mailboxes.Indexed(t.Context())
		n.must(err)
		if (len(left) == 1) == step.ask.All {
			t.Errorf("%+v: boxes %v are indexed still", step.ask, left)
		}
		if !step.ask.All {
			continue
		}
		if got := work(); got == 0 {
			t.Error("not made anew")
		}
		if left, err = n.mailboxes.Indexed(t.Context()); err != nil || len(left) != 2 {
			t.Errorf("made anew of %v, %v", left, err)
		}
	}
	if _, err := n.reindexMailbox(t.Context(), ops.MailboxReindex{}); err == nil {
		t.Error("of nobody")
	}
}
