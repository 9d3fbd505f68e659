package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"
)

const (
	v2v4 = signature + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x04\x01\x00\x19"
	v2v6 = signature + "\x21\x21\x00\x24" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x04\x01\x00\x19"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     string // source and destination, "" for none, "error"
	}{
		{"v1 IPv4", "PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\r\n", "192.0.2.7:1025 198.51.100.1:25"},
		{"v1 IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 1025 25\r\n", "[2001:db8::7]:1025 [2001:db8::1]:25"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", ""},
		{"v1 unknown with words", "PROXY UNKNOWN ffff:f...f 1 2 3\r\n", ""},
		{"v1 wrong family", "PROXY TCP4 2001:db8::7 2001:db8::1 1025 25\r\n", "error"},
		{"v1 mapped address", "PROXY TCP4 ::ffff:192.0.2.7 198.51.100.1 1025 25\r\n", "error"},
		{"v1 zone", "PROXY TCP6 fe80::1%eth0 2001:db8::1 1025 25\r\n", "error"},
		{"v1 port too large", "PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n", "error"},
		{"v1 signed port", "PROXY TCP4 192.0.2.7 198.51.100.1 +1 25\r\n", "error"},
		{"v1 missing port", "PROXY TCP4 192.0.2.7 198.51.100.1 1025\r\n", "error"},
		{"v1 two blanks", "PROXY  TCP4 192.0.2.7 198.51.100.1 1025 25\r\n", "error"},
		{"v1 bare LF", "PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\n", "error"},
		{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", "error"},
		{"v1 another word", "PROXYS TCP4 192.0.2.7 198.51.100.1 1025 25\r\n", "error"},
		{"v2 IPv4", v2v4, "192.0.2.7:1025 198.51.100.1:25"},
		{"v2 IPv6", v2v6, "[2001:db8::7]:1025 [2001:db8::1]:25"},
		{"v2 with extensions", strings.Replace(v2v4, "\x00\x0c", "\x00\x10", 1) + "\x04\x00\x01x", "192.0.2.7:1025 198.51.100.1:25"},
		{"v2 local", signature + "\x20\x00\x00\x00", ""},
		{"v2 local with addresses", strings.Replace(v2v4, "\x21\x11", "\x20\x11", 1), ""},
		{"v2 unspecified", signature + "\x21\x00\x00\x00", ""},
		{"v2 unix", signature + "\x21\x31\x00\x00", "error"},
		{"v2 UDP", strings.Replace(v2v4, "\x21\x11", "\x21\x12", 1), "error"},
		{"v2 version 1", strings.Replace(v2v4, "\x21\x11", "\x11\x11", 1), "error"},
		{"v2 command 2", strings.Replace(v2v4, "\x21\x11", "\x22\x11", 1), "error"},
		{"v2 short addresses", signature + "\x21\x11\x00\x04\xc0\x00\x02\x07", "error"},
		{"v2 cut", v2v4[:20], "error"},
		{"v2 too long", signature + "\x21\x11\xff\xff", "error"},
		{"nothing", "", "error"},
		{"a command", "EHLO client.example\r\n", "error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const behind = "EHLO client.example\r\n"
			in := bufio.NewReader(strings.NewReader(test.in + behind))
			if test.want == "error" {
				in = bufio.NewReader(strings.NewReader(test.in))
			}
			h, err := Parse(in)
			got := ""
			switch {
			case err != nil:
				got = "error"
			case h.Source.IsValid():
				got = h.Source.String() + " " + h.Destination.String()
			}
			if got != test.want {
				t.Fatalf("got %q, %v; want %q", got, err, test.want)
			}
			if rest, _ := in.ReadString('\n'); err == nil && rest != behind {
				t.Errorf("left %q", rest)
			}
		})
	}
}

// Who sends no header is known by the first octet: it may be all that he sends.
func TestParseAtOnce(t *testing.T) {
	in := strings.NewReader("EHLO client.example\r\n")
	if _, err := Parse(in); !errors.Is(err, ErrNoHeader) || in.Len() != len("HLO client.example\r\n") {
		t.Errorf("%v, %d octets left", err, in.Len())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\r\nEHLO"))
	f.Add([]byte(v2v4 + "EHLO"))
	f.Add([]byte(v2v6))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, err := Parse(r)
		if err == nil && h.Source.IsValid() != h.Destination.IsValid() {
			t.Errorf("half a header: %v", h)
		}
		if used := len(b) - r.Len(); used > MaxHeader {
			t.Errorf("read %d octets", used)
		}
	})
}
