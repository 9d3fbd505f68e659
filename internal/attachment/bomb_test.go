package attachment

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// zeros is what bombs are made of.
const zeros = 24 << 20

// Each bomb ends with its class, and allocates no more than most MiB in all, garbage
// included. Time is bounded by what comes out of decompressors, which the limits count.
func TestBombs(t *testing.T) {
	flat := make([]byte, zeros)
	big := []named{{"zeros", flat}}
	small := deflate(flat)
	for name, c := range map[string]struct {
		file named
		want Class
		most int // MiB
	}{
		"zip":                   {named{"a.zip", rawZip(small, 1, zeros)}, Bomb, 4},
		"zip, lies of its size": {named{"a.zip", rawZip(small, 1, 10)}, Broken, 4},
		"zip, many of one":      {named{"a.zip", rawZip(small, 100, zeros)}, Bomb, 4},
		"zip of zips":           {named{"a.zip", zipped(t, named{"b.zip", rawZip(small, 1, zeros)})}, Bomb, 4},
		"zip, a huge directory": {named{"a.zip", rawZip([]byte{3, 0}, 60000, 0)}, Bomb, 24},
		"zip, deep":             {named{"a.zip", deepZip(t, 12)}, Bomb, 4},
		"gzip":                  {named{"a.gz", gzipped(t, flat)}, Bomb, 4},
		"gzip in gzip":          {named{"a.gz", gzipped(t, gzipped(t, flat))}, Bomb, 4},
		"gzip, deep":            {named{"a.gz", deepGzip(t, 12)}, Bomb, 4},
		"bzip2":                 {named{"a.bz2", made(t, big, "zeros.bz2", "bzip2", "-k", "zeros")}, Bomb, 12},
		"xz":                    {named{"a.xz", made(t, big, "zeros.xz", "xz", "-0", "-k", "zeros")}, Bomb, 24},
		"xz, 4 GiB dictionary":  {named{"a.xz", hugeXZ()}, Broken, 24},
		"xz, many dictionaries": {named{"a.xz", bytes.Repeat(hugeXZ()[12:], 100000)}, "", 24},
		"lzma, 4 GiB":           {named{"a.lzma", append([]byte("]\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), make([]byte, 100)...)}, Broken, 24},
		"7z":                    {named{"a.7z", made(t, big, "a.7z", "7z", "a", "-mx=1", "a.7z", "zeros")}, Bomb, 24},
		"7z, 2 to the 60 files": {named{"a.7z", sevenHead([]byte{1, 5, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x0e})}, Broken, 4},
		"7z, properties of 4 G": {named{"a.7z", sevenHead([]byte{1, 4, 7, 0x0b, 1, 0, 1, 0x21, 0x21, 0xf0, 0xff, 0xff, 0xff, 0xff})}, Broken, 4},
		"rar 5, 4 GiB":          {named{"a.rar", hugeRAR()}, Unread, 16},
		"tar, sparse":           {named{"a.tar", sparseTar()}, Bomb, 4},
		"pdf":                   {named{"a.pdf", pdfStream("/Type/EmbeddedFile/Filter/FlateDecode", flat)}, Bomb, 4},
		"iso, a circle":         {named{"a.iso", circleISO()}, Broken, 4},
		"ole, a circle":         {named{"a.doc", circleOLE(t)}, Broken, 12},
	} {
		t.Run(name, func(t *testing.T) {
			m := message(c.file)
			m.Root()
			r, mib := costs(t, m)
			if c.want != "" && !r.Has(c.want) || mib > c.most {
				t.Errorf("it took %d MiB, want %d; got %s", mib, c.most, described(r))
			}
		})
	}
}

// costs inspects a message and returns how many MiB that allocates.
func costs(t testing.TB, m *mail.Message) (*Report, int) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := inspect(t, m, patient())
	runtime.ReadMemStats(&after)
	return r, int((after.TotalAlloc - before.TotalAlloc) >> 20)
}

// A mail in a mail in a mail, each encoded anew, and one of very many parts.
func TestMIMEBombs(t *testing.T) {
	inner := "From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhello"
	for range 12 {
		inner = "From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nContent-Type: application/octet-stream; name=a.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			lines(base64.StdEncoding.EncodeToString([]byte(inner)), 76)
	}
	if r, mib := costs(t, mail.NewMessage([]byte(inner))); !r.Has(Bomb) || mib > 4 {
		t.Errorf("deep: %d MiB, %s", mib, described(r))
	}
	part := "--b\r\nContent-Type: application/x; name=a.eml\r\n\r\nFrom: x\r\nTo: y\r\nSubject: z\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + strings.Repeat("--c\r\nContent-Type: a/b\r\n\r\nx\r\n", 20)
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat(part, 1000)
	if r, mib := costs(t, mail.NewMessage([]byte(wide))); !r.Has(Bomb) || mib > 32 {
		t.Errorf("wide: %d MiB, %d files, cut: %s", mib, r.Count, r.Cut)
	}
}

// A message of 25 MB is looked into without a copy of it.
func TestLargeMessage(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 3 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d.bin", i), Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 6<<20)
		for j := range data {
			data[j] = byte(j * j >> 8)
		}
		_, _ = w.Write(data)
	}
	w, _ := z.Create("last/run.exe")
	_, _ = w.Write(program())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, contentOf(t, message(named{"a.zip", b.Bytes()})), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	m := mail.NewSpooled(f, size)
	m.Root()
	r, mib := costs(t, m)
	if !r.Has(Executable) || len(r.Files) != 5 || mib > 16 {
		t.Errorf("%d MiB for %d MiB: %s", mib, m.Size()>>20, described(r))
	}
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 9)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// rawZip makes an archive whose n files have one content.
func rawZip(packed []byte, n int, size uint64) []byte {
	var b bytes.Buffer
	local := func(name string) []byte {
		h := []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00")
		h = append(h, 0, 0, 0, 0)
		h = binary.LittleEndian.AppendUint32(h, uint32(len(packed)))
		h = binary.LittleEndian.AppendUint32(h, uint32(size))
		h = binary.LittleEndian.AppendUint16(h, uint16(len(name)))
		return append(append(h, 0, 0), name...)
	}
	b.Write(local("zeros"))
	b.Write(packed)
	start := b.Len()
	for i := range n {
		name := fmt.Sprintf("z%04d", i%10000)
		h := []byte("PK\x01\x02\x14\x00\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		h = binary.LittleEndian.AppendUint32(h, uint32(len(packed)))
		h = binary.LittleEndian.AppendUint32(h, uint32(size))
		h = binary.LittleEndian.AppendUint16(h, uint16(len(name)))
		h = append(h, make([]byte, 16)...)
		b.Write(append(h, name...))
	}
	size32 := uint32(b.Len() - start)
	e := []byte("PK\x05\x06\x00\x00\x00\x00")
	e = binary.LittleEndian.AppendUint16(e, uint16(n))
	e = binary.LittleEndian.AppendUint16(e, uint16(n))
	e = binary.LittleEndian.AppendUint32(e, size32)
	e = binary.LittleEndian.AppendUint32(e, uint32(start))
	b.Write(append(e, 0, 0))
	return b.Bytes()
}

func deepZip(t testing.TB, n int) []byte {
	b := []byte("hello")
	for i := range n {
		b = zipped(t, named{fmt.Sprintf("%d.zip", i), b})
	}
	return b
}

func deepGzip(t testing.TB, n int) []byte {
	b := []byte("hello")
	for range n {
		b = gzipped(t, b)
	}
	return b
}

// hugeXZ is a stream with a block that needs a dictionary of 4 GiB.
func hugeXZ() []byte {
	b := []byte("\xfd7zXZ\x00\x00\x01")
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:8]))
	h := []byte{2, 0, 0x21, 1, 40, 0, 0, 0}
	b = append(b, h...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(h))
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0) // no data, padding, check
}

