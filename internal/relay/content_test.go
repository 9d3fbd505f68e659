package relay

import (
	"bufio"
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func sent(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeContent(bufio.NewWriter(&b), strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContent(t *testing.T) {
	for content, want := range map[string]string{
		"":                          ".\r\n",
		"a\r\nb\r\n":                "a\r\nb\r\n.\r\n",
		"a":                         "a\r\n.\r\n",
		".\r\n..\r\n.x":             "..\r\n...\r\n..x\r\n.\r\n",
		"a\n.\nb":                   "a\r\n..\r\nb\r\n.\r\n",
		"a\r.\rb":                   "a\r\n..\r\nb\r\n.\r\n",
		"a\r\r\n.\r\nMAIL FROM:<x>": "a\r\n\r\n..\r\nMAIL FROM:<x>\r\n.\r\n",
		"\r":                        "\r\n.\r\n",
		"\r\r":                      "\r\n\r\n.\r\n",
		"a\r":                       "a\r\n.\r\n",
		"a\r\n\x00.\r\nb\r\n":       "a\r\n..\r\nb\r\n.\r\n",
		"\x00\x00.b\r\n":            "..b\r\n.\r\n",
		"a\x00.\r\n\x00\r\n\x00b":   "a\x00.\r\n\x00\r\n\x00b\r\n.\r\n",
		"\x00\r.\n\x00":             "\x00\r\n..\r\n\x00\r\n.\r\n",
	} {
		if got := sent(t, content); got != want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
	}
	long := strings.Repeat(".", 200_000)
	if got := sent(t, long+"\r\n"); got != "."+long+"\r\n.\r\n" {
		t.Error("a long line is not what it was")
	}
	if got := sent(t, "a\r\n"+strings.Repeat("\x00", 200_000)+".\r\n"); got != "a\r\n..\r\n.\r\n" {
		t.Errorf("many NULs and a dot leave as %.80q", got)
	}
}

var (
	nulsAndDot    = regexp.MustCompile(`(^|\r\n)\x00*\.\x00*\r\n`)
	nulsBeforeDot = regexp.MustCompile(`(^|\r\n)\x00+\.`)
)

// Whatever is sent ends where we end it, and holds no CR or LF alone.
func FuzzContent(f *testing.F) {
	f.Add("a\r\n.\r\nb")
	f.Add("\r\n\r.\n\r\r\n.")
	f.Add("\r\n\x00.\r\n\x00\r\x00.")
	f.Fuzz(func(t *testing.T, content string) {
		got := sent(t, content)
		body, ok := strings.CutSuffix(got, ".\r\n")
		if !ok || body != "" && !strings.HasSuffix(body, "\r\n") {
			t.Fatalf("%q is not ended: %q", content, got)
		}
		if strings.ContainsAny(strings.ReplaceAll(body, "\r\n", ""), "\r\n") {
			t.Fatalf("%q has a bare CR or LF: %q", content, body)
		}
		var read []string
		for line := range strings.SplitSeq(strings.TrimSuffix(body, "\r\n"), "\r\n") {
			if line == "." {
				t.Fatalf("%q ends early: %q", content, got)
			}
			read = append(read, strings.TrimPrefix(line, "."))
		}
		if nulsAndDot.MatchString(body) {
			t.Fatalf("%q ends early where NULs go: %q", content, got)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(content, "\r\n", "\n"), "\r", "\n"), "\n", "\r\n")
		want = nulsBeforeDot.ReplaceAllString(want, "$1.")
		if back := strings.Join(read, "\r\n"); back != strings.TrimSuffix(want, "\r\n") {
			t.Fatalf("%q came as %q", content, back)
		}
	})
}

func newReader(s string) *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(s), 4<<10) }

// broken is content that can't be read.
type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk gone") }

// A message that can't be read here is its own trouble, not its destination's.
func TestContentUnreadable(t *testing.T) {
	s := serve(t, "127.0.0.1", nil)
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	j := job(toA, "ann@a.example")
	j.Content = mail.NewSpooled(broken{}, 100)
	if got, want := told(r.Carry(t.Context(), j)), "deferred 0 4.4.2 content disk gone"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, contents := s.count(); contents != 0 {
		t.Error("the server was given a message")
	}
}
