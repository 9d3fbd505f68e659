package dkim

import (
	"bytes"
	"strings"
	"testing"
)

// The examples of RFC 6376 §3.4.5, and what it says in words.
func TestCanon(t *testing.T) {
	for name, c := range map[string]struct {
		canon    Canon
		in, want string
	}{
		"relaxed name":      {Relaxed, "A: X\r\n", "a:X\r\n"},
		"relaxed folded":    {Relaxed, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		"relaxed empty":     {Relaxed, "Subject:\r\n", "subject:\r\n"},
		"relaxed blank":     {Relaxed, "Subject:  \r\n \r\n", "subject:\r\n"},
		"relaxed bare CR":   {Relaxed, "A: x\ry\r\n", "a:x\ry\r\n"},
		"relaxed bare LF":   {Relaxed, "A: x\n y\n", "a:x y\r\n"},
		"simple":            {Simple, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n"},
		"simple without LF": {Simple, "A: X", "A: X\r\n"},
	} {
		if got := string(c.canon.AppendField(nil, []byte(c.in))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestBody(t *testing.T) {
	for name, c := range map[string]struct{ in, simple, relaxed string }{
		"RFC 6376 §3.4.5":  {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		"empty":            {"", "\r\n", ""},
		"empty lines":      {"\r\n\r\n", "\r\n", ""},
		"blank lines":      {" \r\n\t\r\n", " \r\n\t\r\n", ""},
		"no line end":      {"x", "x\r\n", "x\r\n"},
		"empty line first": {"\r\nx\r\n", "\r\nx\r\n", "\r\nx\r\n"},
		"bare CR":          {"x\r y\r\r\n", "x\r y\r\r\n", "x\r y\r\r\n"},
		"bare CR at end":   {"x\r", "x\r\r\n", "x\r\r\n"},
		"bare LF":          {"x\n\ny\n", "x\r\n\r\ny\r\n", "x\r\n\r\ny\r\n"},
		"many empty lines": {strings.Repeat("\r\n", 50_000) + "x", strings.Repeat("\r\n", 50_000) + "x\r\n", strings.Repeat("\r\n", 50_000) + "x\r\n"},
	} {
		for canon, want := range map[Canon]string{Simple: c.simple, Relaxed: c.relaxed} {
			for _, step := range []int{1, 2, 1 << 20} {
				if got := bodyOf(canon, c.in, step); got != want {
					t.Errorf("%s, form %d in steps of %d: got %q, want %q", name, canon, step, got, want)
				}
			}
		}
	}
}

func bodyOf(c Canon, in string, step int) string {
	var out bytes.Buffer
	b := NewBody(c, &out)
	for in != "" {
		n := min(step, len(in))
		b.Write([]byte(in[:n]))
		in = in[n:]
	}
	b.Close()
	return out.String()
}

// However a body comes in pieces its form is the same, and the form of a form is itself.
func FuzzBody(f *testing.F) {
	f.Add("a\r\n \r\nb \t c\r\r\n\n\r\n", 3)
	f.Fuzz(func(t *testing.T, in string, step int) {
		for _, c := range []Canon{Simple, Relaxed} {
			whole := bodyOf(c, in, len(in)+1)
			if got := bodyOf(c, in, max(1, step)); got != whole {
				t.Errorf("form %d: %q in steps of %d: got %q, want %q", c, in, step, got, whole)
			}
			if again := bodyOf(c, whole, len(whole)+1); again != whole {
				t.Errorf("form %d: of %q: %q", c, whole, again)
			}
		}
	})
}
