package app

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/signing"
)

// TestKeysPage: who looks after a domain makes, replaces and removes its keys, and sees their lines for the DNS; helpdesk looks, and
// nobody sees more than his own domains.
func TestKeysPage(t *testing.T) {
	n := openPages(t)
	ann, hanna, adam, olga := n.logIn("ann@test.example"), n.logIn("hanna"), n.logIn("adam"), n.logIn("olga")
	ann.wants("no owner's")(ann.get("/keys"))(403)
	olga.wants("all domains, and the node")(olga.get("/keys"))(200, ">test.example<", ">other.example<", n.config.Load().Hostname, `href="/keys"`)
	adam.wants("his domains")(adam.get("/keys"))(200, ">test.example<", "->other.example<")
	adam.wants("not others'")(adam.get("/keys?domain=other.example"))(404, "no such domain")
	hanna.wants("none yet, and no buttons")(hanna.get("/keys?domain=test.example"))(200, "nothing is signed", "-<form method=\"post\" action=\"/keys")
	act := func(v *visitor, what string, more ...string) (int, string) {
		return v.post("/account", "/keys/"+what, append([]string{"domain", "test.example"}, more...)...)
	}
	hanna.wants("nor acts")(act(hanna, "new"))(403)
	adam.wants("nor others' acts")(adam.post("/account", "/keys/new", "domain", "other.example"))(404)
	adam.wants("made")(act(adam, "new"))(200, "New keys are made", "_domainkey.test.example. IN TXT", "k=ed25519", "k=rsa", ">waits<", "-action=\"/keys/new\"")
	keys := n.keys.Keys("test.example")
	if len(keys) != 2 || len(n.keys.Keys("other.example")) != 0 {
		t.Fatalf("keys: %v", keys)
	}
	adam.wants("only once")(act(adam, "new"))(200, "has keys already")
	adam.wants("what waits is not replaced")(act(adam, "replace"))(200, "wait for their lines")
	hanna.wants("helpdesk sees them")(hanna.get("/keys?domain=Test.Example"))(200, keys[0].Selector, "-action=\"/keys/drop\"")
	adam.wants("which?")(act(adam, "drop"))(404)
	if got := len(n.keys.Keys("test.example")); got != 2 {
		t.Fatalf("%d keys are left of a removal that names none", got)
	}
	adam.wants("removed")(act(adam, "drop", "selector", keys[0].Selector))(200, "The key is removed", "-"+keys[0].Selector+"</bdi>")
	adam.wants("once")(act(adam, "drop", "selector", keys[0].Selector))(200, "no such key any more")
	if left := n.keys.Keys("test.example"); len(left) != 1 || left[0].State != signing.Waiting {
		t.Errorf("left: %v", left)
	}
	olga.wants("French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	_, body := olga.get("/keys?" + url.Values{"domain": {"test.example"}}.Encode())
	if !strings.Contains(body, "La ligne pour le DNS") || regexp.MustCompile(`keys\.[a-z.]+`).MatchString(body) {
		t.Errorf("in French: %s", body)
	}
}
