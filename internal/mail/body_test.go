package mail

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDecoded(t *testing.T) {
	tests := []struct{ name, encoding, body, want string }{
		{"7bit", "7bit", "a=41\r\n", "a=41\r\n"},
		{"base64", "base64", "aGVs\r\nbG8=\r\n", "hello"},
		{"base64 without padding", "base64", "aGVsbG8", "hello"},
		{"base64 with junk", "base64", "aG!Vs  bG8=", "hello"},
		{"base64 joined", "base64", "aGVsbG8=aGVsbG8=", "hellohello"},
		{"base64 cut", "base64", "aGVsb", "hel"},
		{"quoted", "quoted-printable", "a=3D=c3=A9=\r\nb  \r\nc", "a=\xc3\xa9b\r\nc"},
		{"quoted soft break with space", "quoted-printable", "a= \t\r\nb", "ab"},
		{"quoted bare LF", "quoted-printable", "a=\nb\nc", "ab\nc"},
		{"quoted broken", "quoted-printable", "a=Zb=4 =", "a=Zb=4 "},
		{"quoted equals spaces text", "quoted-printable", "a=  b", "a=  b"},
		{"quoted spaces inside", "quoted-printable", "a  b\t=41 ", "a  b\tA "},
		{"unknown", "x-foo", "a=41", "a=41"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMessage([]byte("Content-Transfer-Encoding: " + tt.encoding + "\r\n\r\n" + tt.body))
			for name, r := range map[string]io.Reader{
				"at once": m.Decoded(m.Root()), "by octets": iotest.OneByteReader(m.Decoded(m.Root())),
			} {
				got, err := io.ReadAll(r)
				if string(got) != tt.want || err != nil {
					t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
				}
			}
		})
	}
}

