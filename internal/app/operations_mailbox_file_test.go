package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// A boxesNode is a node with the mailboxes ann, bob and eve.
type boxesNode struct {
	*testing.T
	*App
	box map[string]directory.Mailbox
}

func openBoxes(t *testing.T) *boxesNode {
	n := &boxesNode{T: t, App: openUnlimited(t), box: map[string]directory.Mailbox{}}
	_, err := n.addDomain(t.Context(), ops.DomainAdd{Name: "test.example"})
	n.must(err)
	for _, name := range []string{"ann", "bob", "eve"} {
		_, err := n.addMailbox(t.Context(), ops.MailboxAdd{Address: name + "@test.example", Language: map[string]string{"eve": "fr"}[name]})
		n.must(err)
		n.box[name], _ = n.directory.Snapshot().Mailbox(mail.Path(name + "@test.example"))
	}
	return n
}

func (n *boxesNode) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// put delivers a message as it may come by the intake: with fields of its own in front.
func (n *boxesNode) put(who, folder, text string, when time.Time, flags ...string) *mailbox.Delivery {
	n.Helper()
	if _, err := n.mailboxes.Folder(n.Context(), n.box[who].ID, folder); err != nil {
		_, err := n.mailboxes.CreateFolder(n.Context(), n.box[who].ID, folder, "")
		n.must(err)
	}
	m := mail.NewMessage([]byte(text))
	d := mailbox.Prepare(n.box[who].ID, folder, m, when)
	d.Flags = flags
	d.View = mail.View{Prefix: []byte("Received: by us\r\n")}
	d.Size = d.View.Size(m.Size())
	id, err := n.blobs.Put(n.Context(), m.Reader(), m.Size())
	n.must(err)
	d.Blob = string(id)
	n.must(n.mailboxes.Deliver(n.Context(), &d))
	return &d
}

// describe lists what a mailbox has, in order.
func (n *boxesNode) describe(who string) (all []string) {
	n.Helper()
	folders, err := n.mailboxes.Folders(n.Context(), n.box[who].ID)
	n.must(err)
	for _, f := range folders {
		list, err := n.mailboxes.Messages(n.Context(), f.ID, mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}, mailbox.Whole)
		n.must(err)
		all = append(all, f.Name)
		for _, m := range list {
			c, err := n.blobs.Open(n.Context(), blob.ID(m.Blob))
			n.must(err)
			served := m.View.Message(mail.NewSpooled(c, c.Size()))
			b := make([]byte, served.Size())
			_, err = served.ReadAt(b, 0)
			n.must(err)
			n.must(c.Close())
			all = append(all, fmt.Sprintf("%s %v %s %.300q", f.Name, m.Flags.Names(), m.InternalDate.Format(time.DateTime), b))
		}
	}
	return all
}

// A mailbox that is exported and imported elsewhere is the same in all three forms; importing
// it twice changes nothing, and one that was cut off is gone on with.
func TestExportImport(t *testing.T) {
	n := openBoxes(t)
	when := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	n.put("ann", "INBOX", "Subject: one\r\n\r\nFrom here\r\n", when, `\Seen`, "$Label1")
	n.put("ann", "INBOX", "Subject: twin\r\n\r\n", when.Add(time.Hour))
	n.put("ann", "INBOX", "Subject: twin\r\n\r\n", when.Add(time.Hour))
	n.put("ann", "Sent", "Subject: sent\r\n\r\n"+strings.Repeat("0123456789\r\n", 9999), when.Add(2*time.Hour), `\Answered`, `\Flagged`)
	n.put("ann", "Projekte/2026.Früh", "Subject: deep\r\n\r\n", when.Add(3*time.Hour), `\Deleted`, "$Forwarded")
	want := n.describe("ann")
	for _, form := range []string{"a.zip", "a.mbox", "a"} {
		t.Run(form, func(t *testing.T) {
			n := &boxesNode{T: t, App: n.App, box: n.box}
			path := filepath.Join(t.TempDir(), form)
			out, err := n.exportMailbox(t.Context(), ops.MailboxExport{Address: "ann@test.example", Path: path})
			if err != nil || out.Messages != 5 {
				t.Fatalf("%+v, %v", out, err)
			}
			_, err = n.addMailbox(t.Context(), ops.MailboxAdd{Address: form + "@test.example"})
			n.must(err)
			n.box[form], _ = n.directory.Snapshot().Mailbox(mail.Path(form + "@test.example"))
			in := ops.MailboxImport{Address: form + "@test.example", Path: path}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := n.importMailbox(ctx, in); !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
			n.put(form, "INBOX", "Subject: twin\r\n\r\n", when.Add(time.Hour)) // as if it had been cut off here
			got, err := n.importMailbox(t.Context(), in)
			if err != nil || got.Messages != 4 || got.Known != 1 || got.Bad != 0 {
				t.Errorf("imported: %+v, %v", got, err)
			}
			if got, err = n.importMailbox(t.Context(), in); err != nil || got.Messages != 0 || got.Known != 5 {
				t.Errorf("again: %+v, %v", got, err)
			}
			have := n.describe(form)
			if slices.Sort(have); !slices.Equal(have, slices.Sorted(slices.Values(want))) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(slices.Sorted(slices.Values(want)), "\n"))
			}
		})
	}
}

