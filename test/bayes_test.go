package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

const bayesConfig = `
hostname: mx.test.example
gate: []
policies:
  - name: default
    required_score: 7.5
    reject_score: 8
    pipeline: [honeypot, bayes]
`

const bayesZone = `
far.example. TXT "v=spf1 ip4:192.0.2.7 -all"
`

// written is one of many messages that a writer of spam, or of ham, would write.
func written(spam bool, n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	from, words := "colleague", "meeting minutes project budget review tuesday report draft schedule office agenda notes team quarter attached thanks"
	if spam {
		from, words = "winner", "viagra casino lottery prize cheap pills click offer bonus replica watches million dollars unsubscribe guarantee limited"
	}
	list := strings.Fields(words)
	var text []string
	for range 40 {
		text = append(text, list[r.IntN(len(list))])
	}
	return fmt.Sprintf("From: %s%d@far.example\r\nTo: ann@test.example\r\nSubject: %s %d\r\nDate: Thu, 26 Nov 2026 09:00:00 +0000\r\nMessage-ID: <%d.%s@far.example>\r\n\r\n%s\r\n",
		from, n%7, strings.Join(text[:3], " "), n, n, from, strings.Join(text, " "))
}

// mailFiles writes spam as an mbox, and ham as a Maildir and a directory of messages.
func mailFiles(t *testing.T, dir string, each int) {
	t.Helper()
	var mbox strings.Builder
	for i := range each {
		fmt.Fprintf(&mbox, "From winner Thu Nov 26 09:00:00 2026\n%s\n>From here on it is cheap\n\n", strings.ReplaceAll(written(true, i), "\r\n", "\n"))
	}
	files := map[string]string{"spam.mbox": mbox.String(), "Maildir/dovecot-uidlist": "3 V1\n", "ham/photo.jpg": "\xff\xd8\xff\xe0\x00\x10JFIF"}
	for i := range each {
		name := fmt.Sprintf([]string{"Maildir/cur/%d:2,S", "Maildir/.Old/new/%d", "ham/sub/%d.eml"}[i%3], i)
		files[name] = written(false, i)
	}
	for _, sub := range []string{"Maildir/new", "Maildir/.Old/cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A bayesState is what `bayes --json` says, as far as these tests look.
type bayesState struct {
	Trained   bool
	Spam, Ham int64
	Lessons   []struct {
		Source string
		Spam   bool
		Count  int
	}
}

func (s bayesState) String() string {
	text := fmt.Sprintf("trained %t, %d spam, %d ham:", s.Trained, s.Spam, s.Ham)
	for _, l := range s.Lessons {
		text += fmt.Sprintf(" %s %t %d", l.Source, l.Spam, l.Count)
	}
	return text
}

// bayesBecomes waits until the filter has learnt.
func bayesBecomes(t *testing.T, m *machine.Machine, want string) {
	t.Helper()
	got := ""
	defer func() {
		if t.Failed() {
			t.Logf("got %s, want %s", got, want)
		}
	}()
	until(t, 30*time.Second, "bayes knows: "+want, func() bool {
		got = asked[bayesState](t, m, "bayes").String()
		return got == want
	})
}

// An empty model judges nothing. It learns from files, while the node is down and while it runs, then from what comes to traps and from what
// an owner moves, and takes back what is moved back. A kill loses nothing of it.
func TestBayes(t *testing.T) {
	t.Parallel()
	m := prepare(t, bayesConfig, bayesZone)
	ann := domain(t, m, "test.example", "--disposition", "junk")
	run(t, m, "", "list", "add", "trap", "trap@test.example")
	files := t.TempDir()
	mailFiles(t, files, 120)
	spamFile := files + "/spam.mbox" // judged as one message
	if out := run(t, m, "", "learn", "spam", files+"/spam.mbox", "--domain", "test.example"); out != "learnt as spam: 120\n" {
		t.Errorf("learn spam: %q", out)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	p := connect(t, m, "192.0.2.7")
	send := func(text string, to string) string {
		t.Helper()
		return p.send("sam@far.example", text, to).id(t)
	}
	if result, points := judged(t, m, send(written(true, 1000), ann), "bayes"); result != "untrained" || points != 0 {
		t.Errorf("before it saw any ham: %s, %g points", result, points)
	}
	out, errs, status := m.Try("", "learn", "ham", files+"/Maildir", files+"/ham")
	if !strings.Contains(out, "photo.jpg: it has no header") || !strings.Contains(out, "learnt as ham: 120, not learnt: 1") || status != 1 {
		t.Errorf("learn ham: %d, %q, %q", status, out, errs)
	}
	run(t, m, "", "learn", "ham", files+"/Maildir") // again: it is known
	bayesBecomes(t, m, "trained true, 120 spam, 120 ham: command false 120 command true 120")

	spam, ham := send(written(true, 1001), ann), send(written(false, 1002), ann)
	if result, points := judged(t, m, spam, "bayes"); result != "spam" || points != 6 { // its record is too short to decide
		t.Errorf("spam: %s, %g points", result, points)
	}
	if result, points := judged(t, m, ham, "bayes"); result != "ham" || points != 0 {
		t.Errorf("ham: %s, %g points", result, points)
	}
	inbox := box(t, m, ann, "INBOX")
	for i, want := range []string{"untrained", "spam, score=", "ham, score="} {
		if i >= len(inbox) || !strings.Contains(inbox[i], "\r\nX-Gatepost-Bayes: "+want) {
			t.Fatalf("message %d of %d: no %q in %q", i, len(inbox), want, inbox)
		}
	}
	explained := run(t, m, "", "bayes", "explain", files+"/ham/sub/2.eml", "--domain", "test.example")
	if !strings.Contains(explained, "ham at all levels") || !strings.Contains(explained, "WEIGHT") {
		t.Errorf("explained:\n%s", explained)
	}
	if walked := run(t, m, "", "explain", files+"/ham/sub/2.eml", "--client", "192.0.2.7", "--from", "sam@far.example", "--to", ann); !strings.Contains(walked, "1. bayes") && !strings.Contains(walked, "weighed:") {
		t.Errorf("explained:\n%s", walked)
	}

	bayesTraps(t, m)
	bayesBecomes(t, m, "trained true, 121 spam, 120 ham: command false 120 command true 120 trap true 1")
	bayesMoves(t, m, ann)

	before := run(t, m, "", "bayes", "explain", spamFile, "--domain", "test.example")
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	bayesBecomes(t, m, "trained true, 121 spam, 120 ham: command false 120 command true 120 inbox false 1 trap true 1")
	if after := run(t, m, "", "bayes", "explain", spamFile, "--domain", "test.example"); after != before {
		t.Errorf("before a kill:\n%s\nafter it:\n%s", before, after)
	}
	if out := run(t, m, "", "learn", "forget", "--file", files+"/spam.mbox"); out != "lessons taken back: 120\n" {
		t.Errorf("forget: %q", out)
	}
	bayesBecomes(t, m, "trained false, 1 spam, 120 ham: command false 120 inbox false 1 trap true 1")
}

// bayesTraps sends a trap the same from three networks: the third time it is believed.
func bayesTraps(t *testing.T, m *machine.Machine) {
	t.Helper()
	for i, client := range []string{"192.0.2.8", "198.51.100.8", "203.0.113.8"} {
		connect(t, m, client).send("sam@far.example", written(true, 1003), "trap@test.example")
		until(t, 30*time.Second, fmt.Sprint("the traps' lessons, ", i+1), func() bool {
			for _, c := range asked[[]struct {
				Source string
				Count  int
			}](t, m, "learn", "stats") {
				if c.Source == "trap" {
					return c.Count == i+1
				}
			}
			return false
		})
	}
}

// bayesMoves has ann move the second message in her inbox into Junk, and back as programs do that know no MOVE. What one person says
// counts in his domain, and not among the lessons of all.
func bayesMoves(t *testing.T, m *machine.Machine, ann string) {
	t.Helper()
	r := readMail(t, m, ann)
	r.want("a OK", r.say("SELECT INBOX"))
	r.want("a OK", r.say("UID MOVE 2 Junk"))
	bayesBecomes(t, m, "trained true, 121 spam, 120 ham: command false 120 command true 120 junk true 1 trap true 1")
	r.want("a OK", r.say("SELECT Junk"))
	r.want("a OK", r.say("COPY 1 INBOX"))
	r.want("a OK", r.say(`STORE 1 +FLAGS (\Deleted)`))
	r.want("a OK", r.say("EXPUNGE"))
	bayesBecomes(t, m, "trained true, 121 spam, 120 ham: command false 120 command true 120 inbox false 1 trap true 1")
}
