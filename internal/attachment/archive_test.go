package attachment

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func deflated(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// EICAR is found in archives within archives by its hash, and by its name.
func TestNested(t *testing.T) {
	file := named{"eicar.com", []byte(eicar)}
	more := []named{{"readme.txt", []byte(strings.Repeat("read me ", 1000))}, file, {"sub/third.txt", []byte("three")}}
	seven := func(args ...string) []byte {
		return made(t, more, "a.7z", "7z", append([]string{"a"}, append(args, "a.7z", "readme.txt", "eicar.com", "sub")...)...)
	}
	for name, archive := range map[string]named{
		"zip":              {"a.zip", zipped(t, more...)},
		"zip in zip":       {"a.zip", zipped(t, named{"b.zip", zipped(t, more...)})},
		"gzip":             {"eicar.com.gz", gzipped(t, file.data)},
		"tar":              {"a.tar", tarred(t, more...)},
		"tar in gzip":      {"a.tgz", gzipped(t, tarred(t, more...))},
		"zip in tar in gz": {"a.tgz", gzipped(t, tarred(t, named{"b.zip", zipped(t, more...)}))},
		"bzip2":            {"a.bz2", made(t, more, "eicar.com.bz2", "bzip2", "-k", "eicar.com")},
		"xz":               {"a.xz", made(t, more, "eicar.com.xz", "xz", "-k", "eicar.com")},
		"xz in blocks":     {"a.tar.xz", made(t, []named{{"a.tar", tarred(t, more...)}}, "a.tar.xz", "xz", "-k", "--block-size=4096", "--check=sha256", "a.tar")},
		"lzma":             {"a.lzma", made(t, more, "eicar.com.lzma", "xz", "-k", "--format=lzma", "eicar.com")},
		"7z":               {"a.7z", seven()},
		"7z, lzma":         {"a.7z", seven("-m0=lzma")},
		"7z, bzip2":        {"a.7z", seven("-m0=bzip2")},
		"7z, deflate":      {"a.7z", seven("-m0=deflate")},
		"7z, stored":       {"a.7z", seven("-mx=0")},
		"7z, not solid":    {"a.7z", seven("-ms=off")},
		"7z, bare header":  {"a.7z", seven("-mhc=off")},
		"iso":              {"a.iso", made(t, more, "a.iso", "genisoimage", "-quiet", "-J", "-R", "-o", "a.iso", "readme.txt", "eicar.com")},
		"iso, plain":       {"a.iso", made(t, more, "a.iso", "genisoimage", "-quiet", "-o", "a.iso", "readme.txt", "eicar.com")},
		"rar 5, stored":    {"a.rar", rar5("eicar.com", file.data)},
		"rar 4, stored":    {"a.rar", rar4("eicar.com", file.data, 0)},
		"mail":             {"a.eml", contentOf(t, message(file))},
		"7z in iso":        {"a.iso", made(t, []named{{"b.7z", seven()}}, "a.iso", "genisoimage", "-quiet", "-J", "-o", "a.iso", "b.7z")},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect(t, archive.message(), patient())
			for _, f := range r.Files {
				if f.Sum == sha256.Sum256(file.data) && f.Depth > 0 && f.Hashed {
					if f.Has(Broken) || !f.Has(Executable) {
						t.Errorf("got %v", f.Flags)
					}
					return
				}
			}
			t.Errorf("EICAR is not found:\n%s", described(r))
		})
	}
}

func (n named) message() *mail.Message { return message(n) }