// TestTransferPieces feeds the decoders octet by octet.
func TestTransferPieces(t *testing.T) {
	for in, want := range map[string]string{"a=3D =\r\n b": "a=  b", "=C3=A9": "é", "x= y": "x= y"} {
		r := &transferReader{src: iotest.OneByteReader(strings.NewReader(in)), dec: &quotedDecoder{}}
		if got, _ := io.ReadAll(r); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// badFile fails to read.
type badFile struct{}

func (badFile) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

func TestReadErrors(t *testing.T) {
	m := NewSpooled(badFile{}, 10)
	if _, err := io.ReadAll(m.Decoded(m.Root())); err != io.ErrClosedPipe {
		t.Errorf("Decoded: got %v", err)
	}
	if m.Err() != io.ErrClosedPipe {
		t.Errorf("Err: got %v", m.Err())
	}
}

func TestText(t *testing.T) {
	tests := []struct{ charset, body, want string }{
		{"utf-8", "caf\xc3\xa9", "café"},
		{"utf-8", "caf\xe9", "café"}, // none of it is UTF-8
		{"utf-8", "\xc3\xa9t\xc3\xa9 caf\xe9", "été caf\uFFFD"},
		{"iso-8859-1", "\xc3\xa9t\xc3\xa9", "été"}, // what can't be chance
		{"gb2312", "\xc4\xa3", "模"},
		{"gb2312", "中文文本邮件", "中文文本邮件"},
		{"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"us-ascii", "\x1b$B%F%9%H\x1b(B", "テスト"},
		{"us-ascii", "\xff\xfeh\x00i\x00\r\x00\n\x00", "hi\n"},
		{"utf-8", "\xef\xbb\xbfhi", "hi"},
		{"utf-8", "\x00h\x00i\x00!", "hi!"},
		{"utf-16", "hi\r\nthere", "hi\nthere"}, // it is not
		{"us-ascii", "caf\xe9", "café"},
		{"us-ascii", "caf\xc3\xa9", "café"},
		{"iso-8859-1", "\x93caf\xe9\x94", "“café”"},
		{"ISO-8859-15", "\xa4", "€"},
		{"cp932", "\x83\x65\x83\x58\x83\x67", "テスト"},
		{"iso-2022-jp", "\x1b$B%F%9%H\x1b(B", "テスト"},
		{"gb2312", "\xb2\xe2\xca\xd4", "测试"},
		{"ks_c_5601-1987", "\xc5\xd7", "테"},
		{"koi8-r", "\xd4\xc5\xd3\xd4", "тест"},
		{"utf-7", "Hi Mom -+Jjo--+-! +2D3eAA", "Hi Mom -☺-+! 😀"},
		{"unicode-1-1-utf-7", "A+ImIDkQ.", "A≢Α."},
		{"x-nonsense", "caf\xe9", "café"},
		{"utf-16le", "h\x00i\x00", "hi"},
	}
	for _, tt := range tests {
		t.Run(tt.charset, func(t *testing.T) {
			m := NewMessage([]byte("Content-Type: text/plain; charset=\"" + tt.charset + "\"\r\n\r\n" + tt.body))
			if got, whole := m.Text(m.Root(), 1000); got != tt.want || !whole {
				t.Errorf("got %q %v, want %q", got, whole, tt.want)
			}
		})
	}
}

// TestMetaCharset: HTML may name its charset where the part does not.
func TestMetaCharset(t *testing.T) {
	tests := []struct{ name, charset, body, want string }{
		{"named", "", "<meta charset=windows-1251>\xcf\xf0\xe8", "При"},
		{"http-equiv", "", "<META http-equiv=Content-Type content='text/html; CHARSET=koi8-r'>\xf0\xd2\xc9", "При"},
		{"part says otherwise", "iso-8859-1", "<meta charset=koi8-r>\xe9", "é"},
		{"part says nonsense", "x-nonsense", "<meta charset=koi8-r>\xf0\xd2\xc9", "При"},
		{"it is none", "", "<meta charset=x-nonsense>\xe9", "é"},
		{"not UTF-16", "", "<meta charset=utf-16>\xe9", "é"},
		{"UTF-8 all the same", "", "<meta charset=koi8-r>\xc3\xa9", "é"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := "Content-Type: text/html\r\n\r\n"
			if tt.charset != "" {
				head = "Content-Type: text/html; charset=" + tt.charset + "\r\n\r\n"
			}
			e := NewMessage([]byte(head + tt.body)).Extract()
			if want := tt.want + "\n"; e.Visible != want {
				t.Errorf("got %q, want %q", e.Visible, want)
			}
		})
	}
}

func TestTextBound(t *testing.T) {
	m := NewMessage([]byte("A: b\r\n\r\nab\r\ncd"))
	for limit, want := range map[int64]string{0: "", 2: "ab", 6: "ab\ncd"} {
		if got, whole := m.Text(m.Root(), limit); got != want || whole != (limit == 6) {
			t.Errorf("limit %d: got %q %v, want %q", limit, got, whole, want)
		}
	}
}

func TestDecodeWords(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "hello", "hello"},
		{"q", "=?iso-8859-1?q?caf=E9_x?=", "café x"},
		{"b", "=?UTF-8?B?w6k=?=", "é"},
		{"space between words goes", "=?utf-8?q?a?=  =?utf-8?q?b?= c", "ab c"},
		{"text between words stays", "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"},
		{"character over two words", "=?utf-8?b?w4M=?= =?utf-8?q?=C3?= =?utf-8?q?=A9?=", "Ãé"},
		{"two charsets", "=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?=", "éé"},
		{"language", "=?utf-8*fr?q?=C3=A9?=", "é"},
		{"within a word", "a=?utf-8?q?b?=c", "abc"},
		{"spaces inside", "=?utf-8?q?a b?=", "a b"},
		{"unknown charset", "=?x-foo?q?caf=E9?=", "café"},
		{"bad base64", "=?utf-8?b?aGVs*?=", "hel"},
		{"bad quoted", "=?utf-8?q?=4_=ZZ?=", "=4 =ZZ"},
		{"question mark", "=?utf-8?q?a?b?=", "a?b"},
		{"not closed", "x =?utf-8?q?a", "x =?utf-8?q?a"},
		{"not a word", "=?x? =?utf-8?q?a?=", "=?x? a"},
		{"8-bit", "caf\xe9 =?utf-8?q?a?=", "café a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := decodeWords(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSpooledWindow walks more than a window's worth of every length of line.
func TestSpooledWindow(t *testing.T) {
	var b strings.Builder
	b.WriteString(crlf(mixed))
	for i := 0; i < 400; i++ {
		b.WriteString("--b\r\nX-A: " + strings.Repeat("y", i) + "\r\n\r\n" + strings.Repeat("--bx", i*2) + "\r\n")
	}
	b.WriteString("--b\r\n\r\n" + strings.Repeat("z", 3*window) + "\r\n" + strings.Repeat("z", window) + "--b\r\n--b--" + strings.Repeat(" ", 2*window) + "\r\n--b--\r\n")
	m := both(b.String())
	if one, two := outline(m[0]), outline(m[1]); one != two {
		t.Errorf("in memory %d octets, spooled %d", len(one), len(two))
	}
	if n := len(m[1].Root().Parts); n != 401 || m[1].Root().Flags != 0 {
		t.Errorf("%d parts, flaws %b", n, m[1].Root().Flags)
	}
}

// TestTextInMemory compares parts in memory, which are decoded by themselves, with those of a
// spool, for every limit around pieces of the text.
func TestTextInMemory(t *testing.T) {
	line := "caf=C3=A9 = x=\r\n  and so on \t\r\n\rY2Fmw6k=\r\n"
	for _, encoding := range []string{"7bit", "quoted-printable", "base64"} {
		content := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + strings.Repeat(line, 300) + "Y2F \t"
		for _, limit := range []int64{1, 2, 3, 4, 50, 4095, 4096, 4097, 1 << 20} {
			memory, spooled := NewMessage([]byte(content)), NewSpooled(strings.NewReader(content), int64(len(content)))
			got, all := memory.Text(memory.Root(), limit)
			want, wantAll := spooled.Text(spooled.Root(), limit)
			if got != want || all != wantAll {
				t.Errorf("%s, %d: got %d octets, %t; want %d, %t", encoding, limit, len(got), all, len(want), wantAll)
			}
		}
	}
}
