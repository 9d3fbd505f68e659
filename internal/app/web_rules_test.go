package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/internal/web"
)

// The admin of a domain writes its rules on a page: they are refused with the place of what is wrong, counted at once, and
// nobody's business elsewhere.
func TestRulesPage(t *testing.T) {
	n := openPages(t)
	adam, hanna, olga := n.logIn("adam"), n.logIn("hanna"), n.logIn("olga")
	adam.wants("which")(adam.get("/rules?domain=test.example"))(http.StatusOK, "Mail from others", "Mail to others", "Mail within the domain")
	adam.wants("another's")(adam.get("/rules?domain=other.example"))(http.StatusNotFound, "no domain other.example", "-textarea")
	hanna.wants("helpdesk")(hanna.get("/rules?domain=test.example"))(http.StatusForbidden)
	olga.wants("operator, nothing named")(olga.get("/rules"))(http.StatusOK, "Name the domain")
	put := func(v *visitor, domain, way, do, text string) (int, string) {
		_, page := v.get("/rules?domain=test.example")
		return v.post("/rules?domain=test.example", "/rules", "domain", domain, "way", way, "do", do, "text", text, "was", scriptMark(page, way))
	}
	adam.wants("wrong")(put(adam, "test.example", "in", "save", "keep;\r\n  fileinto \"<b>\";"))(http.StatusUnprocessableEntity,
		"Line 2, column 3:", `fileinto works only behind: require "fileinto";`, `fileinto &#34;&lt;b&gt;&#34;;`)
	adam.wants("out files nothing")(put(adam, "test.example", "out", "check", `require "fileinto"; fileinto "A";`))(http.StatusUnprocessableEntity, `"fileinto" is not for these rules`)
	adam.wants("checked")(put(adam, "test.example", "in", "check", `discard;`))(http.StatusOK, "These rules can run.", "discard;")
	if d, _ := n.directory.Snapshot().Domain("test.example"); d.Rules != (directory.Rules{}) {
		t.Errorf("kept %+v", d.Rules)
	}
	adam.wants("another's, put")(put(adam, "other.example", "in", "save", "discard;"))(http.StatusNotFound)
	adam.wants("no direction")(put(adam, "test.example", "up", "save", "discard;"))(http.StatusBadRequest)
	adam.wants("too long")(put(adam, "test.example", "in", "save", "#"+strings.Repeat("x", directory.MaxRules)))(http.StatusBadRequest)
	adam.wants("saved")(put(adam, "test.example", "in", "save", "require \"fileinto\";\r\nfileinto \"Team\";"))(http.StatusOK, "Saved: Mail from others", "fileinto")
	if d, _ := n.directory.Snapshot().Domain("test.example"); d.Rules.In != "require \"fileinto\";\nfileinto \"Team\";" {
		t.Errorf("kept %+v", d.Rules)
	}
	olga.wants("removed")(put(olga, "test.example", "in", "save", " \r\n"))(http.StatusOK)
	if d, _ := n.directory.Snapshot().Domain("test.example"); d.Rules != (directory.Rules{}) {
		t.Errorf("left %+v", d.Rules)
	}
	if d, _ := n.directory.Snapshot().Domain("other.example"); d.Rules != (directory.Rules{}) {
		t.Errorf("another's: %+v", d.Rules)
	}
	notes, err := n.store.Audit().Notes(t.Context(), store.NoteQuery{Whom: "test.example", What: directory.NoteRules})
	n.must(err)
	if len(notes) != 2 || notes[0].Who != "olga" || notes[0].About != "in: none" || notes[1].Who != "adam" || notes[1].About != "in: 36 octets" {
		t.Errorf("noted: %+v", notes)
	}
}

var wayMark = regexp.MustCompile(`name="way" value="(\w+)"><input type="hidden" name="was" value="(\w+)"`)

// scriptMark is what the page has a form say of the script that stands.
func scriptMark(page, way string) string {
	for _, m := range wayMark.FindAllStringSubmatch(page, -1) {
		if m[1] == way {
			return m[2]
		}
	}
	return ""
}