// Folders that each mailbox has are found in another language, others are put where they are
// asked for; what is bad is told, and keeps nothing from the rest.
func TestImportOthers(t *testing.T) {
	n := openBoxes(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cur/1:2,S": "A: 1\n\n", "new/2": "no header\n", ".Sent/cur/3": "A: 3\n\n", ".Sent/new/.k": "", ".Old&AOk-/cur/4": "A: 4\n\n", ".Old&AOk-/new/.k": "", ".a*b/cur/5": "A: 5\n\n", ".a*b/new/.k": "",
	} {
		path := filepath.Join(dir, name)
		n.must(errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0))))
	}
	counts := func(who string) string {
		folders, err := n.mailboxes.Folders(t.Context(), n.box[who].ID)
		n.must(err)
		var b bytes.Buffer
		for _, f := range folders {
			if f.Messages > 0 {
				fmt.Fprintf(&b, "%s %d; ", f.Name, f.Messages)
			}
		}
		return b.String()
	}
	for _, tt := range []struct{ who, folder, want string }{
		{"eve", "", "Envoyés 1; INBOX 2; Oldé 1; "},
		{"bob", "Old mail", "Old mail 2; Old mail/Oldé 1; Old mail/Sent 1; "},
	} {
		got, err := n.importMailbox(t.Context(), ops.MailboxImport{Address: tt.who + "@test.example", Path: dir, Folder: tt.folder})
		if err != nil || got.Messages != 4 || got.Bad != 2 {
			t.Errorf("%s: %+v, %v", tt.who, got, err)
		}
		if have := counts(tt.who); have != tt.want {
			t.Errorf("%s: got %s, want %s", tt.who, have, tt.want)
		}
	}
}

// What a mailbox has no room for is not imported: it ends, and goes on when there is room.
func TestImportOverQuota(t *testing.T) {
	n := openBoxes(t)
	path := filepath.Join(t.TempDir(), "a.mbox")
	n.must(os.WriteFile(path, []byte(strings.Repeat("From a@b Thu Jan  1 00:00:00 2026\nSubject: x\n\ntext\n\n", 3)), 0o600))
	set := func(most int64) {
		t.Helper()
		_, err := n.setMailbox(t.Context(), ops.MailboxSet{Address: "ann@test.example", QuotaMessages: &most})
		n.must(err)
	}
	set(2)
	in := ops.MailboxImport{Address: "ann@test.example", Path: path}
	got, err := n.importMailbox(t.Context(), in)
	if !errors.Is(err, mailbox.ErrOverQuota) || got.Messages != 2 {
		t.Errorf("full: %+v, %v", got, err)
	}
	set(3)
	if got, err := n.importMailbox(t.Context(), in); err != nil || got.Messages != 1 || got.Known != 2 {
		t.Errorf("with room: %+v, %v", got, err)
	}
}

// What a folder has is read once, though many messages of its size come.
func TestImportReadsOnce(t *testing.T) {
	n := openBoxes(t)
	for _, text := range []string{"a", "b", "b"} {
		n.put("ann", "INBOX", "Subject: "+text+"\r\n\r\n", time.Unix(1e9, 0))
	}
	i := &importing{app: n.App, box: n.box["ann"].ID, folders: map[string]*importFolder{}}
	f, err := i.folder(t.Context(), "")
	n.must(err)
	for at, want := range []bool{false, true, true, false, true, false} {
		text := string("cbbbaa"[at])
		got, err := i.known(t.Context(), f, []byte("Received: by us\r\nSubject: "+text+"\r\n\r\n"))
		if err != nil || got != want {
			t.Errorf("%d: %s is known: %v, %v", at, text, got, err)
		}
		if len(f.left) != 0 {
			t.Errorf("%d: %v are to be read again", at, f.left)
		}
	}
}

// Two folders of the files that are one here, as "Sent" and "Envoyés", lose nothing that both have,
// and nothing is doubled by a second time.
func TestImportOfOneFolderUnderTwoNames(t *testing.T) {
	n := openBoxes(t)
	dir := t.TempDir()
	for _, folder := range []string{"", ".Sent", ".Envoy" + imap.EncodeName("é") + "s"} {
		for _, sub := range []string{"cur", "new"} {
			n.must(os.MkdirAll(filepath.Join(dir, folder, sub), 0o700))
		}
		if folder != "" {
			n.must(os.WriteFile(filepath.Join(dir, folder, "cur", "1.M1P1.x:2,S"), []byte("Subject: equal\n\ntext\n"), 0o600))
		}
	}
	in := ops.MailboxImport{Address: "ann@test.example", Path: dir}
	for i, want := range []ops.MailboxImported{{Messages: 2}, {Known: 2}} {
		got, err := n.importMailbox(t.Context(), in)
		if err != nil || got.Messages != want.Messages || got.Known != want.Known || got.Bad != 0 {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
	if got := n.emails("ann", "Sent"); len(got) != 2 {
		t.Errorf("%d are there", len(got))
	}
}
