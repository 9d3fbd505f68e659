package attachment

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// A Kind is what a file is by its content.
type Kind string

// Kinds. Unknown is whatever has none of the marks below.
const (
	Unknown   Kind = "unknown"
	Empty     Kind = "empty"
	Text      Kind = "text"
	PE        Kind = "windows program"
	DOS       Kind = "dos program"
	ELF       Kind = "elf program"
	MachO     Kind = "macos program"
	JavaClass Kind = "java class"
	Dex       Kind = "android program"
	Script    Kind = "script"
	Shortcut  Kind = "shortcut"
	CHM       Kind = "compiled help"
	MSI       Kind = "installer"
	Jar       Kind = "java archive"
	APK       Kind = "android package"
	Zip       Kind = "zip"
	Gzip      Kind = "gzip"
	Bzip2     Kind = "bzip2"
	XZ        Kind = "xz"
	LZMA      Kind = "lzma"
	Zstd      Kind = "zstd"
	LZ4       Kind = "lz4"
	Compress  Kind = "compress"
	SevenZip  Kind = "7z"
	RAR       Kind = "rar"
	RAR5      Kind = "rar5"
	Tar       Kind = "tar"
	Cab       Kind = "cab"
	ARJ       Kind = "arj"
	LZH       Kind = "lzh"
	ACE       Kind = "ace"
	WIM       Kind = "wim"
	ISO       Kind = "disk image"
	VHD       Kind = "vhd image"
	DMG       Kind = "dmg image"
	OneNote   Kind = "onenote"
	OLE       Kind = "ole document"
	OOXML     Kind = "office document"
	ODF       Kind = "open document"
	RTF       Kind = "rtf"
	PDF       Kind = "pdf"
	HTML      Kind = "html"
	SVG       Kind = "svg"
	XML       Kind = "xml"
	Message   Kind = "message"
	TNEF      Kind = "tnef"
	JPEG      Kind = "jpeg"
	PNG       Kind = "png"
	GIF       Kind = "gif"
	WebP      Kind = "webp"
	BMP       Kind = "bmp"
	TIFF      Kind = "tiff"
	Media     Kind = "sound or film"
	Flash     Kind = "flash"
	PGP       Kind = "pgp"
)

// A mark is what a kind of file has at a place.
type mark struct {
	at    int
	octet string
	kind  Kind
}

