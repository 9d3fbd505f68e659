package srs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// at returns a Rewriter with keys whose clock stands so long after start.
func at(after time.Duration, keys ...string) *Rewriter {
	var all [][]byte
	for _, k := range keys {
		all = append(all, []byte(k))
	}
	return New(all, func() time.Time { return start.Add(after) })
}

func TestForwardAndBack(t *testing.T) {
	long := strings.Repeat("x", 60)
	for name, c := range map[string]struct{ sender, forward, back mail.Path }{
		"null":        {"", "", ""},
		"plain":       {"jane@example.net", "SRS0=######=##=example.net=jane@ours.example", "jane@example.net"},
		"our own":     {"jane@ours.example", "jane@ours.example", ""},
		"tag":         {"jane+a=b@example.net", "SRS0=######=##=example.net=jane+a=b@ours.example", "jane+a=b@example.net"},
		"case":        {"Jane@example.net", "SRS0=######=##=example.net=Jane@ours.example", "Jane@example.net"},
		"beyond 64":   {mail.Path(long + "@example.net"), mail.Path("SRS0=######=##=example.net=" + long + "@ours.example"), mail.Path(long + "@example.net")},
		"quoted":      {`"a \"b@"@example.net`, `"SRS0=######=##=example.net=a \"b@"@ours.example`, `"a \"b@"@example.net`},
		"quoted dot":  {`".a"@example.net`, `SRS0=######=##=example.net=.a@ours.example`, `".a"@example.net`},
		"backslash":   {`"a\\"@example.net`, `"SRS0=######=##=example.net=a\\"@ours.example`, `"a\\"@example.net`},
		"utf-8":       {"zoë@xn--bcher-kva.example", "SRS0=######=##=xn--bcher-kva.example=zoë@ours.example", "zoë@xn--bcher-kva.example"},
		"literal":     {"a@[IPv6:2001:db8::1]", `"SRS0=######=##=[IPv6:2001:db8::1]=a"@ours.example`, "a@[IPv6:2001:db8::1]"},
		"second":      {"SRS0=abcd=XY=example.net=jane@first.example", "SRS1=######=first.example==abcd=XY=example.net=jane@ours.example", "SRS0=abcd=XY=example.net=jane@first.example"},
		"of others":   {"srs0+abcd=XY=example.net=jane@first.example", "SRS1=######=first.example=+abcd=XY=example.net=jane@ours.example", "SRS0+abcd=XY=example.net=jane@first.example"},
		"third":       {"SRS1=wxyz=first.example==abcd=XY=example.net=jane@second.example", "SRS1=######=first.example==abcd=XY=example.net=jane@ours.example", "SRS0=abcd=XY=example.net=jane@first.example"},
		"broken SRS1": {"SRS1=wxyz@second.example", "SRS0=######=##=second.example=SRS1=wxyz@ours.example", "SRS1=wxyz@second.example"},
		"hardly SRS":  {"srs0@example.net", "SRS0=######=##=example.net=srs0@ours.example", "srs0@example.net"},
	} {
		got, err := at(0, "key").Forward(c.sender, "ours.example")
		if err != nil || masked(got) != string(c.forward) {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, c.forward)
		}
		if c.back == "" {
			continue
		}
		if back, err := at(0, "key").Reverse(got); err != nil || back != c.back {
			t.Errorf("%s: back: got %s, %v; want %s", name, back, err, c.back)
		}
		for _, fold := range []func(string) string{strings.ToLower, strings.ToUpper} {
			local := mail.Path(fold(got.Local()) + "@" + got.Domain())
			if back, err := at(0, "key").Reverse(local); err != nil || !strings.EqualFold(string(back), string(c.back)) {
				t.Errorf("%s: back from %s: got %s, %v; want %s", name, local, back, err, c.back)
			}
		}
	}
}

