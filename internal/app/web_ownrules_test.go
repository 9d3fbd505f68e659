package app

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/ruleset"
)

var ruleKey = regexp.MustCompile(`id="r-([^"]+)"`)

// ruleForm is a form with one condition on the subject; pairs fill in the rest.
func ruleForm(values string, pairs ...string) []string {
	return append([]string{"on", "yes", "match", "all", "field", "subject", "header", "", "op", "contains", "values", values}, pairs...)
}

// script returns one of ann's.
func (n *pagesNode) script(name string) string {
	n.t.Helper()
	one, err := n.rules.Script(n.t.Context(), n.boxes["ann@test.example"], name)
	n.must(err)
	return one.Content
}

// keys are those of the rules that ann sees, in their order.
func (v *visitor) ruleKeys() (list []string) {
	v.n.t.Helper()
	_, body := v.get("/mailbox/rules")
	for _, m := range ruleKey.FindAllStringSubmatch(body, -1) {
		list = append(list, m[1])
	}
	return list
}

// Ann fills in rules, and her mail is filed by them; they stand in a script that runs, beside the answer of her vacation.
func TestOwnRules(t *testing.T) {
	n := openPages(t)
	ann := n.logIn("ann@test.example")
	save := func(what string, pairs ...string) func(int, ...string) {
		t.Helper()
		return ann.wants(what)(ann.post("/mailbox/rules/edit", "/mailbox/rules/edit", append(pairs, "do", "save")...))
	}
	ann.wants("none")(ann.get("/mailbox/rules"))(http.StatusOK, "There are no rules yet.", "“rules”")
	ann.wants("the way there")(ann.get("/mailbox"))(http.StatusOK, `href="/mailbox/rules"`)
	save("no action", ruleForm("x")...)(http.StatusUnprocessableEntity, "Say what is to be done", ">\nx</textarea>")
	save("no text", ruleForm("", "file", "A")...)(http.StatusUnprocessableEntity, "Condition 1:", `aria-invalid="true"`)
	save("no row of ours", "match", "all", "field", "size", "do", "save")(http.StatusBadRequest)
	ann.wants("a row more")(ann.post("/mailbox/rules/edit", "/mailbox/rules/edit", ruleForm("<b>", "do", "more")...))(http.StatusOK, "Condition 2", "&lt;b&gt;</textarea>")
	save("new", ruleForm("Shall we\r\nmeet*", "name", "Meet <up>", "file", "Team/Été", "seen", "yes", "stop", "yes")...)(http.StatusOK, "The rule is saved.", "Meet &lt;up&gt;", "“Shall we” or “meet*”", "file into “Team/Été”")
	want := `require ["fileinto", "imap4flags", "mailbox"];

# rule:[Meet <up>]
if header :contains "subject" ["Shall we", "meet*"] {
	addflag "\\Seen";
	fileinto :create "Team/Été";
	stop;
}
`
	if got := n.script("rules"); got != want {
		t.Errorf("got\n%s", got)
	}
	ann.wants("vacation")(ann.post("/mailbox", "/mailbox/vacation", "text", "away", "act", "set"))(http.StatusOK)
	ann.wants("both")(ann.get("/mailbox/rules"))(http.StatusOK, "Meet &lt;up&gt;", "“rules”", "-not in force")
	n.mailed("bob@test.example", "ann@test.example", "From: bob@test.example\r\nSubject: shall WE?\r\n\r\nx\r\n")
	folders, err := n.mailboxes.Folders(t.Context(), n.boxes["ann@test.example"])
	n.must(err)
	filed := ""
	for _, f := range folders {
		if f.Messages > 0 {
			filed += f.Name
		}
		if f.Name == "Team/Été" && f.Unseen > 0 {
			t.Error("it is not marked as read")
		}
	}
	if filed != "Team/Été" {
		t.Errorf("it is in %q", filed)
	}
	save("forwarded away", ruleForm("x", "forward", "c@elsewhere.example", "away", "yes")...)(http.StatusOK, "without a copy here")
	n.must(n.ownerRules().change(t.Context(), n.boxes["ann@test.example"], forwardAll))
	ann.wants("in vain")(ann.get("/mailbox/rules"))(http.StatusOK, "forwarded without a copy")
}

