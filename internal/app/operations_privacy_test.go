package app

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
)

// known asks for all that is known of an address.
func known(t *testing.T, a *App, address string) (parts []ops.PrivacyPart) {
	t.Helper()
	q := ops.PrivacyExport{Address: address}
	for {
		page, err := done[ops.PrivacyPage](t, a, q)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, page.Parts...)
		if q.Next = page.Next; q.Next == nil {
			return parts
		}
	}
}

func erase(t *testing.T, a *App, q ops.PrivacyErase) (parts []ops.PrivacyPart) {
	t.Helper()
	for {
		page, err := done[ops.PrivacyPage](t, a, q)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, page.Parts...)
		if q.Next = page.Next; q.Next == nil {
			return parts
		}
	}
}

// In no file of a node is anything left of who was erased, but in the database's own free pages; and what others have
// in the same blocks of evidence is there.
func TestErasedForGood(t *testing.T) {
	a := openUnlimited(t)
	record := func(id string, from mail.Path) *journal.Record {
		return &journal.Record{ID: id, Time: a.now(), Client: "192.0.2.99", ReversePath: from, Subject: "about " + id, Walks: []journal.Walk{{
			Recipient: "ann@test.example", Policy: "default", Outcome: "refused", Steps: []journal.Step{{Entry: "spf", Filter: "spf", Reason: string(from) + " is not allowed"}},
		}}}
	}
	if _, err := a.addDomain(t.Context(), ops.DomainAdd{Name: "test.example"}); err != nil {
		t.Fatal(err)
	}
	a.journal.Note(record("t1", "bob@far.example"))
	a.journal.Note(record("t2", "eve@far.example"))
	if _, err := done[ops.Trust](t, a, ops.TrustSet{For: "test.example", Sender: "bob@far.example", Weight: 5}); err != nil {
		t.Fatal(err)
	}
	if err := a.journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts := known(t, a, "Bob@far.example")
	b, _ := json.Marshal(parts)
	if len(parts) != 3 || !strings.Contains(string(b), "about t1") || strings.Contains(string(b), "eve@") {
		t.Fatalf("known: %s", b)
	}
	erase(t, a, ops.PrivacyErase{Address: "bob@far.example"})
	if left := known(t, a, "bob@far.example"); len(left) != 3 {
		t.Fatalf("after it was only asked what would be erased: %+v", left)
	}
	erase(t, a, ops.PrivacyErase{Address: "bob@far.example", Confirm: true})
	if left := known(t, a, "bob@far.example"); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	err := filepath.WalkDir(filepath.Join(a.config.Load().Data, journalDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("bob@far.example")) || bytes.Contains(b, []byte("about t1")) {
			t.Errorf("%s has it still", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r, hits, err := a.journal.Show(t.Context(), "t1")
	if err != nil || r.State != journal.Scrubbed || len(hits) != 1 || hits[0].Sender != "erased" || hits[0].Recipient != "ann@test.example" {
		t.Errorf("got %+v, %+v, %v", r, hits, err)
	}
	if r, _, err := a.journal.Show(t.Context(), "t2"); err != nil || r.Subject != "about t2" || len(r.Walks) != 1 {
		t.Errorf("another's: %+v, %v", r, err)
	}
	acts, err := done[[]ops.PrivacyAct](t, a, ops.PrivacyLog{Address: "bob@far.example"})
	if err != nil || len(acts) != 4 || acts[1].What != "erase" || acts[1].Found != 3 || acts[1].Ended == nil {
		t.Errorf("noted: %+v, %v", acts, err)
	}
	if acts, err := done[[]ops.PrivacyAct](t, a, ops.PrivacyLog{Address: "eve@far.example"}); err != nil || len(acts) != 0 {
		t.Errorf("noted of another: %+v, %v", acts, err)
	}
}

// Who has an account is shown what he has, without secrets, and is not erased as long as he has it.
func TestOwnersData(t *testing.T) {
	a := openUnlimited(t)
	for _, q := range []control.Request{
		ops.DomainAdd{Name: "test.example"}, ops.MailboxAdd{Address: "ann@test.example", Password: "correct horse battery"}, ops.MailboxAdd{Address: "ben@test.example", Password: "correct horse battery"},
		ops.VacationSet{Address: "ann@test.example", Text: "I am at the sea."}, ops.ListAdd{List: "block", Value: "eve@far.example", Scope: "ann@test.example"},
		ops.AliasAdd{Address: "annie@test.example", Targets: []string{"ann@test.example"}},
	} {
		params, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Handle(t.Context(), q.Op(), params); err != nil {
			t.Fatal(q.Op(), err)
		}
	}
	b, _ := json.Marshal(known(t, a, "ann@test.example"))
	for _, want := range []string{"I am at the sea.", "eve@far.example", `"special_use":"\\Sent"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is missing in %s", want, b)
		}
	}
	for _, secret := range []string{"argon2id", "SCRAM-SHA", "ben@"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s is in %s", secret, b)
		}
	}
	if b, _ := json.Marshal(known(t, a, "eve@far.example")); strings.Contains(string(b), "ann@") {
		t.Errorf("who blocks whom: %s", b)
	}
	for _, address := range []string{"ann@test.example", "annie@test.example"} {
		_, err := done[ops.PrivacyPage](t, a, ops.PrivacyErase{Address: address, Confirm: true})
		wantKind(t, address, err, control.Misuse)
	}
}