// contentOf is all of a message.
func contentOf(t testing.TB, m *mail.Message) []byte {
	t.Helper()
	b, err := io.ReadAll(m.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What needs a password says so.
func TestEncrypted(t *testing.T) {
	files := []named{{"a.txt", []byte("secret")}}
	for name, archive := range map[string]named{
		"7z":             {"a.7z", made(t, files, "a.7z", "7z", "a", "-pabc", "a.7z", "a.txt")},
		"7z, its header": {"a.7z", made(t, files, "a.7z", "7z", "a", "-pabc", "-mhe=on", "a.7z", "a.txt")},
		"zip":            {"a.zip", made(t, files, "a.zip", "7z", "a", "-tzip", "-pabc", "a.zip", "a.txt")},
		"zip, aes":       {"a.zip", made(t, files, "a.zip", "7z", "a", "-tzip", "-mem=AES256", "-pabc", "a.zip", "a.txt")},
		"rar 4":          {"a.rar", rar4("a.txt", []byte("secret"), 4)},
	} {
		t.Run(name, func(t *testing.T) {
			if r := inspect(t, archive.message(), patient()); !r.Has(Encrypted) || r.Has(Broken) {
				t.Errorf("got %s", described(r))
			}
		})
	}
}

// A program in an archive whose packer changes addresses in programs is one still; its hash
// is not known.
func TestFiltered(t *testing.T) {
	files := []named{{"b.exe", append(program(), bytes.Repeat([]byte("\xe8\x01\x02\x00\x00call"), 500)...)}, {"c.exe", program()}}
	for _, method := range []string{"bcj", "arm", "bcj2"} {
		r := inspect(t, message(named{"a.7z", made(t, files, "a.7z", "7z", "a", "-m0="+method, "-m1=lzma", "a.7z", "b.exe", "c.exe")}), patient())
		if f := r.Files[0]; f.Kind != PE || f.Hashed || len(r.Files) != 3 || !r.Files[1].Has(Executable) {
			t.Errorf("%s: got %s", method, described(r))
		}
	}
}

// A source reads a part at any place as the decoder reads it from the beginning to the end.
func TestSource(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 3*smallSize+17)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	copy(data, "PK\x03\x04") // or nobody would look into it
	text := base64.StdEncoding.EncodeToString(data)
	odd := text[:1000] + "==" + text[1000:200000] + "=\r\n!" + text[200000:]
	quoted := strings.Repeat("a line of text =E4=F6 that is =\r\ncontinued   \r\n", 20000)
	for name, c := range map[string]struct{ encoding, body string }{
		"base64":                {"base64", lines(text, 76)},
		"base64, one line":      {"base64", text},
		"base64, broken":        {"base64", lines(odd, 61)},
		"quoted-printable":      {"quoted-printable", quoted},
		"quoted, one long line": {"quoted-printable", strings.Repeat("=41", 1_000_000)},
		"binary":                {"binary", string(data)},
	} {
		t.Run(name, func(t *testing.T) {
			m := mail.NewMessage([]byte("Content-Type: application/x\r\nContent-Transfer-Encoding: " + c.encoding + "\r\n\r\n" + c.body))
			want, err := io.ReadAll(m.Decoded(m.Root()))
			if err != nil {
				t.Fatal(err)
			}
			s := newSource(m, m.Root())
			h := sha256.New()
			if err := s.scan(t.Context(), h, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(want); s.size != int64(len(want)) || !bytes.Equal(h.Sum(nil), sum[:]) {
				t.Fatalf("got %d octets, want %d, or others", s.size, len(want))
			}
			for range 40 {
				off, n := random.IntN(len(want)), random.IntN(100000)
				got := make([]byte, n)
				k, err := s.ReadAt(got, int64(off))
				end := min(off+n, len(want))
				if !bytes.Equal(got[:k], want[off:end]) || (k < n) != (err != nil) {
					t.Fatalf("at %d: got %d octets, want %d (%v)", off, k, end-off, err)
				}
			}
		})
	}
}

func lines(s string, n int) string {
	var b strings.Builder
	for ; len(s) > n; s = s[n:] {
		b.WriteString(s[:n] + "\r\n")
	}
	return b.String() + s
}

// Archives that are damaged anywhere end without harm, and say something.
func TestDamaged(t *testing.T) {
	files := []named{{"a.txt", []byte(strings.Repeat("hello ", 300))}, {"b.txt", []byte("b")}}
	for name, b := range map[string][]byte{
		"zip":    zipped(t, files...),
		"tar.gz": gzipped(t, tarred(t, files...)),
		"7z":     made(t, files, "a.7z", "7z", "a", "a.7z", "a.txt", "b.txt"),
		"xz":     made(t, files, "a.txt.xz", "xz", "-k", "a.txt"),
		"iso":    made(t, files, "a.iso", "genisoimage", "-quiet", "-J", "-o", "a.iso", "a.txt", "b.txt")[:60<<10],
		"rar 5":  rar5("a.txt", files[0].data),
		"rar 4":  rar4("a.txt", files[0].data, 0),
		"cab":    cabinet("a.txt", "b.txt"),
		"tnef":   tnefFile("a.txt", files[0].data),
		"ole":    oleWith(t, "", named{"WordDocument", files[0].data}),
		"pdf":    pdfStream("/Type/ObjStm/Filter/FlateDecode", files[0].data),
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			for n := range 300 {
				bad := bytes.Clone(b)
				if n%3 == 0 {
					bad = bad[:random.IntN(len(bad))]
				}
				for range n % 5 {
					if len(bad) > 0 {
						bad[random.IntN(len(bad))] = byte(random.Uint32())
					}
				}
				inspect(t, message(named{"a." + name, bad}), patient())
			}
		})
	}
}