// mailed sends a message of somebody here, who is logged in.
func (n *pagesNode) mailed(from, to mail.Path, message string) {
	n.t.Helper()
	client := mail.Client{Addr: netip.MustParseAddr("127.0.0.1"), Login: from, Users: true, ESMTP: true}
	conv, _ := n.intake.Connect(n.t.Context(), client)
	defer conv.Close()
	tx, _ := conv.Mail(n.t.Context(), client, client.Login, mail.Params{})
	tx.Rcpt(n.t.Context(), to, mail.RcptParams{})
	if v := tx.Data(n.t.Context(), mail.NewMessage([]byte(message)), []byte("Received: test\r\n")); v.Answer != mail.OK {
		n.t.Fatal(v)
	}
}

// filed tells which messages a mailbox has, each with its folder and flags, in the order in which they came.
func (n *pagesNode) filed(address string) (list []string) {
	n.t.Helper()
	box := n.boxes[address]
	folders, err := n.mailboxes.Folders(n.t.Context(), box)
	n.must(err)
	for _, f := range folders {
		messages, err := n.mailboxes.Messages(n.t.Context(), f.ID, mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}, mailbox.Marks)
		n.must(err)
		for _, m := range messages {
			list = append(list, strings.TrimSpace(f.Name+" "+string(m.Flags.Append(nil))))
		}
	}
	return list
}