// A script that another admin has changed since the page was opened is not overwritten: who wrote sees both, and saves again.
func TestRulesChangedMeanwhile(t *testing.T) {
	n := openPages(t)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	_, page := adam.get("/rules?domain=test.example")
	put := func(v *visitor, was, do, text string) (int, string) {
		return v.post("/rules?domain=test.example", "/rules", "domain", "test.example", "way", "in", "do", do, "text", text, "was", was)
	}
	olga.wants("first")(put(olga, scriptMark(page, "in"), "save", "# hers\nkeep;"))(http.StatusOK, "Saved: ")
	for _, do := range []string{"check", "save"} {
		adam.wants(do+" too late")(put(adam, scriptMark(page, "in"), do, "# his\ndiscard;"))(http.StatusConflict, "Somebody else has changed", "# hers", "# his", "-Saved: ")
	}
	if d, _ := n.directory.Snapshot().Domain("test.example"); d.Rules.In != "# hers\nkeep;" {
		t.Errorf("kept %q", d.Rules.In)
	}
	if err := (rulePages{n.App}).SetRules(t.Context(), "test.example", directory.In, "", "discard;", "adam"); !errors.Is(err, web.ErrRulesChanged) {
		t.Errorf("between the two: %v", err)
	}
	_, again := put(adam, scriptMark(page, "in"), "save", "# his\ndiscard;")
	adam.wants("all the same")(put(adam, scriptMark(again, "in"), "save", "# his\ndiscard;"))(http.StatusOK, "Saved: ", "-# hers")
}

// wayKeys are those of the rules on the domain's page, with their direction, in their order.
func (v *visitor) wayKeys(way string) (list []string) {
	v.n.t.Helper()
	_, body := v.get("/rules?domain=test.example")
	for _, m := range ruleKey.FindAllStringSubmatch(body, -1) {
		if key, ok := strings.CutPrefix(m[1], way+"-"); ok {
			list = append(list, key)
		}
	}
	return list
}

