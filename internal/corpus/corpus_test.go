package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// read returns "NAME CONTENT" of each message.
func read(t *testing.T, text string) (list []string) {
	t.Helper()
	for item, err := range Read(iotest.OneByteReader(strings.NewReader(text))) {
		switch {
		case errors.Is(err, ErrNoMail):
			item.Content = []byte("no mail")
		case err != nil:
			t.Fatal(err)
		}
		list = append(list, item.Name+" "+string(item.Content))
	}
	return list
}

func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"one message": {"Subject: x\n\nhello\nFrom me\n", []string{" Subject: x\r\n\r\nhello\r\nFrom me\r\n"}},
		"with CRLF":   {"Subject: x\r\n\r\nhello", []string{" Subject: x\r\n\r\nhello"}},
		"mbox": {"From a@x Thu Nov 26 09:00:00 2026\nSubject: 1\n\none\n\nFrom b@x Fri Nov 27 9:00:00 2026\nSubject: 2\n\ntwo\n",
			[]string{"#1 Subject: 1\r\n\r\none\r\n", "#2 Subject: 2\r\n\r\ntwo\r\n"}},
		"From in the text": {"From a@x Thu\nSubject: 1\n\n>From here\n>>From there\nFrom me\n> From\n", []string{"#1 Subject: 1\r\n\r\nFrom here\r\n>From there\r\nFrom me\r\n> From\r\n"}},
		"a sentence that nobody quoted": {"From a@x Thu\nSubject: 1\n\none\n\nFrom now on: nothing\n\nFrom - Thu Nov 26 09:00:00 2026\nSubject: 2\n\n",
			[]string{"#1 Subject: 1\r\n\r\none\r\n\r\nFrom now on: nothing\r\n", "#2 Subject: 2\r\n"}},
		"messages of nothing": {"From a@x\n\nFrom b@x 9:00\nSubject: 2\n\n\n", []string{"#2 Subject: 2\r\n"}},
		"no message":          {"\x89PNG\r\n\x1a\nsome octets\n", []string{" no mail"}},
		"none in an mbox":     {"From a@x\nhello\n\nFrom b@x 9:00\nSubject: 2\n\n", []string{"#1 no mail", "#2 Subject: 2\r\n"}},
		"a line before":       {">From me\nSubject: x\n\ny\n", []string{" >From me\r\nSubject: x\r\n\r\ny\r\n"}},
		"empty":               {"", nil},
		"blank":               {"\n \n", nil},
	} {
		if got := read(t, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestReadBounded(t *testing.T) {
	long := "Subject: x\n\n" + strings.Repeat(strings.Repeat("y", 200_000)+"\n", 200)
	n := 0
	for item, err := range Read(strings.NewReader("From a@x\n" + long + "\nFrom b@x 9:00\nSubject: z\n\nend\n")) {
		n++
		if err != nil || n == 1 != item.Cut || len(item.Content) > MaxMessage || n == 2 && !bytes.HasSuffix(item.Content, []byte("end\r\n")) {
			t.Errorf("message %d: %d octets, cut %v, %v", n, len(item.Content), item.Cut, err)
		}
	}
	if n != 2 {
		t.Errorf("%d messages", n)
	}
	for _, err := range Read(iotest.ErrReader(os.ErrPermission)) {
		if err == nil {
			t.Error("no error")
		}
	}
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.eml": "Subject: a\n\n", "box": "From x\nSubject: 1\n\n\nFrom y 09:00\nSubject: 2\n\n", "md/cur/1:2,S": "Subject: c\n\n", "md/new/2": "Subject: n\n\n",
		"md/.Junk/cur/3": "Subject: j\n\n", "md/.Junk/new/.keep": "", "md/tmp/4": "Subject: t\n\n",
		"md/dovecot-uidlist": "3 V1 N1\n", "md/.Junk/maildirsize": "9S\n", "tmp/5": "Subject: k\n\n", ".hidden": "Subject: h\n\n", ".dir/x": "Subject: h\n\n", "empty": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for item, err := range Walk(dir) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(item.Name, dir+"/"))
	}
	if want := "[a.eml box#1 box#2 md/.Junk/cur/3 md/cur/1:2,S md/new/2 tmp/5]"; fmt.Sprint(names) != want {
		t.Errorf("got %v, want %s", names, want)
	}
	for range Walk(dir) {
		break
	}
	n := 0
	for _, err := range Walk(filepath.Join(dir, "none")) {
		if n++; err == nil {
			t.Error("what is not there is read")
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

// What is named may be a link, to a file, a directory or a Maildir; errors name the file, and no package.
func TestWalkNamedLink(t *testing.T) {
	dir, links := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"a.eml": "A: b\n", "md/cur/1:2,S": "A: b\n", "md/new/2": "A: b\n", "md/tmp/3": "A: b\n", "md/index": "x"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "md"), filepath.Join(links, "first")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ to, want string }{
		"a file":      {"a.eml", "[]"},
		"a Maildir":   {"md", "[cur/1:2,S new/2]"},
		"a directory": {"", "[a.eml md/cur/1:2,S md/new/2]"},
		"a link":      {"../" + filepath.Base(links) + "/first", "[cur/1:2,S new/2]"},
	} {
		link := filepath.Join(links, name)
		if err := os.Symlink(filepath.Join(dir, tt.to), link); err != nil {
			t.Fatal(err)
		}
		names, n := []string{}, 0
		for item, err := range Walk(link) {
			if n++; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if rest, below := strings.CutPrefix(item.Name, link+"/"); below {
				names = append(names, rest)
			}
		}
		if fmt.Sprint(names) != tt.want || n == 0 {
			t.Errorf("%s: got %v, want %s", name, names, tt.want)
		}
	}
	for _, err := range Walk(filepath.Join(dir, "none")) {
		if err == nil || strings.Contains(err.Error(), "corpus") || !strings.Contains(err.Error(), "none") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("From a\nSubject: x\n\n>From b\n\nFrom c 9:00\nX: y\n"))
	f.Add([]byte("\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for item, err := range Read(bytes.NewReader(b)) {
			if errors.Is(err, ErrNoMail) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			total += len(item.Content)
			if item.Cut || len(bytes.TrimSpace(item.Content)) == 0 {
				t.Errorf("got %q", item.Content)
			}
		}
		if total > 2*len(b)+2 {
			t.Errorf("%d octets became %d", len(b), total)
		}
	})
}
