package imap_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// people are ann, 1, and bob, 2, who is in the list team; sales, 3, is a group of both.
type people struct{}

func (people) names() map[string]mailbox.Who {
	return map[string]mailbox.Who{
		"ann@example.org": "box:1", "bob@example.org": "box:2", "sales@example.org": "box:3", "_archive@example.org": "box:4",
		"team@example.org": "group:team@example.org", "@example.org": "domain:example.org", "anyone": mailbox.Anyone,
	}
}

func (people) Visitor(box int64) mailbox.Visitor {
	v := mailbox.Visitor{Box: box, Names: []mailbox.Who{mailbox.BoxWho(box), "domain:example.org", mailbox.Anyone}}
	if box == 2 {
		v.Names = append(v.Names, "group:team@example.org")
	}
	return v
}

func (p people) Who(identifier string) (mailbox.Who, bool) {
	who, ok := p.names()[strings.ToLower(identifier)]
	return who, ok
}

func (p people) Name(who mailbox.Who) string {
	for name, w := range p.names() {
		if w == who {
			return name
		}
	}
	return ""
}

// sharing has start serve others' folders. Of the group's folders ann may do all, bob what
// a member does.
func sharing(s *imap.Server) {
	m := s.Store.(store.Mailboxes)
	s.Sharing, s.People = m, people{}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for box := range int64(3) {
		must(m.OpenBox(context.Background(), box+1, "", now))
	}
	must(m.SetGroup(context.Background(), 3, true))
	for who, rights := range map[mailbox.Who]string{"box:1": "manage", "box:2": "write"} {
		r, err := mailbox.ParsePreset(rights)
		must(err)
		_, _, err = m.SetGrant(context.Background(), 3, 0, who, mailbox.Replace, r)
		must(err)
	}
}

func loginAs(t *testing.T, s *server, user string) *client {
	t.Helper()
	c := s.dial(t)
	c.must("LOGIN " + user + "@example.org secret")
	return c
}

const shared = "Shared/ann@example.org/"

// needs says which rights a command of bob's takes in ann's folder a, RFC 4314 §4. Each is
// tried with these, and with all but one of them. In the folder is one message; setup
// comes before.
var needs = []struct {
	command string
	rights  string
	setup   []string
}{
	{"STATUS " + shared + "a (MESSAGES)", "r", nil},
	{"SELECT " + shared + "a", "r", nil},
	{"EXAMINE " + shared + "a", "r", nil},
	{"CREATE " + shared + "a/b", "k", nil},
	{"DELETE " + shared + "a", "x", nil},
	{"RENAME " + shared + "a " + shared + "c/d", "x", []string{"c:k"}},
	{"RENAME " + shared + "c " + shared + "a/d", "k", []string{"c:x"}},
	{"SUBSCRIBE " + shared + "a", "l", nil},
	{"GETACL " + shared + "a", "a", nil},
	{"SETACL " + shared + "a anyone l", "a", nil},
	{"DELETEACL " + shared + "a anyone", "a", nil},
	{"LISTRIGHTS " + shared + "a anyone", "a", nil},
	{"APPEND " + shared + "a {17+}\r\nSubject: a\r\n\r\nb\r\n", "i", nil},
	{"COPY 1 " + shared + "a", "i", []string{"SELECT INBOX"}},
	{"MOVE 1 " + shared + "a", "i", []string{"SELECT INBOX"}},
	{"UID COPY 1 INBOX", "r", []string{"SELECT " + shared + "a"}},
	{"FETCH 1 FLAGS", "r", []string{"SELECT " + shared + "a"}},
	{"MOVE 1 INBOX", "rte", []string{"SELECT " + shared + "a"}},
	{"EXPUNGE", "re", []string{"SELECT " + shared + "a"}},
	{"UID EXPUNGE 1", "re", []string{"SELECT " + shared + "a"}},
	{`STORE 1 +FLAGS (\Seen)`, "rs", []string{"SELECT " + shared + "a"}},
	{`STORE 1 -FLAGS (\Deleted)`, "rt", []string{"SELECT " + shared + "a"}},
	{`STORE 1 FLAGS ($Work)`, "rw", []string{"SELECT " + shared + "a"}},
	{`UID STORE 1 +FLAGS (\Answered)`, "rw", []string{"SELECT " + shared + "a"}},
	{"GETMETADATA " + shared + "a /shared/comment", "lr", nil},
	{"SETMETADATA " + shared + `a (/private/comment "x")`, "lr", nil},
	{"SETMETADATA " + shared + `a (/shared/comment "x")`, "lrw", nil},
}

