package attachment

import (
	"bytes"
	"context"
	"testing"
	"time"
	"unicode/utf8"
)

// fuzzed looks at a file as part of a message, and holds what must be true of every
// inspection: all memory is given back, what is kept is bounded, names are text. A reader of
// our own must not panic; where a library's does the file is broken.
func fuzzed(f *testing.F, name string, own bool, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	limits := patient()
	limits.Expanded, limits.Memory = 4<<20, 4<<20
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := &walker{ctx: ctx, limits: limits, report: &Report{}, memory: limits.Memory}
		file := w.file(name, bytes.NewReader(b), int64(len(b)), place{})
		if w.memory != limits.Memory {
			t.Errorf("%d octets of memory are not given back", limits.Memory-w.memory)
		}
		if len(w.report.Files) > 2*maxFiles {
			t.Errorf("%d files", len(w.report.Files))
		}
		for _, one := range w.report.Files {
			if !utf8.ValidString(one.Name) || !utf8.ValidString(one.Path) || len(one.Name) > maxName {
				t.Errorf("name %q", one.Path)
			}
			for _, g := range one.Flags {
				if own && g.What == panicked {
					t.Errorf("the reader of %s failed inside", file.Kind)
				}
			}
		}
	})
}

func FuzzZip(f *testing.F) {
	b := zipped(f, named{"a.txt", []byte("a")}, named{"b/run.exe", program()})
	fuzzed(f, "a.zip", true, b, b[:len(b)-30], zipped(f, wordFiles("<w:instrText>DDE")...), rawZip(deflate(make([]byte, 1000)), 3, 1000))
}

func FuzzSevenZip(f *testing.F) {
	files := []named{{"a.txt", []byte("hello hello hello")}, {"run.exe", program()}}
	fuzzed(f, "a.7z", true,
		made(f, files, "a.7z", "7z", "a", "a.7z", "a.txt", "run.exe"),
		made(f, files, "a.7z", "7z", "a", "-mhc=off", "-m0=lzma", "a.7z", "a.txt", "run.exe"),
		made(f, files, "a.7z", "7z", "a", "-mhc=off", "-m0=bcj2", "-m1=lzma", "a.7z", "a.txt", "run.exe"),
		sevenHead([]byte{1, 5, 1, 0x0e, 1, 0x80, 0, 0}))
}

func FuzzStreams(f *testing.F) {
	files := []named{{"a.txt", []byte("hello hello hello")}}
	fuzzed(f, "a.xz", true, made(f, files, "a.txt.xz", "xz", "-k", "a.txt"), made(f, files, "a.txt.lzma", "xz", "-k", "--format=lzma", "a.txt"),
		hugeXZ(), gzipped(f, tarred(f, files...)), sparseTar())
}

func FuzzRAR(f *testing.F) {
	fuzzed(f, "a.rar", false, rar4("a.txt", []byte("hello"), 0), rar4("a.txt", []byte("hello"), 4), rar5("a.txt", []byte("hello")), hugeRAR())
}

func FuzzDirectories(f *testing.F) {
	fuzzed(f, "a.iso", true, cabinet("a.exe", "b"), circleISO())
}

func FuzzTNEF(f *testing.F) {
	fuzzed(f, "winmail.dat", true, tnefFile("run.exe", program()))
}

func FuzzOLE(f *testing.F) {
	fuzzed(f, "a.doc", false,
		oleWith(f, "", named{"\x01Ole10Native", packageOf("run.exe", program())}, named{"Workbook", []byte("\x85\x00\x09\x00\x00\x00\x00\x00\x00\x01\x01\x00A")}),
		oleWith(f, "", named{"__substg1.0_3707001F", utf16le("a")}, named{"__substg1.0_37010102", []byte("b")}), circleOLE(f))
}

func FuzzRTF(f *testing.F) {
	fuzzed(f, "a.rtf", true, []byte(`{\rtf1{\object\objupdate{\*\objdata 0105\par 0000 02000000{\x 99}08000000 5061636b61676500}}}`), []byte(`{\rtf1{\*\template http://x}}`))
}

func FuzzPDF(f *testing.F) {
	fuzzed(f, "a.pdf", true, pdfFile("<</S/J#61vaScript>>"), pdfStream("/Type/ObjStm/Filter/FlateDecode", []byte("<</S/Launch>>")),
		pdfStream("/Type/EmbeddedFile", program()), pdfStream("/Type/EmbeddedFile/Filter/FlateDecode", program()))
}

func FuzzOneNote(f *testing.F) { fuzzed(f, "a.one", true, oneNoteBook(program())) }

func FuzzShortcut(f *testing.F) {
	fuzzed(f, "a.lnk", true, shortcutFile(), []byte("[InternetShortcut]\r\nURL=file://x"))
}

func FuzzText(f *testing.F) {
	fuzzed(f, "a.html", true, []byte(`<html><script>new Blob(atob(""))`), []byte("<svg onload=x>"), []byte("begin 644 a.exe\n#0V%T\n`\nend\n"),
		[]byte("<?xml version=1?><w:binData>"), []byte("From: a\nTo: b\nSubject: c\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: a/b\n\nc"))
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"invoice.pdf.exe", "a\u202efdp.exe", "a.", "..", "a .exe .", "ａ．ＥＸＥ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = cleanName(name)
		for _, k := range []Kind{PE, PDF, Unknown} {
			for _, g := range append(nameFlags(name, k), contentFlags(name, k)...) {
				if !utf8.ValidString(g.What) {
					t.Errorf("%q: %q", name, g.What)
				}
			}
		}
	})
}
