package mail

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		name, in string
		want     Path
		ok       bool
	}{
		{"null", "", "", true},
		{"plain", "Jane.Doe@Example.COM", "Jane.Doe@example.com", true},
		{"trailing dot", "a@example.com.", "a@example.com", true},
		{"quoted needlessly", `"jane"@example.com`, "jane@example.com", true},
		{"quoted", `"jane doe"@example.com`, `"jane doe"@example.com`, true},
		{"escapes needlessly", `"\j\"\\"@example.com`, `"j\"\\"@example.com`, true},
		{"at in quotes", `"a@b"@example.com`, `"a@b"@example.com`, true},
		{"literal", "a@[192.0.2.1]", "a@[192.0.2.1]", true},
		{"ipv6 literal", "a@[ipv6:2001:DB8:0::1]", "a@[IPv6:2001:db8::1]", true},
		{"idn", "a@BÜCHER.example", "a@xn--bcher-kva.example", true},
		{"utf-8 local", "zoë@example.com", "zoë@example.com", true},
		{"nfc", "zoe\u0308@example.com", "zoë@example.com", true},
		{"han", "用户@例子.example", "用户@xn--fsqu00a.example", true},
		{"joiner", "نامه\u200cای@example.com", "نامه\u200cای@example.com", true},
		{"dot of its own", "a@例子。example。", "a@xn--fsqu00a.example", true},
		{"quoted utf-8", `"zoë x"@example.com`, `"zoë x"@example.com`, true},
		{"kelvin is k", "\u212a@example.com", "K@example.com", true},
		{"greek question mark is a semicolon", "a\u037eb@example.com", "", false},
		{"next line", "a\u0085b@example.com", "", false},
		{"line separator", "a\u2028b@example.com", "", false},
		{"turned around", "a\u202eb@example.com", "", false},
		{"no width", "a\u200bb@example.com", "", false},
		{"wide space in quotes", "\"a\u3000b\"@example.com", "", false},
		{"no character", "a\uffffb@example.com", "", false},
		{"escaped octet beyond ASCII", `"\é"@example.com`, "", false},
		{"surrogate", "a\xed\xa0\x80@example.com", "", false},
		{"overlong slash", "a\xc0\xaf@example.com", "", false},
		{"bad utf-8 in domain", "a@x\xff.example", "", false},
		{"no domain of IDNA", "a@\u2028.example", "", false},
		{"too long in A-labels", "a@" + strings.Repeat("é.", 60) + "example", "", false},
		{"underscore", "a@my_host.example", "a@my_host.example", true},
		{"long local part", strings.Repeat("x", 100) + "@example.com", Path(strings.Repeat("x", 100) + "@example.com"), true},
		{"no at", "jane", "", false},
		{"no local", "@example.com", "", false},
		{"no domain", "jane@", "", false},
		{"two dots", "a..b@example.com", "", false},
		{"dot first", ".a@example.com", "", false},
		{"space", "a b@example.com", "", false},
		{"cr", "a\r@example.com", "", false},
		{"lf in domain", "a@example.com\nX: y", "", false},
		{"cr in quotes", "\"a\rb\"@example.com", "", false},
		{"nul", "a\x00@example.com", "", false},
		{"empty quotes", `""@example.com`, "", false},
		{"open quotes", `"a@example.com`, "", false},
		{"bad utf-8", "a\xff@example.com", "", false},
		{"hyphen first", "a@-x.example", "", false},
		{"empty label", "a@x..example", "", false},
		{"bad literal", "a@[192.0.2.256]", "", false},
		{"zone", "a@[IPv6:fe80::1%eth0]", "", false},
		{"untagged ipv6", "a@[2001:db8::1]", "", false},
		{"angle", "<a@example.com>", "", false},
		{"too long", strings.Repeat("x", 250) + "@example.com", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePath(tt.in)
			if got != tt.want || (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrPath) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestPathParts(t *testing.T) {
	tests := []struct {
		path                      Path
		local, domain, fold, base string
	}{
		{"", "", "", "", ""},
		{"Jane+Tag@example.com", "Jane+Tag", "example.com", "jane+tag@example.com", "Jane@example.com"},
		{`"a@+b"@example.com`, `"a@+b"`, "example.com", `"a@+b"@example.com`, `"a@+b"@example.com`},
		{"+x@example.com", "+x", "example.com", "+x@example.com", "+x@example.com"},
		{"JOSÉ+Été@example.com", "JOSÉ+Été", "example.com", "josé+été@example.com", "JOSÉ@example.com"},
		{"ΝΊΚΟΣ@example.com", "ΝΊΚΟΣ", "example.com", "νίκος@example.com", "ΝΊΚΟΣ@example.com"},
		{"J\u030c@example.com", "J\u030c", "example.com", "ǰ@example.com", "J\u030c@example.com"}, // J and its hook don't compose, j and its do
	}
	for _, tt := range tests {
		p := tt.path
		if p.Local() != tt.local || p.Domain() != tt.domain || p.Fold() != Path(tt.fold) || p.Base() != Path(tt.base) || p.IsNull() != (p == Null) {
			t.Errorf("%q: %q %q %q %q", p, p.Local(), p.Domain(), p.Fold(), p.Base())
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"用户@例子.example", "İΣ@x", "Σ.a@x", "a@xn--fsqu00a.x", "a@b", `"a\"b"@[IPv6:::1]`, "é@ü.example", "a@xn--x", "\"\\ \"@b", "a@b.c."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			if p != Null {
				t.Errorf("%q refused, and %q", s, p)
			}
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || again != p {
			t.Errorf("%q: canonical %q becomes %q, %v", s, p, again, err)
		}
		if strings.ContainsAny(p.String(), "\r\n\x00") || len(p) > MaxPath || p != Null && p.Local()+"@"+p.Domain() != p.String() {
			t.Errorf("%q becomes %q", s, p)
		}
		if again, err := ParsePath(p.Shown()); err != nil || again != p {
			t.Errorf("%q is shown as %q, which is %q, %v", p, p.Shown(), again, err)
		}
		fold := p.Fold()
		if fold.Fold() != fold {
			t.Errorf("%q folds to %q, and that to %q", p, fold, fold.Fold())
		}
		if again, err := ParsePath(fold.String()); len(fold) <= MaxPath && (err != nil || again.Fold() != fold) {
			t.Errorf("%q folds to %q, whose canonical form is %q, %v", p, fold, again, err)
		}
	})
}

func TestPathShown(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"", ""},
		{"jane@example.com", "jane@example.com"},
		{"用户@xn--fsqu00a.example", "用户@例子.example"},
		{"a@xn--bcher-kva.xn--fsqu00a.example", "a@bücher.例子.example"},
		{"a@xn--x", "a@xn--x"}, // no A-label
		{"a@[192.0.2.1]", "a@[192.0.2.1]"},
	} {
		if got := Path(tt.path).Shown(); got != tt.want {
			t.Errorf("%s is shown as %s, want %s", tt.path, got, tt.want)
		}
	}
}
