package app

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
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
		return v.post("/rules?domain=test.example", "/rules", "domain", domain, "way", way, "do", do, "text", text)
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
	if v := tx.Data(t.Context(), mail.NewMessage([]byte(question)), []byte("Received: test\r\n")); v.Answer != mail.OK {
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
