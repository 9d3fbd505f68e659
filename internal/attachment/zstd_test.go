package attachment

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// zstdFile packs octets with a window of at most so many.
func zstdFile(t testing.TB, window int, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 { // not at once: a frame that knows its size has no other window
		n := min(len(data), 1<<20)
		if _, err := z.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What zstd packs is looked into, within bounds; what can't be read at all is said to be so.
func TestZstd(t *testing.T) {
	letter := []byte(strings.Repeat("a letter to all of you, ", 40_000))
	packed := zstdFile(t, 1<<20, program())
	for name, tt := range map[string]struct {
		file named
		want string // the class, "": none
		path string // of a file that is in it
	}{
		"a program":                     {named{"run.exe.zst", packed}, "executable", "run.exe.zst > run.exe"},
		"in a tar":                      {named{"a.tzst", zstdFile(t, 1<<20, tarred(t, named{"run.exe", program()}))}, "executable", "a.tzst > a.tar > run.exe"},
		"in a zip":                      {named{"a.zip", zipped(t, named{"run.exe.zst", packed})}, "executable", "a.zip > run.exe.zst > run.exe"},
		"a letter":                      {named{"letter.txt.zst", zstdFile(t, 1<<20, letter)}, "", "letter.txt.zst > letter.txt"},
		"two frames":                    {named{"a.exe.zst", append(zstdFile(t, 1<<20, program()), zstdFile(t, 1<<20, letter)...)}, "executable", "a.exe.zst > a.exe"},
		"a window larger than is had":   {named{"a.zst", zstdFile(t, 64<<20, letter)}, "unread", ""},
		"cut, as far as it goes":        {named{"a.zst", packed[:len(packed)-3]}, "executable", ""},
		"not one":                       {named{"a.zst", []byte("\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff")}, "broken", ""},
		"a bomb":                        {named{"a.zst", zstdFile(t, 1<<20, make([]byte, 40<<20))}, "bomb", ""},
		"an archive that nothing reads": {named{"a.arj", []byte("\x60\xea\x2c\x00\x22\x06\x01\x00\x10\x00\x02\x00 and more of it")}, "unopened", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect(t, message(tt.file), patient())
			worst := ""
			for _, c := range Classes() {
				if r.Has(c) {
					worst = string(c)
					break
				}
			}
			found := tt.path == ""
			for _, f := range r.Files {
				found = found || f.Path == tt.path && f.Hashed
			}
			if worst != tt.want || !found {
				t.Errorf("got %q:\n%s", worst, described(r))
			}
		})
	}
}

// What is packed at once, as most is, has its own size for a window; frames to skip, and later ones with larger windows, change nothing.
func TestZstdFrames(t *testing.T) {
	whole := func(content []byte, o ...zstd.EOption) []byte {
		z, err := zstd.NewWriter(nil, o...)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(content, nil)
	}
	sized := func(n int) []byte {
		b := make([]byte, n)
		rand.NewChaCha8([32]byte{}).Read(b)
		return append(program(), b[:max(n-len(program()), 0)]...)
	}
	skip := []byte("\x5a\x2a\x4d\x18\x04\x00\x00\x00skip")
	for name, tt := range map[string]struct {
		file    []byte
		want    Class
		content []byte
	}{
		"1 KB":                       {whole(sized(1000)), Executable, sized(1000)},
		"70 KB":                      {whole(sized(70_000)), Executable, sized(70_000)},
		"1 MB":                       {whole(sized(1 << 20)), Executable, sized(1 << 20)},
		"3 MB":                       {whole(sized(3 << 20)), Executable, sized(3 << 20)},
		"a frame to skip":            {slices.Concat(skip, whole(sized(70_000))), Executable, sized(70_000)},
		"two, and one behind":        {slices.Concat(skip, skip, whole(sized(70_000)), skip), Executable, sized(70_000)},
		"a larger one behind":        {slices.Concat(whole(sized(70_000)[:4]), skip, whole(sized(70_000)[4:])), Executable, sized(70_000)},
		"a smaller one behind":       {slices.Concat(whole(sized(70_000)[:69_000]), whole(sized(70_000)[69_000:])), Executable, sized(70_000)},
		"of another window":          {slices.Concat(whole(sized(70_000)), zstdFile(t, 4<<20, sized(3<<20))), Executable, slices.Concat(sized(70_000), sized(3<<20))},
		"LZ4 behind a frame to skip": {slices.Concat(skip, []byte("\x04\x22\x4d\x18\x64\x40\xa7 and so on")), Unread, nil},
		"a frame to skip, cut":       {skip[:10], Broken, nil},
		"too large a single one":     {whole(make([]byte, 9<<20), zstd.WithSingleSegment(true)), Unread, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect(t, message(named{"a.zst", tt.file}), patient())
			found := tt.content == nil
			for _, f := range r.Files {
				found = found || f.Hashed && f.Sum == sha256.Sum256(tt.content)
			}
			if !r.Has(tt.want) || !found || tt.want == Executable && r.Has(Unread) {
				t.Errorf("found %t:\n%s", found, described(r))
			}
		})
	}
}

func FuzzZstd(f *testing.F) {
	fuzzed(f, "a.zst", false, zstdFile(f, 1<<20, program()), zstdFile(f, 64<<10, []byte(strings.Repeat("hello ", 1000))))
}
