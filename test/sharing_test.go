package test

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// sharers are two users and a group with imaplib: ann shares, bob reads and copies, both
// work in the group.
const sharers = `
import imaplib, sys
host, port = sys.argv[1].split(":")
def login(user):
    m = imaplib.IMAP4(host, int(port))
    m.login(user + "@test.example", sys.argv[2])
    return m
def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]
note = b"From: ann@test.example\r\nSubject: %s\r\n\r\nbody\r\n"
ann, bob = login("ann"), login("bob")
assert "ACL" in ann.capabilities or b"ACL" in ok(ann.capability())[0]
assert ok(bob.namespace()) == [b'(("" "/")) (("Shared/" "/")) (("Groups/" "/"))']

# A folder of ann's.
ok(ann.create("Plans"))
ok(ann.append("Plans", r"(\Flagged)", None, note % b"plan"))
ok(ann.setacl("Plans", "bob@test.example", "lrs"))
assert ok(ann.getacl("Plans")) == [b'"Plans" "ann@test.example" lrswipkxteacd "bob@test.example" lrs']
shared = "Shared/ann@test.example/Plans"
assert any(shared.encode() in line for line in ok(bob.list()))
assert ok(bob.lsub("Shared/", "*")) == [None]
ok(bob.subscribe(shared))
assert len(ok(bob.lsub("Shared/", "*"))) == 1
assert ok(bob.myrights(shared)) == [b'"%s" lrs' % shared.encode()]
assert ok(bob.select(shared)) == [b"1"]
assert b"Subject: plan" in ok(bob.fetch("1", "(BODY[])"))[0][1]
assert bob.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
assert bob.append(shared, None, None, note % b"no")[0] == "NO"
ok(bob.copy("1", "Archives"))
ok(ann.select("Plans"))
assert rb"\Seen" in ok(ann.fetch("1", "(FLAGS)"))[0]
ok(ann.setacl("Plans", "bob@test.example", "+wite"))
ok(bob.append(shared, None, None, note % b"from bob"))
ok(ann.noop())
assert ann.response("EXISTS")[1][-1] == b"2"
ok(bob.uid("MOVE", "1", "INBOX"))
ok(ann.deleteacl("Plans", "bob@test.example"))
try:
    bob.noop()
    assert False, "bob is still in the folder"
except imaplib.IMAP4.abort as e:
    assert "not shared with you any more" in str(e), e
bob = login("bob")
assert bob.select(shared)[0] == "NO"
ok(bob.select("INBOX"))
assert len(ok(bob.search(None, "SUBJECT", "plan", "FROM", "ann"))[0].split()) == 1

# The group: what one answers the other sees as answered, and the answer in its Sent.
inbox, sent = "Groups/help@test.example/INBOX", "Groups/help@test.example/Sent"
assert ok(ann.select(inbox)) == [b"1"] and ok(bob.select(inbox)) == [b"1"]
ok(ann.store("1", "+FLAGS", r"(\Answered)"))
ok(ann.append(sent, r"(\Seen)", None, note % b"answer"))
ok(bob.noop())
assert rb"\Answered" in ok(bob.fetch("1", "(FLAGS)"))[0]
assert ok(bob.select(sent)) == [b"1"]
print("done")
`

// Field note R3 (shared mailboxes, ACL): folders are shared and taken back, in mail
// programs and by command, the receiver is told, and a group works on one inbox.
func TestSharedFolders(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin", "--language", "fr")
	run(t, m, "", "alias", "add", "helpers@test.example", ann, "bob@test.example")
	run(t, m, "", "group", "add", "help@test.example", "--member", "helpers@test.example")
	mailFrom(t, m, goodClient, sender, note("question", "how?"), "help@test.example").id(t)
	told := func(texts ...string) {
		t.Helper()
		until(t, time.Minute, "bob is told "+texts[0], func() bool {
			return slices.ContainsFunc(box(t, m, "bob@test.example", "INBOX"), func(content string) bool {
				m := mail.NewMessage([]byte(content))
				letter, _ := m.Text(m.Root(), 1<<20)
				return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(letter, text) })
			})
		})
	}
	told("help@test.example partage tous les dossiers de la boîte avec vous.", "    Groups/help@test.example\n")
	run(t, m, "", "share", "add", ann, "Archive", "bob@test.example")
	told("    Shared/ann@test.example/Archive\n", "Vous pouvez en lire")
	run(t, m, "", "share", "answer", "bob@test.example", "Shared/ann@test.example/Archive", "decline")
	if list := run(t, m, "", "share", "list", "--with", "bob@test.example"); !strings.Contains(list, "declined") {
		t.Errorf("shared with bob:\n%s", list)
	}
	bob := readMail(t, m, "bob@test.example")
	if got := strings.Join(bob.say(`LIST "" "Shared/*"`), "\n"); strings.Contains(got, "Archive") {
		t.Errorf("declined, and listed:\n%s", got)
	}
	run(t, m, "", "share", "remove", ann, "Archive", "bob@test.example")
	bob.want("NONEXISTENT", bob.say("SELECT Shared/ann@test.example/Archive"))
	out, err := runs(t, "python3", "-c", sharers, m.IMAP, password).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "done") {
		t.Fatalf("imaplib: %v\n%s", err, out)
	}
	told("    Shared/ann@test.example/Plans\n")
}