// sevenHead is an archive with nothing but a header.
func sevenHead(h []byte) []byte {
	b := make([]byte, 32)
	copy(b, "7z\xbc\xaf\x27\x1c\x00\x04")
	binary.LittleEndian.PutUint64(b[20:], uint64(len(h)))
	binary.LittleEndian.PutUint32(b[28:], crc32.ChecksumIEEE(h))
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:32]))
	return append(b, h...)
}

// hugeRAR is an archive whose file needs a dictionary of 4 GiB.
func hugeRAR() []byte {
	b := []byte("Rar!\x1a\x07\x01\x00")
	b = append(b, header5([]byte{1, 0, 0})...)
	h := []byte{2, 2, 100, 0}
	h = binary.AppendUvarint(h, 1<<40)
	h = binary.AppendUvarint(h, 0x20)
	h = binary.AppendUvarint(h, 3<<7|15<<10)
	h = append(h, 0, 5)
	h = append(h, "zeros"...)
	b = append(b, header5(h)...)
	return append(b, make([]byte, 100)...)
}

// sparseTar has a file of a TiB that is written nowhere.
func sparseTar() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "x", Size: 512, Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatGNU})
	_, _ = w.Write(make([]byte, 512))
	_ = w.Close()
	h := b.Bytes()[:512]
	h[156] = 'S'
	copy(h[386:], "00000000000\x0000000001000\x00") // one piece, at the beginning
	copy(h[482:], "\x00")
	copy(h[483:], append([]byte{0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0)) // a TiB
	for i := range 8 {
		h[148+i] = ' '
	}
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b.Bytes()
}

