package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
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

// A recipient counts as all for whom he stands, but for copies that a mailbox gives others.
func TestStandsFor(t *testing.T) {
	n := openPages(t)
	n.copies("bob@test.example", "copy@elsewhere.example")
	add := func(a directory.Alias) {
		t.Helper()
		n.must2(n.directory.AddAlias(t.Context(), a))
	}
	add(directory.Alias{Address: "team@test.example", Kind: directory.PlainAlias, Targets: []mail.Path{"ann@test.example", "bob@test.example", "x@elsewhere.example"}})
	add(directory.Alias{Address: "away@test.example", Kind: directory.Forward, Targets: []mail.Path{"y@elsewhere.example"}})
	add(directory.Alias{Address: "list@test.example", Kind: directory.Distribution, Targets: []mail.Path{"team@test.example", "away@test.example", "carl@other.example"}, Post: directory.PostAll, Owner: "ann@test.example"})
	for rcpt, want := range map[mail.Path][]mail.Path{
		"ann+x@test.example":  {"ann@test.example"},
		"bob@test.example":    {"bob@test.example"},
		"team@test.example":   {"ann@test.example", "bob@test.example", "x@elsewhere.example"},
		"away@test.example":   {"y@elsewhere.example"},
		"list@test.example":   {"ann@test.example", "bob@test.example", "carl@other.example", "x@elsewhere.example", "y@elsewhere.example"},
		"nobody@test.example": {"nobody@test.example"},
		"z@elsewhere.example": {"z@elsewhere.example"},
	} {
		got := standsFor(n.directory.Snapshot(), rcpt)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", rcpt, got, want)
		}
	}
}

// A domain whose outgoing policy judges strangers is warned of.
func TestStrangeOutgoing(t *testing.T) {
	n := openPages(t)
	hard, none := "classic", ""
	for outgoing, want := range map[*string]int{&hard: 1, &none: 0} {
		d, err := n.setDomain(t.Context(), ops.DomainSet{Name: "test.example", Outgoing: outgoing})
		n.must(err)
		found := slices.DeleteFunc(d.Warnings, func(text string) bool {
			return !strings.Contains(text, "policy classic judges what people send who have logged in, and has filters for strangers: ")
		})
		if len(found) != want {
			t.Errorf("%q: %q", *outgoing, d.Warnings)
		}
	}
}