// What a member sends as the group the others find in its Sent, with who has sent it; his program may file it there, too.
func TestGroupSent(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, "hostname: mx.test.example\n", flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin", "--language", "fr")
	run(t, m, "", "group", "add", "help@test.example", "--member", ann, "--member", "bob@test.example")
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(ann, password)))
	p.send(ann, noteBy("help@test.example", "your order", "It is on its way."), "bob@test.example", "friend@elsewhere.example").id(t)
	p.send(ann, noteBy(ann, "my own", "not the group's"), "bob@test.example").id(t)

	bob := readMail(t, m, "bob@test.example")
	bob.want("STATUS \"Groups/help@test.example/Sent\" (MESSAGES 1 UNSEEN 0)", bob.say("STATUS Groups/help@test.example/Sent (MESSAGES UNSEEN)"))
	bob.want("OK", bob.say("EXAMINE Groups/help@test.example/Sent"))
	header := strings.Join(bob.say("FETCH 1 BODY[HEADER]"), "\n")
	for _, want := range []string{"X-Gatepost-Login: " + ann, "From: help@test.example", "Subject: your order"} {
		if !strings.Contains(header, want) {
			t.Errorf("no %q in\n%s", want, header)
		}
	}
}

// The mail of a share has a link by which it is accepted or declined, once. Its receiver leaves it later, and
// whose it is sees so; what is made or moved beneath a shared folder is shared as it is.
func TestShareAnswered(t *testing.T) {
	t.Parallel()
	m := prepare(t, releaseConfig, flowZone)
	m.Sets = append(m.Sets, "web.url=http://"+m.Web, "sharing.show=accepted")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin", "--language", "fr")
	owner, bob := readMail(t, m, ann), readMail(t, m, "bob@test.example")
	for _, command := range []string{"CREATE Plans/2026", "CREATE Notes", "CREATE Old"} {
		owner.want("a OK", owner.say(command))
	}
	link := func(folder string) (found string) {
		t.Helper()
		until(t, time.Minute, "bob has the link to "+folder, func() bool {
			for _, content := range box(t, m, "bob@test.example", "INBOX") {
				m := mail.NewMessage([]byte(content))
				letter, _ := m.Text(m.Root(), 1<<20)
				if strings.Contains(letter, "    Shared/"+ann+"/"+folder+"\n") {
					found = regexp.MustCompile(`http://\S+/share/\S+`).FindString(letter)
				}
			}
			return found != ""
		})
		return found
	}
	press := func(link, answer string, status int, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, link, strings.NewReader("answer="+answer))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", "fr")
		answered, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answered.Body.Close()
		page, err := io.ReadAll(answered.Body)
		if answered.StatusCode != status || err != nil || !strings.Contains(string(page), want) {
			t.Errorf("%s %s: %s, %v, no %q in\n%s", link, answer, answered.Status, err, want, page)
		}
	}
	listed := func() string {
		t.Helper()
		var names []string
		for _, line := range bob.say(`LIST "" "Shared/*"`) {
			if _, name, ok := strings.Cut(line, ann+"/"); ok {
				names = append(names, strings.TrimSuffix(name, `"`))
			}
		}
		return strings.Join(names, " ")
	}
	wantListed := func(when, want string) {
		t.Helper()
		if got := listed(); got != want {
			t.Errorf("%s: bob sees %q, want %q", when, got, want)
		}
	}
	owner.want("a OK", owner.say("SETACL Plans bob@test.example lr"))
	run(t, m, "", "share", "add", ann, "Notes", "bob@test.example")
	plans, notes := link("Plans"), link("Notes")
	wantListed("nothing is answered", "")
	press(plans, "accepted", http.StatusOK, "Vous l’avez accepté")
	press(plans, "declined", http.StatusNotFound, "Il a déjà servi")
	press(notes, "declined", http.StatusOK, "Vous l’avez refusé")
	wantListed("accepted", "Plans Plans/2026")
	bob.want("Plans/2026", bob.say(`LSUB "" "Shared/*"`))
	owner.want("a OK", owner.say("CREATE Plans/2027"))
	owner.want("a OK", owner.say("RENAME Old Plans/Old"))
	wantListed("made and moved beneath", "Plans Plans/2026 Plans/2027 Plans/Old")
	owner.want(`bob@test.example" lr`, owner.say("GETACL Plans/Old"))
	if list := run(t, m, "", "share", "list", "--owner", ann); strings.Count(list, "declined") != 1 || !strings.Contains(list, "accepted") {
		t.Errorf("what ann sees:\n%s", list)
	}
	bob.want("a NO", bob.say("DELETEACL Shared/"+ann+"/Plans "+ann))
	bob.want("a OK", bob.say("DELETEACL Shared/"+ann+"/Plans/2027 bob@test.example"))
	wantListed("left one, by IMAP", "Plans Plans/2026 Plans/Old")
	run(t, m, "", "share", "leave", "bob@test.example", "Shared/"+ann+"/Plans")
	wantListed("left all, by command", "")
	owner.want("a OK", owner.say("SETACL Plans bob@test.example lrs"))
	owner.want(`bob@test.example" lrs`, owner.say("GETACL Plans/2026"))
	owner.want("a OK", owner.say("SETACL Plans/2026 bob@test.example lr"))
	owner.want("a OK", owner.say("DELETEACL Plans bob@test.example"))
	owner.want(`bob@test.example" lr`, owner.say("GETACL Plans/2026"))
	bob.want("a OK", bob.say("SUBSCRIBE Shared/"+ann+"/Plans/2026"))
	wantListed("subscribed to, below a name alone", "Plans Plans/2026")
	bob.want("a OK", bob.say("UNSUBSCRIBE Shared/"+ann+"/Plans/2026"))
	wantListed("unsubscribed from", "")
}
