package seal

import (
	"bytes"
	"testing"
)

// What is sealed opens with its key and at its place alone, and not when it was changed or cut.
func TestSeal(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	sealed, err := Seal(key, []byte("secret"), []byte("row 1"))
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	if plain, err := Open(key, sealed, []byte("row 1")); err != nil || string(plain) != "secret" {
		t.Errorf("%q, %v", plain, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct{ key, sealed, what []byte }{
		"another key": {other, sealed, []byte("row 1")}, "another row": {key, sealed, []byte("row 2")},
		"changed": {key, changed, []byte("row 1")}, "cut": {key, sealed[:5], []byte("row 1")}, "no key": {nil, sealed, []byte("row 1")},
	} {
		if _, err := Open(c.key, c.sealed, c.what); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}