// marks are looked for in this order.
func marks() []mark {
	return []mark{
		{0, "\x7fELF", ELF}, {0, "\xfe\xed\xfa\xce", MachO}, {0, "\xfe\xed\xfa\xcf", MachO}, {0, "\xce\xfa\xed\xfe", MachO}, {0, "\xcf\xfa\xed\xfe", MachO},
		{0, "dex\n03", Dex}, {0, "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", DOS}, // the test virus is one
		{0, "L\x00\x00\x00\x01\x14\x02\x00", Shortcut}, {0, "ITSF", CHM},
		{0, "PK\x03\x04", Zip}, {0, "PK\x05\x06", Zip}, {0, "PK\x07\x08PK", Zip}, {0, "PK00PK\x03\x04", Zip},
		{0, "\x1f\x8b", Gzip}, {0, "\xfd7zXZ\x00", XZ}, {0, "]\x00\x00", LZMA}, {0, "\x28\xb5\x2f\xfd", Zstd}, {0, "\x04\x22\x4d\x18", LZ4},
		{0, "\x1f\x9d", Compress}, {0, "7z\xbc\xaf\x27\x1c", SevenZip}, {0, "Rar!\x1a\x07\x01\x00", RAR5}, {0, "Rar!\x1a\x07\x00", RAR},
		{0, "MSCF\x00\x00\x00\x00", Cab}, {0, "\x60\xea", ARJ}, {2, "-lh", LZH}, {2, "-lz", LZH}, {7, "**ACE**", ACE}, {0, "MSWIM\x00", WIM},
		{257, "ustar", Tar}, {0, "conectix", VHD}, {0, "vhdxfile", VHD}, {0, "KDMV", VHD}, {0, "QFI\xfb", VHD},
		{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", OneNote}, {0, "\xa1\x2f\xff\x43\xd9\xef\x76\x4c", OneNote}, // .one and .onetoc2, [MS-ONESTORE] §2.3.1
		{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE}, {0, "{\\rt", RTF}, {0, "\x78\x9f\x3e\x22", TNEF},
		{0, "\xff\xd8\xff", JPEG}, {0, "\x89PNG\r\n", PNG}, {0, "GIF8", GIF}, {0, "II*\x00", TIFF}, {0, "MM\x00*", TIFF},
		{4, "ftyp", Media}, {0, "ID3", Media}, {0, "OggS", Media}, {0, "\xff\xfb", Media}, {0, "\x1aE\xdf\xa3", Media}, {0, "fLaC", Media},
		{0, "FWS", Flash}, {0, "CWS", Flash}, {0, "ZWS", Flash}, {0, "-----BEGIN PGP", PGP},
	}
}

// headSize is how much of a file is looked at to tell its kind: a disk image has its mark
// at 32769.
const headSize = 36 << 10

// kindOf tells a file's kind by its first octets, headSize of them where there are.
func kindOf(head []byte) Kind {
	if len(head) == 0 {
		return Empty
	}
	for _, m := range marks() {
		if len(head) >= m.at+len(m.octet) && string(head[m.at:m.at+len(m.octet)]) == m.octet {
			return m.kind
		}
	}
	switch {
	case len(head) >= 8 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18": // a frame to skip; LZ4 has the same
		return Zstd
	case head[0] == 'M' && len(head) > 1 && head[1] == 'Z', head[0] == 'Z' && len(head) > 1 && head[1] == 'M':
		return programOf(head)
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")) && len(head) >= 8:
		if binary.BigEndian.Uint32(head[4:]) < 40 { // architectures in it; of a class its version
			return MachO
		}
		return JavaClass
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 3 && '1' <= head[3] && head[3] <= '9':
		return Bzip2
	case bytes.HasPrefix(head, []byte("BM")) && len(head) > 14 && head[6]|head[7]|head[8]|head[9] == 0:
		return BMP
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) > 12:
		if string(head[8:12]) == "WEBP" {
			return WebP
		}
		return Media
	case isImage(head):
		return ISO
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")):
		return PDF
	case isTar(head):
		return Tar
	}
	return textKind(head)
}

// programOf tells a Windows program from one of DOS, which nothing runs by a click any more, and
// from text that begins with the same letters.
func programOf(head []byte) Kind {
	if len(head) < 64 {
		if plain(head) {
			return Text
		}
		return DOS
	}
	at := int(binary.LittleEndian.Uint32(head[60:]))
	switch {
	case at >= 0 && at+4 <= len(head) && string(head[at:at+4]) == "PE\x00\x00":
		return PE
	case at > len(head) && at < 1<<24:
		return PE // its header is further on than was looked
	case plain(head):
		return Text
	}
	return DOS
}

// isImage knows file systems of CDs (ISO 9660, UDF) and of disks.
func isImage(head []byte) bool {
	at := func(place int, text string) bool {
		return len(head) >= place+len(text) && string(head[place:place+len(text)]) == text
	}
	for _, sector := range []int{32768, 34816} {
		if at(sector+1, "CD001") || at(sector+1, "BEA01") || at(sector+1, "NSR0") {
			return true
		}
	}
	return len(head) >= 512 && at(510, "\x55\xaa") && (at(54, "FAT") || at(82, "FAT32") || at(3, "NTFS") || at(3, "EXFAT"))
}

// isTar knows old archives, which have no mark: the sum of the first header is right.
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 || head[156] != 0 && (head[156] < '0' || head[156] > '7') {
		return false
	}
	var sum, want int
	digits := strings.Trim(string(head[148:156]), " \x00")
	if digits == "" {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '7' {
			return false
		}
		want = want<<3 | int(c-'0')
	}
	for i, c := range head[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	return sum == want
}

