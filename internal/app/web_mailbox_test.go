package app

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

var shownSecret = regexp.MustCompile(`<code class="secret">([a-z0-9-]+)</code>`)

// Ann sets an answer and ends it; where she edited her rules elsewhere she is told so.
func TestOwnVacation(t *testing.T) {
	n := openPages(t)
	ann := n.logIn("ann@test.example")
	post := func(what string, pairs ...string) func(int, ...string) {
		t.Helper()
		return ann.wants(what)(ann.post("/mailbox", "/mailbox/vacation", pairs...))
	}
	post("no text", "text", " ")(http.StatusUnprocessableEntity, "Write a text.")
	post("backwards", "text", "away", "from", "2026-12-24", "to", "2026-12-23")(http.StatusUnprocessableEntity, "look at the days", `value="2026-12-24"`, ">away<")
	post("set", "text", "I am away.\r\nBack soon.", "subject", "Away", "from", "1999-12-24", "to", "2999-01-03", "act", "set")(http.StatusOK, "The answer is saved.", "switched on", `value="2999-01-03"`, `value="7"`)
	m := n.directoryBox("ann")
	want := func(what string, want ops.Vacation) {
		t.Helper()
		got, err := n.App.vacation(t.Context(), m)
		n.must(err)
		if want.Set, want.Runs, want.Then = true, true, got.Then; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	want("set", ops.Vacation{From: "1999-12-24", To: "2999-01-03", Subject: "Away", Text: "I am away.\nBack soon.", Days: usualDays, Except: []string{}})
	post("not yet", "text", "away", "from", "2999-01-01")(http.StatusOK, "begins on its first day", "-switched on")
	post("no more", "text", "away", "to", "1999-12-31")(http.StatusOK, `badge--warn">over<`, "-switched on")
	post("seldom", "text", "away", "every", "90", "except", "Eve@example.net\r\n\r\nexample.com \r\n")(http.StatusOK, `value="90"`, ">Eve@example.net\nexample.com\n<")
	seldom := ops.Vacation{Text: "away", Days: 90, Except: []string{"Eve@example.net", "example.com"}}
	want("seldom", seldom)
	for _, bad := range [][2]string{{"every", "0"}, {"every", "91"}, {"every", "1.5"}, {"every", "often"}, {"except", "eve at home"}, {"except", "@"}} {
		post(bad[0]+" "+bad[1], "text", "still away", bad[0], bad[1])(http.StatusUnprocessableEntity, "The answer can’t be like that", ">still away<", bad[1])
	}
	want("what was wrong", seldom)
	post("end", "act", "end")(http.StatusOK, "Nobody gets an answer", "-switched on")
	n.must2(n.putScript(t.Context(), ops.SievePut{Address: "ann@test.example", Name: "gatepost", Content: "keep;", Activate: true}))
	ann.wants("edited")(ann.get("/mailbox"))(http.StatusOK, "changed in a mail program", "-<textarea")
	post("edited", "text", "away")(http.StatusConflict, "changed in a mail program")
}

// Ann makes a password for a program, which is shown once, and takes it away. It takes her own.
func TestOwnPasswords(t *testing.T) {
	n := openPages(t)
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	post := func(name, password string) (int, string) {
		return ann.post("/mailbox/passwords", "/mailbox/passwords", "name", name, "password", password)
	}
	ann.wants("wrong")(post("phone", "wrong"))(http.StatusUnprocessableEntity, "not your current password", "There are none yet.")
	ann.wants("no name")(post(" ", pagesPassword))(http.StatusUnprocessableEntity, "Take another name")
	status, body := post("<phone>", pagesPassword)
	made := shownSecret.FindStringSubmatch(body)
	if status != http.StatusOK || made == nil {
		t.Fatalf("made: %d\n%s", status, body)
	}
	if _, err := n.directory.AuthenticateProgram(t.Context(), "ann@test.example", made[1]); err != nil {
		t.Errorf("it opens nothing: %v", err)
	}
	ann.wants("list")(ann.get("/mailbox/passwords"))(http.StatusOK, "&lt;phone&gt;", "-"+made[1])
	ann.wants("twice")(post("<PHONE>", pagesPassword))(http.StatusUnprocessableEntity, "Take another name")
	bob.wants("another's")(bob.post("/mailbox/passwords", "/mailbox/passwords/remove", "name", "<phone>"))(http.StatusOK, "There are none yet.")
	if len(n.directoryBox("ann").Apps) != 1 {
		t.Error("bob has removed it")
	}
	ann.wants("removed")(ann.post("/mailbox/passwords", "/mailbox/passwords/remove", "name", "<phone>"))(http.StatusOK, "nobody logs in with it")
	if _, err := n.directory.AuthenticateProgram(t.Context(), "ann@test.example", made[1]); err == nil {
		t.Error("it opens the mailbox still")
	}
}

// Ann sees how full her mailbox is, and brings a message back that she expunged; bob can't.
func TestOwnDeletedMail(t *testing.T) {
	n := openPages(t)
	ctx, box := t.Context(), n.limit("ann@test.example", directory.Limits{Messages: 4})
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	n.must(n.mailboxes.OpenBox(ctx, box, "", n.now()))
	var d mailbox.Delivery
	for _, subject := range []string{"kept", "<i>gone</i>"} {
		d = mailbox.Prepare(box, mailbox.Inbox, mail.NewMessage([]byte("From: Bob <bob@test.example>\r\nSubject: "+subject+"\r\n\r\nx\r\n")), n.now())
		d.Flags = []string{`\Deleted`}
		d.Blob = n.held("ann@test.example", plainMail, nil).Blob
		n.must(n.mailboxes.Deliver(ctx, &d))
	}
	ann.wants("full")(ann.get("/mailbox"))(http.StatusOK, `<meter min="0" max="100" high="90" value="50"`, "50 % full")
	ann.wants("nothing")(ann.get("/mailbox/deleted"))(http.StatusOK, "nothing to bring back")
	n.must(n.mailboxes.Expunge(ctx, d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}))
	_, body := ann.get("/mailbox/deleted")
	id := regexp.MustCompile(`name="id" value="(\d+)"`).FindStringSubmatch(body)
	if id == nil || !strings.Contains(body, "&lt;i&gt;gone") || strings.Contains(body, ">kept<") {
		t.Fatalf("deleted:\n%s", body)
	}
	back := func(v *visitor, pairs ...string) (int, string) {
		return v.post("/mailbox/deleted", "/mailbox/deleted", pairs...)
	}
	bob.wants("another's")(back(bob, "id", id[1]))(http.StatusOK, "0 messages are back")
	ann.wants("none")(back(ann))(http.StatusOK, "Tick the messages")
	ann.wants("no number")(back(ann, "id", "x"))(http.StatusBadRequest)
	ann.wants("back")(back(ann, "id", id[1]))(http.StatusOK, "1 message is back.", "nothing to bring back")
	ann.wants("no such page")(ann.get("/mailbox/deleted?after=x"))(http.StatusNotFound)
	ann.wants("none before the first")(ann.get("/mailbox/deleted?after=0"))(http.StatusNotFound)
}
