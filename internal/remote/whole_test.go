package remote

import "testing"

// Whose a folder is its server says; where it says nothing it is the account's own.
func TestNamespaces(t *testing.T) {
	for _, c := range []struct {
		name, says, folder string
		want               bool
	}{
		{"own", `(("" "/")) (("Shared/" "/")) (("Groups/" "/"))`, "Sent", false},
		{"another user's", `(("" "/")) (("Shared/" "/")) (("Groups/" "/"))`, "Shared/bob@here.example/A", true},
		{"shared", `(("" "/")) (("Shared/" "/")) (("Groups/" "/"))`, "Groups/info@here.example/INBOX", true},
		{"one of its own that begins likewise", `(("" "/")) (("Shared/" "/")) NIL`, "Shared", false},
		{"Cyrus, own", `(("INBOX." ".")) (("user." ".")) (("" "."))`, "INBOX.Sent", false},
		{"Cyrus, the inbox", `(("INBOX." ".")) (("user." ".")) (("" "."))`, "inbox", false},
		{"Cyrus, shared", `(("INBOX." ".")) (("user." ".")) (("" "."))`, "lists.go", true},
		{"several of a kind, with more to say", `(("" "/")("Old/" "/")) NIL (("#public/" "/" "X" ("y"))("#news." "."))`, "#news.comp", true},
		{"an empty one", `(()("" "/")) ((())) (("Groups/" "/"))`, "Groups/info@here.example", true},
		{"none", `NIL NIL NIL`, "A", false},
		{"odd", `x`, "A", false},
	} {
		conn := said("* NAMESPACE " + c.says + "\r\n")
		r, err := conn.response(nil)
		conn.Close()
		if got := namespaces(spaced(r)).others(c.folder); err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}