// textKind tells what text is.
func textKind(head []byte) Kind {
	head = unicodeText(head)
	if !plain(head) {
		return Unknown
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	low := lower(head[:min(len(head), 4096)])
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return Script
	case bytes.HasPrefix(low, []byte("[internetshortcut]")):
		return Shortcut
	case bytes.HasPrefix(low, []byte("windows registry editor")), bytes.HasPrefix(low, []byte("regedit4")):
		return Script
	case bytes.HasPrefix(low, []byte("@echo off")):
		return Script
	case bytes.Contains(low, []byte("<svg")) && bytes.HasPrefix(low, []byte("<")):
		if bytes.Contains(low, []byte("<html")) {
			return HTML
		}
		return SVG
	case isHTML(low):
		return HTML
	case bytes.HasPrefix(low, []byte("<?xml")):
		return XML
	case isMessage(low):
		return Message
	case bytes.HasPrefix(low, []byte("<job")), bytes.HasPrefix(low, []byte("<package>")) && bytes.Contains(low, []byte("<job")):
		return Script // a Windows script file
	}
	return Text
}

// unicodeText makes text of two octets a letter one of one, as far as it is ASCII.
func unicodeText(head []byte) []byte {
	if len(head) < 4 {
		return head
	}
	odd := 0
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		odd = 1
	default:
		return head
	}
	head = head[2:]
	b := make([]byte, 0, len(head)/2)
	for i := odd; i < len(head); i += 2 {
		c := head[i]
		if c == 0 || i^1 < len(head) && head[i^1] != 0 {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}

func isHTML(low []byte) bool {
	if !bytes.HasPrefix(low, []byte("<")) {
		return false
	}
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<meta", "<title", "<style", "<form", "<table", "<div", "<a href", "<hta:"} {
		if bytes.Contains(low, []byte(tag)) {
			return true
		}
	}
	return false
}

// isMessage reports whether text begins as a mail does: two fields that mails have.
func isMessage(low []byte) bool {
	known := 0
	for line := range bytes.Lines(low) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || bytes.ContainsAny(name, " \t") {
			return false
		}
		switch string(name) {
		case "received", "return-path", "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "delivered-to":
			known++
		}
	}
	return known >= 3
}

// plain reports whether octets are text: few control characters.
func plain(b []byte) bool {
	b = b[:min(len(b), 4096)]
	odd := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' || c == 0x7f {
			odd++
		}
	}
	return odd*50 <= len(b) && (utf8.Valid(b[:max(0, len(b)-4)]) || odd == 0)
}

// Picture reports whether the kind is a picture.
func (k Kind) Picture() bool {
	switch k {
	case JPEG, PNG, GIF, WebP, BMP, TIFF:
		return true
	}
	return false
}

// Archive reports whether the kind holds other files.
func (k Kind) Archive() bool {
	switch k {
	case Zip, Gzip, Bzip2, XZ, LZMA, Zstd, LZ4, Compress, SevenZip, RAR, RAR5, Tar, Cab, ARJ, LZH, ACE, WIM, Jar, APK:
		return true
	}
	return false
}

// runs says what a kind that is run when it is opened is; "" for others.
func (k Kind) runs() string {
	switch k {
	case PE:
		return "a Windows program"
	case DOS:
		return "a DOS program"
	case ELF:
		return "a Linux program"
	case MachO:
		return "a macOS program"
	case JavaClass, Jar:
		return "a Java program"
	case Dex, APK:
		return "an Android program"
	case Script:
		return "a script"
	case Shortcut:
		return "a shortcut"
	case CHM:
		return "a compiled help file"
	case MSI:
		return "an installer"
	case Flash:
		return "a Flash program"
	}
	return ""
}

// mounts says what a kind is whose files arrive without the mark that they came by mail.
func (k Kind) mounts() string {
	switch k {
	case ISO, VHD, DMG, WIM:
		return "a disk image"
	case OneNote:
		return "a OneNote notebook"
	}
	return ""
}

// lower returns octets with the letters of ASCII in lower case, and all in their places:
// bytes.ToLower makes some others longer.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
