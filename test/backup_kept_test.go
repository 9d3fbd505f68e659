package test

import (
	"os"
	"path/filepath"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/test/machine"
)

// filler makes, with imaplib, what a backup is to hold beside mail as it came.
const filler = `
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("ann@test.example", sys.argv[2])
assert m.create("Plans")[0] == "OK"
for n in range(40):
    assert m.append("Plans", None, None, b"Subject: plan %d\r\n\r\nabout xylophone%d here\r\n" % (n, n))[0] == "OK"
m.select("INBOX")
assert m.store("2", "+FLAGS", r"(\Deleted)")[0] == "OK"
assert m.expunge()[0] == "OK"
m.logout()
`

// looker finds it again.
const looker = `
import imaplib, sys
host, port = sys.argv[1].split(":")
def login(user, word):
    m = imaplib.IMAP4(host, int(port))
    m.login(user + "@test.example", word)
    return m
ann, bob = login("ann", sys.argv[3]), login("bob", sys.argv[2])
assert ann.select("Plans")[1] == [b"40"]
for word, found in (("xylophone17", 1), ("ylophone1", 11), ("nowhere", 0)):
    got = ann.search(None, "BODY", word)
    assert len(got[1][0].split()) == found, (word, got)
quota = ann.getquotaroot("INBOX")[1][1][0]
assert b"10240" in quota, quota
assert bob.select("Shared/ann@test.example/Plans", readonly=True)[1] == [b"40"]
assert len(bob.search(None, "TEXT", "xylophone5")[1][0].split()) == 1
assert bob.append("Shared/ann@test.example/Plans", None, None, b"Subject: x\r\n\r\n")[0] == "NO"
assert ann.select("INBOX")[1] == [b"2"]
assert ann.select("Archive")[1] == [b"1"]
print("done")
`

// A restored node has what is of mailboxes beside their mail, and serves it: expunged mail that can
// be brought back, rules, grants, quotas, passwords of programs and the index of texts.
func TestBackupHoldsMailboxes(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { testBackupHoldsMailboxes(t, nil, nil) })
	t.Run("postgres", func(t *testing.T) {
		p, dsn := postgres(t)
		other, err := p.Database()
		if err != nil {
			t.Fatal(err)
		}
		testBackupHoldsMailboxes(t, []string{"store.dsn=" + dsn}, []string{"store.dsn=" + other})
	})
}

func testBackupHoldsMailboxes(t *testing.T, own, its []string) {
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone, own...)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	rules := filepath.Join(t.TempDir(), "rules.sieve")
	if err := os.WriteFile(rules, []byte("require \"fileinto\";\nif header :contains \"subject\" \"tank\" { fileinto \"Archive\"; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "sieve", "put", ann, "main", rules, "--activate")
	run(t, m, "", "mailbox", "set", ann, "--quota", "10MiB")
	app := asked[ops.AppPassword](t, m, "mailbox", "app-password", "add", ann, "--name", "phone")
	for _, subject := range []string{"one", "two"} {
		mailFrom(t, m, "", "eva@friends.example", note(subject, "text"), ann).id(t)
	}
	python(t, filler, m.IMAP, password)
	run(t, m, "", "share", "add", ann, "Plans", "bob@test.example", "--quiet")
	before := asked[ops.Mailbox](t, m, "mailbox", "show", ann)
	to := filepath.Join(t.TempDir(), "backup")
	run(t, m, "", "backup", to)
	mailFrom(t, m, "", "eva@friends.example", note("lost", "text"), ann).id(t)
	m.Kill()

	n, err := machine.New(bin, filepath.Join(t.TempDir(), "restored"))
	if err != nil {
		t.Fatal(err)
	}
	n.Config, n.Sets = m.Config, append(append([]string{}, m.Sets[:2]...), its...)
	run(t, n, "", "restore", to, "--to", n.Dir)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	after := asked[ops.Mailbox](t, n, "mailbox", "show", ann)
	if after.Messages != before.Messages || after.Bytes != before.Bytes || after.Kept != before.Kept || after.Kept == 0 || after.Quota != before.Quota {
		t.Errorf("restored: %+v, was %+v", after, before)
	}
	deleted := asked[[]ops.DeletedMail](t, n, "mailbox", "deleted", ann)
	if len(deleted) != 1 || deleted[0].Subject != "two" {
		t.Fatalf("deleted: %+v", deleted)
	}
	run(t, n, "", "mailbox", "recover", ann, deleted[0].ID)
	if got := withSubject(box(t, n, ann, "INBOX"), "two"); len(got) != 1 {
		t.Errorf("back: %d", len(got))
	}
	mailFrom(t, n, "", "eva@friends.example", note("a tank", "text"), ann).id(t)
	python(t, looker, n.IMAP, password, app.Password)
	if out, err := n.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

func python(t *testing.T, script string, args ...string) {
	t.Helper()
	if out, err := runs(t, "python3", append([]string{"-c", script}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
}