// circleISO has a directory that is inside itself.
func circleISO() []byte {
	b := make([]byte, 20*sector)
	d := b[16*sector:]
	copy(d, "\x01CD001\x01")
	record := func(at []byte, flags byte, name string) {
		at[0] = byte(33 + len(name) + (len(name)+1)%2)
		binary.LittleEndian.PutUint32(at[2:], 18)
		binary.LittleEndian.PutUint32(at[10:], sector)
		at[25], at[32] = flags, byte(len(name))
		copy(at[33:], name)
	}
	record(d[156:], 2, "\x00")
	copy(b[17*sector:], "\xffCD001\x01")
	record(b[18*sector:], 2, "SUB")
	return b
}

// circleOLE has a directory whose sectors follow one another for ever.
func circleOLE(t testing.TB) []byte {
	b := oleWith(t, "", named{"a", []byte("1")}, named{"b", []byte("1")}, named{"c", []byte("1")}, named{"d", []byte("1")})
	binary.LittleEndian.PutUint32(b[512+4:], 2)
	binary.LittleEndian.PutUint32(b[512+8:], 1)
	return b
}

// TestFiller: what takes all the room there is hides nothing: small attachments are looked at
// first, and an archive that nothing is left for is a bomb.
func TestFiller(t *testing.T) {
	limits := patient()
	limits.Expanded = 1 << 20
	filler := zipped(t, named{"a.csv", noise(2 << 20)})
	evil := zipped(t, named{"run.exe", program()})
	nested := zipped(t, named{"in.zip", evil})
	for name, c := range map[string]struct {
		files []named
		want  Class
	}{
		"before it":              {[]named{{"report.zip", filler}, {"invoice.zip", nested}}, Executable},
		"in one":                 {[]named{{"report.zip", zipped(t, named{"a.csv", noise(2 << 20)}, named{"in.zip", evil})}}, Bomb},
		"in one, other name":     {[]named{{"report.zip", zipped(t, named{"a.csv", noise(2 << 20)}, named{"in.docm", evil})}}, Bomb},
		"tar":                    {[]named{{"report.tgz", gzipped(t, tarred(t, named{"a.csv", noise(2 << 20)}, named{"in.zip", evil}))}}, Bomb},
		"a document":             {[]named{{"report.zip", filler}}, Unread},
		"too large for memory":   {[]named{{"report.zip", zipped(t, named{"in.zip", zipped(t, named{"a.csv", noise(800 << 10)}, named{"run.exe", program()})})}}, Bomb},
		"a document of that":     {[]named{{"report.zip", zipped(t, named{"in.docx", zipped(t, append(wordFiles(""), named{"word/media/a.jpg", noise(800 << 10)})...)})}}, Unread},
		"message of that length": {[]named{{"report.zip", zipped(t, named{"a.csv", noise(2 << 20)}, named{"in.eml", contentOf(t, message(named{"run.exe", program()}))})}}, Bomb},
	} {
		small := limits
		if strings.Contains(name, "memory") || name == "a document of that" {
			small.Memory, small.Expanded = 512<<10, 16<<20
		}
		r := inspect(t, message(c.files...), small)
		if !r.Has(c.want) || c.want == Unread && r.Has(Bomb) {
			t.Errorf("%s: got\n%s", name, described(r))
		}
		if last := c.files[len(c.files)-1].name; r.Files[len(r.Files)-1].Path != last {
			t.Errorf("%s: not in the order of the message:\n%s", name, described(r))
		}
	}
}