// Every command is done with the rights that it takes, and is not with all others and
// without any one of those.
func TestRights(t *testing.T) {
	s := start(t, sharing, func(s *imap.Server) { s.Log = quiet() })
	ann := loginAs(t, s, "ann")
	for i, n := range needs {
		try := func(rights string) string {
			name := fmt.Sprintf("x%d%s", i, rights)
			ann.must("CREATE " + name + "/a")
			ann.must("CREATE " + name + "/c")
			ann.must("APPEND " + name + "/a {17+}\r\nSubject: a\r\n\r\nb\r\n")
			put := func(text string) string { return strings.ReplaceAll(text, shared, shared+name+"/") }
			bob := loginAs(t, s, "bob")
			bob.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
			ann.must("SETACL " + name + "/a bob@example.org lrswipkxtea")
			for _, do := range n.setup {
				if folder, rights, ok := strings.Cut(do, ":"); ok {
					ann.must("SETACL " + name + "/" + folder + " bob@example.org " + rights)
				} else {
					bob.must(put(do))
				}
			}
			ann.must("SETACL " + name + `/a bob@example.org "` + rights + `"`)
			lines := bob.do(put(n.command))
			if last := lines[len(lines)-1]; last == "<closed>" {
				return last
			}
			bob.do("LOGOUT") // a mailbox has 50 places
			return lines[len(lines)-1]
		}
		if got := try(n.rights); !strings.HasPrefix(got, "x1 OK") {
			t.Errorf("%s with %s: %s", n.command, n.rights, got)
		}
		for _, one := range n.rights {
			all := mailbox.AllRights.String()
			got := try(strings.Replace(all, string(one), "", 1))
			want := "x1 NO [NOPERM]"
			switch {
			case one == 'l':
				want = "x1 NO [NONEXISTENT]" // nobody is to know that it is there
			case one == 'r' && len(n.setup) > 0 && strings.HasPrefix(n.setup[0], "SELECT Shared"):
				want = "<closed>"
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s without %c: got %s, want %s", n.command, one, got, want)
			}
			if one != 'l' { // without l, too, what is missing is not there
				got := try(strings.Replace(strings.Replace(all, string(one), "", 1), "l", "", 1))
				hidden := strings.HasSuffix(got, "] No such mailbox")
				if strings.HasPrefix(got, "x1 OK") || want != "<closed>" && len(n.setup) == 0 && !hidden {
					t.Errorf("%s without %c and l: got %s", n.command, one, got)
				}
			}
		}
		ann.must("NOOP")
	}
}

// Who changes rights is asked with who does it, to whom, and in which folder with its owner.
func TestGive(t *testing.T) {
	var mu sync.Mutex
	var told []string
	s := start(t, sharing, func(s *imap.Server) {
		s.Give = func(ctx context.Context, o imap.Offer, how mailbox.How) (before, after mailbox.Rights, err error) {
			mu.Lock()
			defer mu.Unlock()
			before, after, err = s.Sharing.SetGrant(ctx, o.Box, o.Folder, o.Who, how, o.Rights)
			if !before.Has(mailbox.MayLookUp) && after.Has(mailbox.MayLookUp) {
				told = append(told, fmt.Sprintf("%s gives %s of %d to %s: %s", o.By, o.Name, o.Box, o.Who, after))
			}
			return before, after, err
		}
	})
	ann, bob := loginAs(t, s, "ann"), loginAs(t, s, "bob")
	ann.must("CREATE a")
	ann.must("SETACL a bob@example.org rs") // not to be seen
	ann.must("SETACL a bob@example.org +la")
	ann.must("SETACL a bob@example.org +w")
	bob.must("SETACL " + shared + "a team@example.org lr")
	bob.must("DELETEACL " + shared + "a bob@example.org")
	want := []string{
		"ann@example.org gives a of 1 to box:2: lrsa",
		"bob@example.org gives a of 1 to group:team@example.org: lr",
	}
	if !slices.Equal(told, want) {
		t.Errorf("got\n%s", strings.Join(told, "\n"))
	}
}

// Two sessions of different owners in one folder see each other's changes; one that waits
// in IDLE hears of them, and of its rights' end, at once.
func TestSharedIdle(t *testing.T) {
	s := start(t, sharing)
	ann, bob := loginAs(t, s, "ann"), loginAs(t, s, "bob")
	ann.must("CREATE a")
	ann.must("SETACL a bob@example.org lrs")
	bob.must("SELECT " + shared + "a")
	bob.send("i1 IDLE")
	wantPrefix(t, "idle", bob.line(), "+ ")
	ann.must("APPEND a {17+}\r\nSubject: a\r\n\r\nb\r\n")
	wantPrefix(t, "new mail", bob.line(), "* 1 EXISTS")
	ann.must("SELECT a")
	ann.must(`STORE 1 +FLAGS (\Seen)`)
	wantPrefix(t, "flags", bob.line(), `* 1 FETCH (UID 1 FLAGS (\Seen)`)
	ann.must("SETACL a bob@example.org lr")
	wantPrefix(t, "rights", bob.line(), `* FLAGS (\Answered`)
	wantPrefix(t, "rights", bob.line(), `* OK [PERMANENTFLAGS ()]`)
	ann.must("DELETEACL a bob@example.org")
	wantPrefix(t, "the end", bob.line(), "* BYE [UNAVAILABLE] The selected mailbox is not shared with you any more")
	if line := bob.line(); line != "<closed>" {
		t.Errorf("then: %s", line)
	}
}

// What is held for a group no member sees, whatever his rights.
func TestHeldIsNotShared(t *testing.T) {
	s := start(t, releasing, sharing)
	if err := s.db.Mailboxes().OpenHeld(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	ann := loginAs(t, s, "ann")
	if got := strings.Join(ann.must(`LIST "" "*"`), "\n"); strings.Contains(got, "sales@example.org/Quarantine") {
		t.Errorf("listed:\n%s", got)
	}
	for _, command := range []string{"SELECT", "DELETE", "GETACL", "MYRIGHTS"} {
		lines := ann.do(command + " Groups/sales@example.org/Quarantine")
		wantPrefix(t, command, lines[len(lines)-1], "x1 NO [NONEXISTENT]")
	}
	lines := ann.do("SETACL Quarantine bob@example.org lr")
	wantPrefix(t, "her own", lines[len(lines)-1], "x1 NO [NOPERM]")
}
