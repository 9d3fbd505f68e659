package mail

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestBuildView(t *testing.T) {
	forged := func(f Field) bool { return strings.HasPrefix(strings.ToLower(f.Name), "x-spam") }
	tests := []struct{ name, content, added, subject, want string }{
		{"nothing", "A: b\n\nx", "", "", "A: b\n\nx"},
		{"added", "A: b\n\nx", "R: 1\n", "", "R: 1\nA: b\n\nx"},
		{"removed", "A: b\nX-Spam-Flag: NO\n folded\nC: d\n\nx", "R: 1\n", "", "R: 1\nA: b\nC: d\n\nx"},
		{"removed last", "A: b\nX-Spam-Flag: NO\n\nx", "", "", "A: b\n\nx"},
		{"removed without line end", "A: b\nX-Spam-Flag: NO", "R: 1\n", "", "R: 1\nA: b\n"},
		{"subject", "A: b\nSubject: old\nC: d\n\nx", "", "[spam] old", "A: b\nSubject: [spam] old\nC: d\n\nx"},
		{"two subjects", "Subject: 1\nA: b\nSUBJECT: 2\n\nx", "", "new", "Subject: new\nA: b\n\nx"},
		{"no subject", "A: b\n\nx", "R: 1\n", "new", "R: 1\nSubject: new\nA: b\n\nx"},
		{"mbox line", "From x\nA: b\nX-Spam: 1\n\nx", "R: 1\n", "", "R: 1\nFrom x\nA: b\n\nx"},
		{"would continue ours", " evil\nA: b\n\nx", "R: 1\n", "", "R: 1\nA: b\n\nx"},
		{"no header", "hello\n\nworld", "R: 1\n", "", "R: 1\n\nhello\n\nworld"},
		{"no header, folded", " hello\n", "R: 1\n", "", "R: 1\n\n hello\n"},
		{"empty line first", "\nhello", "R: 1\n", "", "R: 1\n\nhello"},
		{"empty", "", "R: 1\n", "", "R: 1\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range both(crlf(tt.content)) {
				v := BuildView(m, []byte(crlf(tt.added)), forged, tt.subject)
				if got := serve(t, v, m); got != crlf(tt.want) {
					t.Errorf("got %q, want %q", got, crlf(tt.want))
				}
			}
		})
	}
}

// serve reads the served message and checks its size.
func serve(t *testing.T, v View, m *Message) string {
	t.Helper()
	out := v.Message(m)
	b, err := io.ReadAll(out.Reader())
	if err != nil || int64(len(b)) != v.Size(m.Size()) || out.Size() != v.Size(m.Size()) {
		t.Errorf("read %d octets, %v, size %d", len(b), err, v.Size(m.Size()))
	}
	return string(b)
}

func TestViewReadAt(t *testing.T) {
	m := NewMessage([]byte("0123456789"))
	v := View{Prefix: []byte("abcd"), Skip: 3}
	if err := iotest.TestReader(v.Message(m).Reader(), []byte("abcd3456789")); err != nil {
		t.Error(err)
	}
	if (View{}).Message(m) != m {
		t.Error("the zero view is not the content")
	}
	if _, err := v.Message(m).ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("reads before the start")
	}
}

func FuzzView(f *testing.F) {
	f.Add("A: b\r\nSubject: x\r\n y\r\n\r\nbody", "new")
	f.Add(" x\nSubject: y", "")
	f.Add("junk\n\n", "é\r\nX: y")
	f.Fuzz(func(t *testing.T, content, subject string) {
		m := NewMessage([]byte(content))
		added := []byte("X-Ours: 1\r\n")
		v := BuildView(m, added, func(f Field) bool { return strings.EqualFold(f.Name, "A") }, subject)
		got := serve(t, v, m)
		if v.Skip < 0 || v.Skip > m.Header().Size || !strings.HasPrefix(got, string(added)) {
			t.Fatalf("skip %d, served %q", v.Skip, got)
		}
		body, header := content[m.Header().Size:], v.Message(m).Header()
		if !strings.HasSuffix(got, body) {
			t.Errorf("body %q changed: %q", body, got)
		}
		if m.Header().Cut || len(got) > MaxHeader {
			return
		}
		if header.Get("X-Ours") != "1" || header.Count("A") != 0 || subject != "" && header.Count("Subject") != 1 {
			t.Errorf("served header %q", got[:header.Size])
		}
	})
}

func TestAppendField(t *testing.T) {
	long := strings.Repeat("word ", 40)
	tests := []struct{ name, field, value, want string }{
		{"plain", "X-A", "hello", "X-A: hello\r\n"},
		{"empty", "X-A", "", "X-A: \r\n"},
		{"folded", "X-A", long, "X-A: " + strings.Repeat("word ", 13) + "word\r\n " + strings.Repeat("word ", 14) + "word\r\n " +
			strings.TrimSpace(strings.Repeat("word ", 11)) + "\r\n"},
		{"injected", "X-A\r\nB", "x\r\nEvil: y\n\n\x00z", "X-A--B: x  Evil: y   z\r\n"},
		{"no name", "", "x", "X-: x\r\n"},
		{"colon in name", "a: b", "x", "a--b: x\r\n"},
		{"non-ascii", "Subject", "Le café est prêt", "Subject: Le =?utf-8?q?caf=C3=A9_est_pr=C3=AAt?=\r\n"},
		{"mostly non-ascii", "Subject", "привет", "Subject: =?utf-8?b?0L/RgNC40LLQtdGC?=\r\n"},
		{"like an encoded word", "Subject", "a =?utf-8?q?x?= b", "Subject: a =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= b\r\n"},
		{"bad utf-8", "Subject", "a\xff", "Subject: =?utf-8?b?Ye+/vQ==?=\r\n"},
		{"one long word", "X-A", strings.Repeat("x", 1000), "X-A: " + strings.Repeat("x", 993) + "\r\n xxxxxxx\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendField(nil, tt.field, tt.value)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzAppendField(f *testing.F) {
	f.Add("Subject", "Le café est prêt =?x")
	f.Add("a:\r\n", "x\r\n\r\ny\x00 \t "+strings.Repeat("é", 500))
	f.Add("X", strings.Repeat("=?", 700))
	f.Fuzz(func(t *testing.T, name, value string) {
		b := AppendField([]byte("A: b\r\n"), name, value)
		h := NewMessage(append(b, "\r\n"...)).Header()
		if len(h.Fields) != 2 || h.Size != int64(len(b)+2) {
			t.Fatalf("not one field: %q", b)
		}
		for line := range bytes.SplitSeq(b, []byte("\r\n")) {
			if len(line) > maxLine || bytes.ContainsAny(line, "\r\n\x00") || !isASCII(string(line)) || len(line) > 0 && strings.TrimSpace(string(line)) == "" {
				t.Errorf("line %q", line)
			}
		}
		if got, want := decodeWords(h.Fields[1].Value()), printable(value); got != want && len(value) < 900 {
			t.Errorf("reads %q, want %q", got, want)
		}
	})
}
