package password

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leaked")
	write(t, file, "\r\n", "two small boats", "another one that leaked")
	for text, want := range map[string]error{
		"short": ErrShort, "äöüäöüäöü": ErrShort,
		"password123": ErrCommon, "P@ssw0rd2026!": ErrCommon, "!!Motdepasse1": ErrCommon, "passwordpassword": ErrCommon, "Azertyuiop": ErrCommon, "1234567890": ErrCommon,
		"poiuytreza": ErrCommon, "aaaaaaaaaaaa": ErrCommon, "12121212121212": ErrCommon, "abcabcabcabcab": ErrCommon, "1q2w3e4r5t6y": ErrCommon,
		"ann.smith@example.org": ErrCommon, "ann.smith2026": ErrCommon, "example2026": ErrCommon, "$unshine2026": ErrCommon,
		"two small boats": ErrLeaked,
		"correct horse":   nil, "twelve grey geese": nil, "k3v9x-p2mqz": nil, "1984-04-17-0815": nil, "日本語のとても長い合言葉": nil, "password of my garden gate": nil, "Two small boats": nil,
	} {
		if err := (Rules{Length: 10, Leaked: file}).Check(text, "ann.smith@example.org"); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
	if err := (Rules{Length: 10, Leaked: file + "x"}).Check("twelve grey geese"); err == nil || errors.Is(err, ErrLeaked) {
		t.Errorf("without its file: %v", err)
	}
	if err := (Rules{}).Check("grey"); err != nil {
		t.Errorf("without rules: %v", err)
	}
}

// write makes a list of some passwords, in upper case as public ones are.
func write(t testing.TB, file, eol string, texts ...string) {
	t.Helper()
	var lines []string
	for i, text := range texts {
		lines = append(lines, fmt.Sprintf("%X:%d%s", sha1.Sum([]byte(text)), i*i, eol))
	}
	slices.Sort(lines)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each line of a list is found, the first and the last ones too, and nothing else is.
func TestIn(t *testing.T) {
	for _, n := range []int{1, 2, 3, 1000} {
		for _, eol := range []string{"\n", "\r\n"} {
			file := filepath.Join(t.TempDir(), "leaked")
			var texts []string
			for i := range n {
				texts = append(texts, fmt.Sprint("leaked ", i))
			}
			write(t, file, eol, texts...)
			if err := CheckFile(file); err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				if ok, err := In(file, text); !ok || err != nil {
					t.Errorf("%d lines: %q: %v, %v", n, text, ok, err)
				}
				if ok, err := In(file, fmt.Sprint("kept ", i)); ok || err != nil {
					t.Errorf("%d lines: one that is not there: %v, %v", n, ok, err)
				}
			}
		}
	}
}

func TestCheckFile(t *testing.T) {
	hash := fmt.Sprintf("%x", sha1.Sum([]byte("x")))
	for name, tt := range map[string]struct{ content, want string }{
		"empty":       {"", "it is empty"},
		"no hashes":   {"password\n", "does not begin with a SHA-1 hash"},
		"others":      {strings.Repeat("0", 64) + "\n", "does not begin with a SHA-1 hash"},
		"one line":    {strings.Repeat(hash+" ", 100), "does not begin with a SHA-1 hash"},
		"long later":  {hash + "\n" + strings.Repeat("0", 1000) + "\n", "does not begin with"},
		"by count":    {strings.Repeat("f", 40) + ":9\n" + strings.Repeat("0", 40) + ":8\n", "not in the order"},
		"one, no end": {hash, ""},
	} {
		file := filepath.Join(t.TempDir(), "leaked")
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := CheckFile(file); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if err := CheckFile(t.TempDir()); err == nil {
		t.Error("a directory is a list")
	}
}

// Whatever is in a file, looking for a password in it ends, and finds only what is there.
func FuzzIn(f *testing.F) {
	f.Add([]byte(fmt.Sprintf("%X:1\r\n", sha1.Sum([]byte("x")))), "x")
	f.Add([]byte("\n\n"), "")
	f.Fuzz(func(t *testing.T, content []byte, text string) {
		file := filepath.Join(t.TempDir(), "leaked")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = CheckFile(file)
		if found, err := In(file, text); found && (err != nil || !strings.Contains(strings.ToLower(string(content)), fmt.Sprintf("%x", sha1.Sum([]byte(text))))) {
			t.Errorf("%q is found in %q, %v", text, content, err)
		}
		_ = common(text)
	})
}