// What ann's rules ask of the text of a message is asked of what a reader sees, however it is encoded; and what they give labels
// to has them as keywords of IMAP, in the inbox and in a folder.
func TestOwnRulesBodyAndLabels(t *testing.T) {
	n := openPages(t)
	ann := n.logIn("ann@test.example")
	save := func(what string, pairs ...string) func(int, ...string) {
		t.Helper()
		return ann.wants(what)(ann.post("/mailbox/rules/edit", "/mailbox/rules/edit", append(pairs, "do", "save")...))
	}
	rule := func(op, values string, pairs ...string) []string {
		return append([]string{"on", "yes", "match", "all", "field", "body", "header", "", "op", op, "values", values}, pairs...)
	}
	save("a label of words", rule("contains", "x", "labels", "Work\r\nto do")...)(http.StatusUnprocessableEntity, "A label is one word", ">\nWork\r\nto do</textarea>")
	save("how it begins", rule("begins", "x", "labels", "Work")...)(http.StatusUnprocessableEntity, "Condition 1:", "does not go with")
	save("new", rule("contains", "the café\r\nlunch", "labels", "$label1\r\n Meeting \r\n$LABEL1")...)(http.StatusOK, "text of the message contains “the café” or “lunch”", "label it “$label1”, “Meeting”")
	save("not", rule("not-contains", "unsubscribe", "labels", "Person", "file", "People")...)(http.StatusOK, "text of the message does not contain “unsubscribe”")
	want := `require ["body", "imap4flags", "fileinto", "mailbox"];

if body :text :contains ["the café", "lunch"] {
	addflag ["$label1", "Meeting"];
}

if not body :text :contains "unsubscribe" {
	addflag "Person";
	fileinto :create "People";
}
`
	if got := n.script("rules"); got != want {
		t.Errorf("got\n%s", got)
	}
	key := ann.ruleKeys()[0]
	ann.wants("edit")(ann.get("/mailbox/rules/edit?rule="+key))(http.StatusOK, `<option value="body" selected>`, ">\nthe café\nlunch</textarea>", ">\n$label1\nMeeting</textarea>")
	const mime = "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nFrom: bob@test.example\r\nSubject: lunch\r\n\r\n"
	n.mailed("bob@test.example", "ann@test.example", mime+"<p>At THE caf=C3=A9. <b>Unsub</b>scribe</p>\r\n")
	n.mailed("bob@test.example", "ann@test.example", mime+"<p class=3D\"lunch\">the caf&eacute;</p>\r\n")
	n.mailed("bob@test.example", "ann@test.example", mime+"<p class=3D\"lunch\">nothing to unsubscribe</p>\r\n")
	n.mailed("bob@test.example", "ann@test.example", mime+"<p>nothing</p>\r\n")
	if got, want := strings.Join(n.filed("ann@test.example"), "; "), "INBOX $label1 Meeting; INBOX; People $label1 Meeting Person; People Person"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Rules that ann wrote in a mail program are shown, moved, switched and removed; what is more than a rule stays as it is. Who
// edits a rule that changed meanwhile is told so, with what he entered.
func TestOwnRulesElsewhere(t *testing.T) {
	n := openPages(t)
	ann := n.logIn("ann@test.example")
	put := func(content string) {
		t.Helper()
		n.must2(n.putScript(t.Context(), ops.SievePut{Address: "ann@test.example", Name: "mine", Content: content, Activate: true}))
	}
	odd := "# keep out\nif header :regex \"subject\" \"^x+$\" { discard; } # odd\n"
	put("require [\"fileinto\", \"regex\"];\n# rule:[One]\nif address :is \"from\" \"a@example.org\" { fileinto \"None\"; }\n" + odd + "# rule:[Two]\nif size :over 1M { stop; }\n")
	ann.wants("list")(ann.get("/mailbox/rules"))(http.StatusOK, ">One<", ">Two<", "# keep out", "written in another program", "is over 1 MiB", "“None” is not there", "“mine”")
	ann.wants("vacation")(ann.post("/mailbox", "/mailbox/vacation", "text", "away", "act", "set"))(http.StatusOK)
	ann.wants("behind the answer")(ann.get("/mailbox/rules"))(http.StatusOK, ">One<", "“mine”", "-not in force")
	ann.wants("back")(ann.post("/mailbox", "/mailbox/vacation", "act", "end"))(http.StatusOK)
	act := func(what, key, do string) func(int, ...string) {
		t.Helper()
		return ann.wants(what)(ann.post("/mailbox/rules", "/mailbox/rules", "rule", key, "do", do))
	}
	keys := ann.ruleKeys()
	if len(keys) != 3 {
		t.Fatalf("keys %q", keys)
	}
	act("up", keys[2], "up")(http.StatusOK, "is moved up")
	act("up again", keys[2], "up")(http.StatusOK, "is moved up")
	act("text", keys[1], "up")(http.StatusOK, "changed or removed elsewhere")
	act("off", keys[0], "off")(http.StatusOK, "is switched off", ">switched off<")
	act("nothing", keys[0], "burn")(http.StatusBadRequest)
	want := "require [\"fileinto\", \"regex\"];\n# rule:[Two]\nif size :over 1M { stop; }\n# rule:[One]\nif allof (false,\n\taddress :all :is \"from\" \"a@example.org\") {\n\tfileinto \"None\";\n}\n" + odd
	if got := n.script("mine"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	keys = ann.ruleKeys()
	ann.wants("edit")(ann.get("/mailbox/rules/edit?rule="+keys[1]))(http.StatusOK, `value="None"`, "-checked> <span>The rule is switched on", ">\na@example.org</textarea>")
	put(strings.Replace(n.script("mine"), "a@example.org", "b@example.org", 1))
	edit := ruleForm("mine", "rule", keys[1], "file", "Mine")
	ann.wants("too late")(ann.post("/mailbox/rules/edit", "/mailbox/rules/edit", append(edit, "do", "save")...))(http.StatusConflict, "in the meantime", ">\nmine</textarea>", `name="rule" value=""`)
	if !strings.Contains(n.script("mine"), "b@example.org") || strings.Contains(n.script("mine"), "Mine") {
		t.Errorf("lost:\n%s", n.script("mine"))
	}
	ann.wants("gone")(ann.get("/mailbox/rules/edit?rule="+keys[1]))(http.StatusOK, "changed or removed elsewhere")
	ann.wants("removed")(ann.post("/mailbox/rules/edit", "/mailbox/rules/edit", ruleForm("", "rule", ann.ruleKeys()[1], "do", "remove")...))(http.StatusOK, "The rule is removed.", "->One<", ">Two<", "# keep out")
	n.must(n.rules.ActivateScript(t.Context(), n.boxes["ann@test.example"], ""))
	n.must(n.rules.RenameScript(t.Context(), n.boxes["ann@test.example"], "mine", "rules"))
	ann.wants("idle")(ann.get("/mailbox/rules"))(http.StatusOK, "not in force", ">Two<")
	act("run", "", "run")(http.StatusOK, "are in force", "-not in force")
	put(strings.Repeat("keep;", 501))
	ann.wants("too long")(ann.get("/mailbox/rules"))(http.StatusOK, "a way that this page can’t show")
	ann.wants("nor changed")(ann.post("/mailbox", "/mailbox/rules/edit", ruleForm("x", "do", "save", "stop", "yes")...))(http.StatusOK, "a way that this page can’t show")
}

// forwardAll forwards mail, and keeps none.
func forwardAll(s *ruleset.Settings) {
	s.Forward = &ruleset.Forward{To: []string{"ann@elsewhere.example"}}
}
