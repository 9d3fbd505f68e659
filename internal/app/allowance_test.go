package app

import (
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// What comes back counts for the log-in that sent it, also under a signed return path; and the record of a key stays
// until what it signed may have left.
func TestSubmissionMeets(t *testing.T) {
	a := openUnlimited(t)
	if _, err := a.addDomain(t.Context(), ops.DomainAdd{Name: "test.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.addMailbox(t.Context(), ops.MailboxAdd{Address: "ann@test.example", Password: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
	signed, err := a.signer.Sign(t.Context(), "ann+x@test.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []mail.Path{"ann@test.example", signed, "", "prvs=1@elsewhere.example"} {
		a.carriers.bounced(queue.Job{Message: &queue.Message{Sender: from}}, queue.Report{Results: []queue.Result{{Fate: queue.Refused}}})
	}
	if err := a.allowance.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l, err := a.showLogin(t.Context(), ops.SubmissionShow{Mailbox: "ann@test.example"}); err != nil || l.Wrong != 2 {
		t.Errorf("%d came back, want 2: %v", l.Wrong, err)
	}
	if got, want := a.keepsKeys(), 35*24*time.Hour; got != want { // submission.hold and queue.lifetime
		t.Errorf("the record of a key stays for %v, want %v", got, want)
	}
}