// masked hides hash and day of an address of ours.
func masked(p mail.Path) string {
	s := string(p)
	i := strings.Index(s, "SRS")
	if i < 0 || !strings.Contains(s, "@ours.example") {
		return s
	}
	hide := func(from, n int) { s = s[:from] + strings.Repeat("#", n) + s[from+n:] }
	if i < 2 && len(s) > i+15 && s[i+11] == '=' {
		hide(i+5, 6)
		if s[i+3] == '0' {
			hide(i+12, 2)
		}
	}
	return s
}

func TestRefused(t *testing.T) {
	good, err := at(0, "old").Forward("jane@example.net", "ours.example")
	if err != nil {
		t.Fatal(err)
	}
	second, err := at(0, "old").Forward("SRS0=abcd=XY=example.net=jane@first.example", "ours.example")
	if err != nil {
		t.Fatal(err)
	}
	with := func(from, to string) mail.Path { return mail.Path(strings.Replace(string(good), from, to, 1)) }
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		r    *Rewriter
		p    mail.Path
		want error
	}{
		"none":            {at(0, "old"), "jane@ours.example", ErrNotSRS},
		"null":            {at(0, "old"), "", ErrNotSRS},
		"no separator":    {at(0, "old"), "srs0x@ours.example", ErrNotSRS},
		"too few parts":   {at(0, "old"), "SRS0=AAAAAA=AA=jane@ours.example", ErrForged},
		"SRS1 in pieces":  {at(0, "old"), "SRS1=AAAAAA=first.example=x@ours.example", ErrForged},
		"hash":            {at(0, "old"), "SRS0=AAAAAA=AA=example.net=jane@ours.example", ErrForged},
		"other domain":    {at(0, "old"), with("example.net", "example.org"), ErrForged},
		"other user":      {at(0, "old"), with("jane", "john"), ErrForged},
		"other forwarder": {at(0, "old"), mail.Path(strings.Replace(string(second), "first", "worst", 1)), ErrForged},
		"other kind":      {at(0, "old"), with("SRS0", "SRS1"), ErrForged},
		"key gone":        {at(0, "new"), good, ErrForged},
		"key replaced":    {at(0, "new", "old"), good, nil},
		"last day":        {at(MaxAge, "old"), good, nil},
		"day after":       {at(MaxAge+day, "old"), good, ErrExpired},
		"clock is behind": {at(-day, "old"), good, nil},
		"from the future": {at(-2*day, "old"), good, ErrExpired},
		"next year":       {at(365*day, "old"), good, ErrExpired},
	} {
		if _, err := c.r.Reverse(c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestForwardRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sender mail.Path
		want   error
	}{
		"too long":       {mail.Path(strings.Repeat("x", 230) + "@example.net"), ErrTooLong},
		"combining mark": {"\u0338x@example.net", mail.ErrPath},
	} {
		if got, err := at(0, "key").Forward(c.sender, "ours.example"); !errors.Is(err, c.want) {
			t.Errorf("%s: got %s, %v; want %v", name, got, err, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no key: no panic")
		}
	}()
	New(nil, time.Now)
}

// Whatever is forwarded comes back, and nothing else does.
func FuzzRewriter(f *testing.F) {
	for _, s := range []string{"jane@example.net", `"a b"@[192.0.2.1]`, "SRS0=a=b=c=d@e", "SRS1=a=b==c=d@e", "srs1-x=y=+z@e", "é@b", "\u0338@b", "a@ours.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := mail.ParsePath(s)
		if err != nil {
			return
		}
		r := at(0, "key")
		if back, err := r.Reverse(p); err == nil {
			t.Errorf("%s is of another key, and leads to %s", p, back)
		}
		to, err := r.Forward(p, "ours.example")
		if err != nil || p.IsNull() || p.Domain() == "ours.example" {
			return
		}
		if again, err := mail.ParsePath(string(to)); err != nil || again != to {
			t.Errorf("%s becomes %s, which is not canonical: %v", p, to, err)
		}
		back, err := r.Reverse(to)
		kind, _ := split(content(p.Local()))
		if err != nil || kind == 0 && back.Fold() != p.Fold() {
			t.Errorf("%s becomes %s and comes back as %s, %v", p, to, back, err)
		}
	})
}