// The admin of a domain fills its rules in as forms, for each direction what is allowed there; they stand in the same script as
// what was written by hand, run, and are nobody's business elsewhere.
func TestDomainRuleForms(t *testing.T) {
	n := openPages(t)
	adam, hanna := n.logIn("adam"), n.logIn("hanna")
	kept := func(way directory.Direction, want string) {
		t.Helper()
		if d, _ := n.directory.Snapshot().Domain("test.example"); d.Rules.Of(way) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", way, d.Rules.Of(way), want)
		}
	}
	save := func(what, domain, way string, pairs ...string) func(int, ...string) {
		t.Helper()
		return adam.wants(what)(adam.post("/rules?domain=test.example", "/rules/edit", append(pairs, "domain", domain, "way", way, "do", "save")...))
	}
	act := func(what, way, key, do string) func(int, ...string) {
		t.Helper()
		return adam.wants(what)(adam.post("/rules?domain=test.example", "/rules/change", "domain", "test.example", "way", way, "rule", key, "do", do))
	}
	adam.wants("the way there")(adam.get("/rules?domain=test.example"))(http.StatusOK, `href="/rules/edit?domain=test.example&amp;way=out"`, "There are no rules yet.", `-<details class="card" open`)
	adam.wants("new, in")(adam.get("/rules/edit?domain=test.example&way=in"))(http.StatusOK, `name="file"`, `-name="labels"`, `-name="seen"`, `name="way" value="in"`, "the recipient does not get it", "Mail from others")
	adam.wants("new, out")(adam.get("/rules/edit?domain=test.example&way=out"))(http.StatusOK, `-name="file"`, `-name="copy"`, `-name="flag"`, `name="forward"`)
	save("filed out", "test.example", "out", ruleForm("x", "file", "A")...)(http.StatusUnprocessableEntity, "Rules here can’t do this", ">\nx</textarea>")
	save("labelled", "test.example", "in", ruleForm("x", "labels", "Work")...)(http.StatusUnprocessableEntity, "Rules here can’t do this")
	save("no direction", "test.example", "up", ruleForm("x", "delete", "yes")...)(http.StatusBadRequest)
	save("another's", "other.example", "in", ruleForm("x", "delete", "yes")...)(http.StatusNotFound)
	adam.wants("another's, shown")(adam.get("/rules/edit?domain=other.example&way=in"))(http.StatusNotFound)
	adam.wants("another's, moved")(adam.post("/rules?domain=test.example", "/rules/change", "domain", "other.example", "way", "in", "rule", "x", "do", "up"))(http.StatusNotFound)
	adam.wants("no such")(adam.get("/rules/edit?domain=none.example&way=in"))(http.StatusNotFound)
	hanna.wants("helpdesk")(hanna.get("/rules/edit?domain=test.example&way=in"))(http.StatusForbidden)
	hanna.wants("helpdesk, saved")(hanna.post("/account", "/rules/edit", ruleForm("x", "delete", "yes", "domain", "test.example", "way", "in", "do", "save")...))(http.StatusForbidden)
	hanna.wants("helpdesk, moved")(hanna.post("/account", "/rules/change", "domain", "test.example", "way", "in", "rule", "x", "do", "up"))(http.StatusForbidden)
	for _, way := range directory.Directions() {
		kept(way, "")
	}

	save("local", "TEST.example", "local", ruleForm("a question", "name", "Team", "file", "Team", "forward", "carl@other.example", "stop", "yes")...)(http.StatusOK, "The rule is saved.", ">Team<", "file into “Team”", "send a copy to carl@other.example")
	body := []string{"on", "yes", "match", "all", "field", "body", "header", "", "op", "contains", "values", "shall"}
	save("local, by the body", "test.example", "local", append(body, "delete", "yes")...)(http.StatusOK, "text of the message contains “shall”")
	const team, gone = "# rule:[Team]\nif header :contains \"subject\" \"a question\" {\n\tredirect :copy \"carl@other.example\";\n\tfileinto \"Team\";\n\tstop;\n}\n", "if body :text :contains \"shall\" {\n\tdiscard;\n}\n"
	kept(directory.Local, "require [\"copy\", \"fileinto\", \"body\"];\n\n"+team+"\n"+gone)
	n.mailed("ann@test.example", "bob@test.example", "From: ann@test.example\r\nSubject: a question\r\n\r\nwhen shall we meet?\r\n")
	n.mailed("ann@test.example", "bob@test.example", "From: ann@test.example\r\nSubject: an answer\r\n\r\nwe shall\r\n")
	n.mailed("ann@test.example", "bob@test.example", "From: ann@test.example\r\nSubject: well\r\n\r\ngood\r\n")
	onward := slices.DeleteFunc(n.sent(), func(text string) bool { return !strings.Contains(text, "Delivered-To: bob@test.example") })
	if got := strings.Join(n.filed("bob@test.example"), ", "); got != "INBOX, Team" || len(onward) != 1 || !strings.Contains(onward[0], "Subject: a question") {
		t.Errorf("bob has %s, sent on are %q", got, onward)
	}

	keys := adam.wayKeys("local")
	if len(keys) != 2 || len(adam.wayKeys("in")) != 0 {
		t.Fatalf("keys %q", keys)
	}
	adam.wants("edit")(adam.get("/rules/edit?domain=test.example&way=local&rule="+keys[0]))(http.StatusOK, `value="Team"`, ">\ncarl@other.example</textarea>", `name="rule" value="`+keys[0]+`"`)
	act("up", "local", keys[1], "up")(http.StatusOK, "is moved up")
	act("off", "local", keys[0], "off")(http.StatusOK, "is switched off", ">switched off<")
	act("burn", "local", keys[0], "burn")(http.StatusBadRequest)
	act("elsewhere", "in", keys[0], "up")(http.StatusOK, "changed or removed elsewhere")
	kept(directory.Local, "require [\"copy\", \"fileinto\", \"body\"];\n"+"\n"+gone+"\n"+strings.Replace(team, "if header :contains \"subject\" \"a question\" {", "if allof (false,\n\theader :contains \"subject\" \"a question\") {", 1))
	keys = adam.wayKeys("local")
	adam.wants("removed")(adam.post("/rules?domain=test.example", "/rules/edit", ruleForm("", "domain", "test.example", "way", "local", "rule", keys[0], "do", "remove")...))(http.StatusOK, "The rule is removed.", ">Team<", "-contains “shall”")
	save("too late", "test.example", "local", append(body, "delete", "yes", "rule", keys[0])...)(http.StatusConflict, "in the meantime", `name="rule" value=""`)

	put := func(script string) {
		t.Helper()
		n.must(n.changeDomainRules(t.Context(), "test.example", directory.In, "test", func(string) (string, error) { return script, nil }))
	}
	odd := "require \"regex\";\nif header :regex \"subject\" \"^x+$\" { discard; }\n"
	put(odd)
	adam.wants("more than a form")(adam.get("/rules?domain=test.example"))(http.StatusOK, "more than a form can say", "^x+$")
	save("beside it", "test.example", "in", ruleForm("spam", "delete", "yes")...)(http.StatusOK, "The rule is saved.")
	kept(directory.In, odd+"\nif header :contains \"subject\" \"spam\" {\n\tdiscard;\n}\n")
	put(strings.Repeat("keep;", 501))
	adam.wants("too many")(adam.get("/rules?domain=test.example"))(http.StatusOK, "can’t be shown as rules", `<details class="card" open`, "-way=in")
	save("nor added to", "test.example", "in", ruleForm("x", "delete", "yes")...)(http.StatusOK, "can’t be shown as rules")
	full := "#" + strings.Repeat("x", directory.MaxRules-20) + "\nstop;\n"
	put(full)
	save("no room", "test.example", "in", ruleForm("x", "delete", "yes")...)(http.StatusUnprocessableEntity, "no room for more", "64 KiB")
	kept(directory.In, full)
}