// What every file of a kind is found by stays; the report has no more than maxFiles harmless
// ones, and all that are not.
func TestManyFiles(t *testing.T) {
	var files []named
	for i := range maxFiles + 50 {
		files = append(files, named{fmt.Sprintf("%d.txt", i), []byte("x")})
	}
	files = append(files, named{"run.exe", program()})
	r := inspect(t, message(named{"a.zip", zipped(t, files...)}), patient())
	if r.Count != maxFiles+52 || len(r.Files) > maxFiles+2 || !r.Has(Executable) || r.Has(Bomb) {
		t.Errorf("got %d files of %d, %v", len(r.Files), r.Count, r.Has(Executable))
	}
	limits := patient()
	limits.Count = 100
	if r := inspect(t, message(named{"a.zip", zipped(t, files...)}), limits); !r.Has(Bomb) {
		t.Error("too many files are no bomb")
	}
}

// The text of a message is not looked at, unless files are written into it.
func TestBodies(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want bool
	}{
		"text":       {"Content-Type: text/plain\r\n\r\nhello", false},
		"html":       {"Content-Type: text/html\r\n\r\n<script>atob()</script>", false},
		"uuencode":   {"\r\nhello\r\nbegin 644 run.exe\r\n#0V%T\r\n`\r\nend\r\n", true},
		"named text": {"Content-Type: text/plain; name=a.js\r\n\r\nhello", true},
		"no text":    {"Content-Type: application/x-msdownload; name=run.exe\r\n\r\nhello", true},
	} {
		m := mail.NewMessage([]byte(c.body))
		if HasAttachments(m) != c.want || inspect(t, m, patient()).Has(Executable) != c.want {
			t.Errorf("%s: got %s", name, described(inspect(t, m, patient())))
		}
	}
}

// What there is no time for is unread, and not hashed; its name counts.
func TestNoTime(t *testing.T) {
	limits := patient()
	limits.Time = 1
	r := inspect(t, message(named{"run.exe", program()}, named{"a.zip", zipped(t, named{"a.txt", []byte("x")})}), limits)
	if r.Cut != errTime.Error() || !r.Has(Unread) || !r.Has(Executable) || r.Has(Broken) || r.Files[0].Hashed || len(r.Sums()) > 0 {
		t.Errorf("got %s (%s)", described(r), r.Cut)
	}
}

// A message that can't be read, or that nobody waits for, is an error.
func TestErrors(t *testing.T) {
	b := contentOf(t, message(named{"a.bin", noise(100 << 10)}))
	bad := mail.NewSpooled(bytes.NewReader(b[:len(b)/2]), int64(len(b)))
	if _, err := Inspect(t.Context(), bad, patient()); err == nil {
		t.Error("half a message is no error")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Inspect(ctx, message(named{"a.bin", noise(1000)}), patient()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Sums has what tells senders apart.
func TestSums(t *testing.T) {
	long := []byte(strings.Repeat("document ", 20))
	pdf := append(pdfFile("<<>>"), long...)
	m := message(
		named{"logo.png", append([]byte("\x89PNG\r\n\x1a\n"), long...)}, named{"a.txt", long}, named{"a.pdf", pdf}, named{"again.pdf", pdf},
		named{"b.zip", zipped(t, named{"run.exe", program()}, named{"c.pdf", append(pdf, 'x')})},
	)
	if got := Sums(m); len(got) != 3 || got[0] != sha256.Sum256(pdf) || got[2] == got[1] || got[1] != sha256.Sum256(program()) {
		t.Errorf("got %d: %x", len(got), got)
	}
}
