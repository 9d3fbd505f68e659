package app

import (
	"strings"
	"testing"

	"gatepost/internal/config"
)

// TestNodePage: an operator has the configuration read again, and sees what came of it; others have
// neither page nor button.
func TestNodePage(t *testing.T) {
	n := openPages(t)
	var next config.Config
	var mistake error
	loaded := 0
	n.ReloadFrom(func() (*config.Config, error) {
		loaded++
		c := next
		return &c, mistake
	}, nil)
	next = *n.config.Load()
	adam, olga := n.logIn("adam"), n.logIn("olga")
	adam.wants("not his")(adam.get("/node"))(403)
	adam.wants("nor the button")(adam.post("/account", "/node/reload"))(403)
	if _, body := adam.get("/account"); strings.Contains(body, `href="/node"`) {
		t.Error("the menu leads others to the page")
	}
	olga.wants("the button")(olga.get("/node"))(200, `href="/node"`, "Read the configuration again", "-was read again")
	if loaded != 0 {
		t.Fatalf("it was read %d times before anybody pressed the button", loaded)
	}
	press := func() (int, string) { return olga.post("/node", "/node/reload") }
	olga.wants("the same")(press())(200, "No setting has changed.", "-in force now")
	next.Limits.Errors++
	next.Resolver.Timeout *= 2
	olga.wants("changed")(press())(200, "These settings are in force now", "<code>limits.errors</code>", "until the server is started anew", "<code>resolver.timeout</code>", "-No setting")
	if got := n.config.Load().Limits.Errors; got != next.Limits.Errors {
		t.Errorf("limits.errors is %d, want %d", got, next.Limits.Errors)
	}
	mistake = config.Problems{{Where: "c.yaml", Line: 3, Text: "listen.smtp: <b>nonsense</b>"}, {Where: "c.yaml", Line: 9, Text: "limits"}}
	next.Limits.Errors++
	olga.wants("mistakes")(press())(422, "the old configuration stays in force", "listen.smtp: &lt;b&gt;nonsense", "c.yaml:9: limits", "-was read again")
	if got := n.config.Load().Limits.Errors; got == next.Limits.Errors {
		t.Error("a configuration with mistakes is in force")
	}
	olga.wants("French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	olga.wants("in French")(olga.get("/node"))(200, "Relire la configuration", "Ce serveur")
	if loaded != 3 {
		t.Errorf("it was read %d times", loaded)
	}
}
