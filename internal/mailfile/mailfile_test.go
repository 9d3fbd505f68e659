package mailfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// plainNames stands in for modified UTF-7: "é" is "&6Q-".
var plainNames = Names{
	Encode: func(s string) string { return strings.ReplaceAll(s, "é", "&AOk-") },
	Decode: func(s string) (string, bool) { return strings.ReplaceAll(s, "&AOk-", "é"), true },
}

func at(n int) time.Time { return time.Date(2026, 2, 3, 4, 5, n, 0, time.UTC) }

// letters of all kinds, those of a folder one after the other.
var parcel = []Message{
	{Folder: "", Flags: nil, Date: at(1), Content: []byte("Subject: one\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom a@b Thu Nov 26 09:00:00 2026\r\nend\r\n")},
	{Folder: "", Flags: []string{`\Answered`, `\Flagged`, `\Seen`, "$Forwarded", "$Label1", "Work"}, Date: at(2), Content: []byte("Status: mine\r\nX-Status: mine\r\nSubject: two\r\n\r\n")},
	{Folder: "", Flags: []string{`\Seen`}, Date: at(3), Content: []byte("Subject: two\r\n\r\nthe end is not ended\r\n\r\n\r\n")},
	{Folder: "Envoyés", Flags: []string{`\Draft`, "Work"}, Date: at(4), Content: []byte("From: a@b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70000)+"\r\n", 3))},
	{Folder: "Envoyés/CON/v1.é: <?>", Flags: []string{`\Deleted`}, Date: at(5), Content: []byte("A: b\r\n\r\n.\r\n..\r\n")},
	{Folder: "envoyés", Date: at(6), Content: []byte("A: c\r\n\r\n" + strings.Repeat("y", 65535) + "\r\nz\r\n")},
}

func describe(m Message) string {
	flags := slices.Sorted(slices.Values(m.Flags))
	content := m.Content
	if len(content) > 200 {
		content = fmt.Appendf(nil, "%d octets, %d lines", len(content), bytes.Count(content, []byte("\r\n")))
	}
	return fmt.Sprintf("%q %v %s %q", m.Folder, flags, m.Date.UTC().Format(time.DateTime), content)
}

// read returns the messages, folders and errors at path.
func read(path string, most int) (messages, folders, faults []string) {
	for m, err := range Read(path, most, plainNames) {
		switch {
		case err != nil:
			faults = append(faults, strings.TrimPrefix(m.Name, path)+": "+err.Error())
		case m.Content == nil:
			folders = append(folders, m.Folder)
		default:
			messages = append(messages, describe(m))
		}
	}
	return messages, folders, faults
}

func write(t *testing.T, path string) {
	t.Helper()
	writeAll(t, path, parcel)
}

func writeAll(t *testing.T, path string, all []Message) {
	t.Helper()
	w, err := Create(path, plainNames)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Folder("Empty"); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.Folder(m.Folder); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(m, bytes.NewReader(m.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, plainNames); err == nil {
		t.Errorf("%s is written over", path)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"mail.zip", "mail.mbox", "mail"} {
		t.Run(name, func(t *testing.T) { roundTrip(t, name, parcel) })
	}
}

// Mailboxes take messages without a header: what was written comes back whole.
func TestRoundTripWithoutHeader(t *testing.T) {
	all := []Message{
		{Folder: "", Date: at(7), Content: []byte("no header at all\r\n")},
		{Folder: "Sent", Flags: []string{`\Seen`}, Date: at(8), Content: []byte("From here on there is none\r\n\r\nnone\r\n")},
		{Folder: "Sent", Date: at(9), Content: []byte("A: b\r\n\r\n")},
	}
	for _, name := range []string{"mail.zip", "mail.mbox", "mail"} {
		t.Run(name, func(t *testing.T) { roundTrip(t, name, all) })
	}
}

func roundTrip(t *testing.T, name string, all []Message) {
	path := filepath.Join(t.TempDir(), name)
	writeAll(t, path, all)
	var want []string
	for _, m := range all {
		want = append(want, describe(m))
	}
	got, folders, faults := read(path, 1<<20)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(faults) > 0 {
		t.Errorf("got  %s\nwant %s\nfaults %q", strings.Join(got, "\n     "), strings.Join(want, "\n     "), faults)
	}
	if name != "mail.mbox" && !slices.Contains(folders, "Empty") {
		t.Errorf("folders: %q", folders)
	}
}

// In a zip every name is one that each system can have, and no two differ by case alone.
func TestNamesInZip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.zip")
	write(t, path)
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	want := []string{"Empty/", "INBOX/", "INBOX/00000001.eml", "INBOX/00000002.eml", "INBOX/00000003.eml", "Envoyés/", "Envoyés/00000004.eml",
		"Envoyés/_CON/v1.é_ ___/", "Envoyés/_CON/v1.é_ ___/00000005.eml", "envoyés (2)/", "envoyés (2)/00000006.eml"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	for in, want := range map[string]string{"..": "_", "a. ": "a_", "com1.txt": "_com1.txt", "x\x00y": "x_y", strings.Repeat("é", 100): strings.Repeat("é", 50), "COMet": "COMet"} {
		if got := safeName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Python's mailbox module reads what is written.
func TestPythonReads(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "m.mbox"))
	write(t, filepath.Join(dir, "m"))
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import mailbox, sys
box = mailbox.mbox(sys.argv[1] + "/m.mbox", create=False)
for m in box: print("mbox", m["Subject"], m.get_flags(), m["X-Folder"], len(m.get_payload()))
d = mailbox.Maildir(sys.argv[1] + "/m", create=False)
for m in sorted(d, key=lambda m: m.get_date()): print("maildir", m["Subject"], m.get_flags(), int(m.get_date()) % 60, len(m.get_payload()))
print(sorted(d.list_folders()))
`, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `mbox one O  64
mbox two ROFA  0
mbox two RO  23
mbox None OT Envoy%C3%A9s 210003
mbox None OD Envoy%C3%A9s%2FCON%2Fv1.%C3%A9:%20%3C%3F%3E 5
mbox None O envoy%C3%A9s 65538
maildir one  1 61
maildir two FPRSab 2 0
maildir two S 3 23
['Empty', 'Envoy&AOk-s', 'Envoy&AOk-s.CON.v1&AC4-&AOk-: <?>', 'envoy&AOk-s']
`
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestReadMbox(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"mboxo, and a sentence": {"From a@x Thu Nov 26 09:00:00 2026\nA: b\n\n>From x\n\nFrom now on\n\nFrom b@x Fri Nov 27 9:00:00 2026 +0100\nA: c\n\ntwo\n",
			`["\"\" [] 2026-11-26 09:00:00 \"A: b\\r\\n\\r\\nFrom x\\r\\n\\r\\nFrom now on\\r\\n\"" "\"\" [] 2026-11-27 09:00:00 \"A: c\\r\\n\\r\\ntwo\\r\\n\""]`},
		"others' flags stay": {"From - Thu Nov 26 09:00:00 2026\nSubject: x\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\n",
			`["\"\" [\\Answered \\Flagged \\Seen a b] 2026-11-26 09:00:00 \"Subject: x\\r\\nStatus: RO\\r\\nX-Status: AF\\r\\nX-Keywords: a b\\r\\n\""]`},
		"nothing": {"From a@x 9:00\n\n", `[]`},
	} {
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _, faults := read(path, 1000); fmt.Sprintf("%q", got) != tt.want || len(faults) > 0 {
			t.Errorf("%s: got %q %q\nwant %s", name, got, faults, tt.want)
		}
	}
}

// What is bad is named with its reason, and the rest is read.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	for name, text := range map[string]string{
		outside: "Secret: yes\n\n", "a.eml": "A: good\n\n", "b.eml": "A: " + strings.Repeat("long", 300) + "\n\n", "c.png": "\x89PNG no mail\n",
		"d.mbox": "From x 9:00\nA: 1\n\n\nFrom x 9:00\nA: " + strings.Repeat("long", 300) + "\n\nFrom x 9:00\nA: 3\n\n", "Sub.sbd/old": "From x 9:00\nA: 4\n\n", "x.msf": "no\n",
		"md/cur/1:2,S": "A: 5\n\n", "md/new/2": "A: 6\n\n", "md/tmp/3": "A: 7\n\n", "md/.Junk.é/cur/4:2,": "A: 8\n\n", "md/.Junk.é/new/.k": "", "md/..x/cur/5": "A: 9\n\n", "md/..x/new/.k": "",
	} {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(dir, name)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, at(1), at(1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "md/cur/6")), os.Symlink(outside, filepath.Join(dir, "e.eml")), os.Symlink("..", filepath.Join(dir, "loop"))); err != nil {
		t.Fatal(err)
	}
	messages, _, faults := read(dir, 1000)
	var got []string
	for _, m := range messages {
		folder, rest, _ := strings.Cut(m, " ")
		got = append(got, strings.Trim(folder, `"`)+" "+rest[strings.Index(rest, "A: ")+3:][:1])
	}
	if want := []string{"Sub/old 4", " g", "d 1", "d 3", "md 5", "md 6", "md/Junk/é 8"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{"/b.eml: the message is too long", "/c.png: it has no header, so it is no message", "/d.mbox#2: the message is too long", "/md/..x: not the name of a folder"}
	if !slices.Equal(faults, want) {
		t.Errorf("faults: got %q, want %q", faults, want)
	}
}

// hostileZip makes a zip of entries as they come.
func hostileZip(t *testing.T, add func(*zip.Writer)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "h.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	add(z)
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHostileZip(t *testing.T) {
	put := func(z *zip.Writer, name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("names", func(t *testing.T) {
		path := hostileZip(t, func(z *zip.Writer) {
			for _, name := range []string{"../x.eml", "/etc/x.eml", `a\..\x.eml`, "a/../../x.eml", "ok/x.eml"} {
				put(z, name, "A: b\r\n\r\n")
			}
		})
		messages, _, faults := read(path, 1000)
		if len(messages) != 1 || len(faults) != 4 || !strings.HasPrefix(messages[0], `"ok"`) {
			t.Errorf("got %q, %q", messages, faults)
		}
	})
	t.Run("a bomb in an mbox", func(t *testing.T) {
		block := "From x 9:00\nA: b\n\n" + strings.Repeat("\x00", 1<<20) + "\n\n"
		path := hostileZip(t, func(z *zip.Writer) {
			for n := range 2 {
				put(z, fmt.Sprint("m", n), strings.Repeat(block, 80))
			}
		})
		n := 0
		var last error
		for m, err := range Read(path, 2<<20, plainNames) {
			if last = err; m.Content != nil {
				n++
			}
		}
		if !errors.Is(last, ErrBomb) || n > 70 {
			t.Errorf("%d messages, %v", n, last)
		}
	})
	t.Run("a message that is too long", func(t *testing.T) {
		path := hostileZip(t, func(z *zip.Writer) {
			put(z, "x.eml", "A: b\r\n\r\n"+strings.Repeat("x", 5000))
			put(z, "y.eml", "A: c\r\n\r\n")
		})
		if messages, _, faults := read(path, 1000); len(messages) != 1 || len(faults) != 1 {
			t.Errorf("got %q, %q", messages, faults)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("From a Thu Nov 26 09:00:00 2026\nX-Folder: a\nStatus: RO\nX-Status: F\nX-Keywords: b\nA: b\n\n>From x\n\nFrom b 9:00\nA: c\n"))
	f.Add([]byte("A: b\r\n\r\nx"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for m, err := range Read(path, 500, plainNames) {
			if len(m.Content) > 500 || err != nil && m.Name == "" {
				t.Errorf("%d octets, %q: %v", len(m.Content), m.Name, err)
			}
			if bytes.Contains(bytes.ReplaceAll(m.Content, []byte("\r\n"), nil), []byte("\n")) {
				t.Errorf("a line that CRLF does not end: %q", m.Content)
			}
		}
	})
}

// A line of keywords that is as long as a message may be makes no more of them than one may have.
func TestManyKeywords(t *testing.T) {
	words := strings.Repeat("a ", 1<<20)
	for name, header := range map[string]string{
		"as written here": "X-Folder: a\nStatus: RO\nX-Status: \nX-Keywords: " + words + "\nSubject: x\n",
		"as by others":    "Subject: x\nStatus: RO\nX-Keywords: " + words + "\n",
	} {
		readMbox(strings.NewReader("From a@b Thu Jan  1 00:00:00 2026\n"+header+"\ntext\n"), "x", 8<<20, func(m Message, err error) bool {
			if err != nil || len(m.Flags) < 2 || len(m.Flags) > 10_000 || !slices.Contains(m.Flags, `\Seen`) {
				t.Errorf("%s: %d flags, %v", name, len(m.Flags), err)
			}
			return true
		})
	}
}

// Folders whose names are too long for a file system in modified UTF-7 are written under shortened
// ones, those that begin alike under two, and found again under their own.
func TestLongFolderNames(t *testing.T) {
	long := strings.Repeat("é", 60) + "/" + strings.Repeat("é", 40)
	edge := strings.Repeat("a", 254)
	dir := filepath.Join(t.TempDir(), "md")
	w, err := Create(dir, plainNames)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{edge, edge + "b", long, long + "2"}
	for _, name := range want {
		if err := w.Add(Message{Folder: name, Date: at(1)}, strings.NewReader("Subject: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for m, err := range Read(dir, 1000, plainNames) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Content != nil {
			got = append(got, m.Folder)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, name := range want[1:] { // what a stranger wrote there is not believed
		if err := os.WriteFile(filepath.Join(dir, shorten("."+plainNames.Encode(strings.ReplaceAll(name, "/", ".")), name), nameFile), []byte("INBOX"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for m, err := range Read(dir, 1000, plainNames) {
		if err != nil || m.Folder == "INBOX" {
			t.Errorf("%q, %v", m.Folder, err)
		}
	}
}