// As the commands have it: what is put counts for the next message, whose rows and journal are in one commit.
func TestDomainRulesOperations(t *testing.T) {
	n := openPages(t)
	h := control.Handlers{}
	n.domainRulesOps(h)
	ask := func(r control.Request) error {
		params, err := json.Marshal(r)
		n.must(err)
		_, err = h[r.Op()](t.Context(), params)
		return err
	}
	bad := ask(ops.DomainRulesPut{Domain: "test.example", Direction: "in", Content: "keep;\n discard"})
	if bad == nil || !strings.Contains(bad.Error(), `line 2, column 2: the command "discard" lacks its semicolon`) {
		t.Errorf("got %v", bad)
	}
	for _, r := range []control.Request{
		ops.DomainRulesShow{Domain: "test.example", Direction: "in"}, ops.DomainRulesRemove{Domain: "test.example", Direction: "in"},
		ops.DomainRulesPut{Domain: "none.example", Direction: "in", Content: "keep;"}, ops.DomainRulesPut{Domain: "test.example", Direction: "up", Content: "keep;"},
		ops.DomainRulesPut{Domain: "test.example", Direction: "in", Content: " \n"}, ops.DomainRulesCheck{Direction: "out", Content: `require "fileinto";`},
	} {
		if ask(r) == nil {
			t.Errorf("%+v is no error", r)
		}
	}
	n.must(ask(ops.DomainRulesPut{Domain: "TEST.example", Direction: "local", Content: `require ["fileinto", "copy"]; fileinto "Team"; redirect :copy "carl@other.example";`}))
	client := mail.Client{Addr: netip.MustParseAddr("127.0.0.1"), Login: "ann@test.example", Users: true, ESMTP: true}
	conv, _ := n.intake.Connect(t.Context(), client)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), client, client.Login, mail.Params{})
	tx.Rcpt(t.Context(), "bob@test.example", mail.RcptParams{})
	if v := tx.Data(t.Context(), mail.NewMessage(n.question()), []byte("Received: test\r\n")); v.Answer != mail.OK {
		t.Fatal(v)
	}
	folders, err := n.mailboxes.Folders(t.Context(), n.boxes["bob@test.example"])
	n.must(err)
	var filed int64
	for _, f := range folders {
		if f.Name == "Team" {
			filed = f.Messages
		}
	}
	if got := n.sent(); filed != 1 || n.inbox("bob@test.example") != 0 || len(got) != 1 {
		t.Errorf("%d in Team, %d in the inbox, %d queued", filed, n.inbox("bob@test.example"), len(got))
	}
	n.must(ask(ops.DomainRulesRemove{Domain: "test.example", Direction: "local"}))
}
