package imap

import (
	"strings"
	"testing"

	"gatepost/mailbox"
)

// What SETMETADATA reads has names that an entry can have, and is written so that it is
// read again as it was.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{
		`/private/comment "x"`, `/SHARED/a/b NIL`, "/private/x {3}\r\na\"b", "/private/x ~{3}\r\na\x00b", `"/private/a b" ""`, `/private/x* ""`, `/private//x ""`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		read := func(s string) (mailbox.Annotation, error) {
			r := &request{parser: &parser{b: []byte(s), limit: maxInline}}
			a := mailbox.Annotation{Entry: r.entry()}
			r.space()
			a.Value = r.value()
			return a, r.end()
		}
		a, err := read(s)
		if err != nil {
			return
		}
		if !validEntry(a.Entry) || a.Entry != strings.ToLower(a.Entry) {
			t.Fatalf("%q: entry %q", s, a.Entry)
		}
		var o output
		o.astring(a.Entry)
		o.text(" ")
		o.value(a.Value)
		again, err := read(string(o.b))
		if err != nil || again.Entry != a.Entry || string(again.Value) != string(a.Value) || (again.Value == nil) != (a.Value == nil) {
			t.Fatalf("%q is written %q, which reads as %q, %v", s, o.b, again, err)
		}
	})
}
