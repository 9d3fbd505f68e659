package test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// A reader is one IMAP connection, spoken line by line.
type reader struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func readMail(t *testing.T, m *machine.Machine, user string) *reader {
	t.Helper()
	conn, err := net.DialTimeout("tcp", m.IMAP, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &reader{t, conn, bufio.NewReader(conn)}
	r.line()
	r.say(fmt.Sprintf("LOGIN %s %q", user, password))
	return r
}

func (r *reader) line() string {
	r.t.Helper()
	r.conn.SetDeadline(time.Now().Add(time.Minute))
	line, err := r.r.ReadString('\n')
	if err != nil {
		r.t.Fatalf("no answer: %v", err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// say gives a command and returns the answers, the tagged one last.
func (r *reader) say(command string) (answers []string) {
	r.t.Helper()
	fmt.Fprintf(r.conn, "a %s\r\n", command)
	for {
		line := r.line()
		answers = append(answers, line)
		if strings.HasPrefix(line, "a ") {
			return answers
		}
	}
}

// want fails the test unless an answer has the text.
func (r *reader) want(text string, answers []string) {
	r.t.Helper()
	if all := strings.Join(answers, "\n"); !strings.Contains(all, text) {
		r.t.Errorf("got:\n%s\nwant %q", all, text)
	}
}

// idle waits in a folder.
func (r *reader) idle(folder string) {
	r.t.Helper()
	r.want("a OK", r.say("SELECT "+folder))
	fmt.Fprint(r.conn, "a IDLE\r\n")
	if got := r.line(); !strings.HasPrefix(got, "+") {
		r.t.Fatalf("idle: %q", got)
	}
}

// mover goes through the folder with imaplib, and releases its only message.
const mover = `
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login(sys.argv[2], sys.argv[3])
assert m.select("Quarantine")[0] == "OK"
assert m.response("PERMANENTFLAGS")[1] == [b"()"]
assert m.search(None, "SUBJECT", "offer")[1] == [b"1"]
data = m.fetch("1", "(BODY[] FLAGS)")[1]
assert b"Subject: offer" in data[0][1] and imaplib.ParseFlags(data[1]) == (), data
assert m.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
assert m.copy("1", "INBOX")[0] == "NO"
assert m.uid("MOVE", "1", "Trash")[0] == "NO"
assert m.uid("MOVE", "1", "INBOX")[0] == "OK"
assert m.response("EXPUNGE")[1] == [b"1"]
m.logout()
`

// What is held is seen in its owner's mail program, and released by a move: once, into the
// inbox, in the owner's name. Who waits on the folder hears of all that happens in it.
func TestQuarantineByIMAP(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	waits := readMail(t, m, ann)
	waits.want(`* LIST (\HasNoChildren) "/" "Quarantine"`, waits.say(`LIST "" Q*`))
	waits.idle("Quarantine")
	id := holdOne(t, m, "offer", "of the day", ann)
	if got := waits.line(); got != "* 1 EXISTS" {
		t.Errorf("to one that waits: %q", got)
	}
	if out, err := runs(t, "curl", "-sS", "-u", ann+":"+password, "imap://"+m.IMAP+"/Quarantine;UID=1").CombinedOutput(); err != nil || !strings.Contains(string(out), "a pest of the day") {
		t.Errorf("curl: %v\n%s", err, out)
	}
	if out, err := runs(t, "python3", "-c", mover, m.IMAP, ann, password).CombinedOutput(); err != nil {
		t.Fatalf("imaplib: %v\n%s", err, out)
	}
	if got := waits.line(); got != "* 1 EXPUNGE" {
		t.Errorf("to one that waits: %q", got)
	}
	got := withSubject(box(t, m, ann, "INBOX"), "offer")
	if len(got) != 1 || !strings.Contains(got[0], "X-Gatepost-Released: ") || strings.Contains(got[0], "SPAM") {
		t.Errorf("the inbox has %q", got)
	}
	shown := asked[struct {
		State   string
		History []struct{ By, State string }
	}](t, m, "quarantine", "show", id)
	if shown.State != "released" || len(shown.History) != 1 || shown.History[0].By != ann {
		t.Errorf("the quarantine says %+v", shown)
	}
	if out, err := m.Run("", "quarantine", "release", id); err == nil {
		t.Errorf("released again: %s", out)
	}

	id = holdOne(t, m, "another", "of them", ann)
	if got := waits.line(); got != "* 1 EXISTS" {
		t.Errorf("to one that waits: %q", got)
	}
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	waits = readMail(t, m, ann)
	waits.want("UIDNEXT 3", waits.say("STATUS Quarantine (MESSAGES UIDNEXT)"))
	waits.idle("Quarantine")
	run(t, m, "", "quarantine", "delete", id)
	if got := waits.line(); got != "* 1 EXPUNGE" {
		t.Errorf("to one that waits: %q", got)
	}
	if got := box(t, m, ann, "INBOX"); len(got) != 1 {
		t.Errorf("the inbox has %d messages", len(got))
	}
}
