package smtpd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
)

const (
	v2v4 = proxySignature + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x04\x01\x00\x19"
	v2v6 = proxySignature + "\x21\x21\x00\x24" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x04\x01\x00\x19"
)

func TestParseProxy(t *testing.T) {
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
		{"v2 local", proxySignature + "\x20\x00\x00\x00", ""},
		{"v2 local with addresses", strings.Replace(v2v4, "\x21\x11", "\x20\x11", 1), ""},
		{"v2 unspecified", proxySignature + "\x21\x00\x00\x00", ""},
		{"v2 unix", proxySignature + "\x21\x31\x00\x00", "error"},
		{"v2 UDP", strings.Replace(v2v4, "\x21\x11", "\x21\x12", 1), "error"},
		{"v2 version 1", strings.Replace(v2v4, "\x21\x11", "\x11\x11", 1), "error"},
		{"v2 command 2", strings.Replace(v2v4, "\x21\x11", "\x22\x11", 1), "error"},
		{"v2 short addresses", proxySignature + "\x21\x11\x00\x04\xc0\x00\x02\x07", "error"},
		{"v2 cut", v2v4[:20], "error"},
		{"v2 too long", proxySignature + "\x21\x11\xff\xff", "error"},
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
			h, err := parseProxy(in)
			got := ""
			switch {
			case err != nil:
				got = "error"
			case h.source.IsValid():
				got = h.source.String() + " " + h.destination.String()
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

func FuzzParseProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\r\nEHLO"))
	f.Add([]byte(v2v4 + "EHLO"))
	f.Add([]byte(v2v6))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		in := bufio.NewReaderSize(r, proxyBuffer)
		h, err := parseProxy(in)
		if err == nil && h.source.IsValid() != h.destination.IsValid() {
			t.Errorf("half a header: %v", h)
		}
		if used := len(b) - r.Len() - in.Buffered(); used > proxyBuffer {
			t.Errorf("read %d octets", used)
		}
	})
}

// behind starts a server that takes PROXY headers from the loopback network, or
// from another one, and returns what the machine saw of the client.
func behind(t *testing.T, trust string) (addr string, seen func() string) {
	c := testConfig()
	c.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix(trust)}
	m := &machine{}
	m.connect = recordPeer(m)
	addr, _ = start(t, c, m)
	return addr, m.log
}

func TestProxy(t *testing.T) {
	tests := []struct {
		name, trust, header string
		want                string // what the machine sees, "" for a connection that is closed
	}{
		{"v1", "127.0.0.0/8", "PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\r\n", "192.0.2.7 1025 198.51.100.1:25"},
		{"v2", "127.0.0.0/8", v2v4, "192.0.2.7 1025 198.51.100.1:25"},
		{"v2 IPv6", "127.0.0.0/8", v2v6, "2001:db8::7 1025 [2001:db8::1]:25"},
		{"mapped IPv4", "127.0.0.0/8", "PROXY TCP6 ::ffff:192.0.2.7 ::1 1025 25\r\n", "192.0.2.7 1025 [::1]:25"},
		{"NAT64", "127.0.0.0/8", "PROXY TCP6 64:ff9b::192.0.2.7 ::1 1025 25\r\n", "192.0.2.7 1025 [::1]:25"},
		{"health check", "127.0.0.0/8", proxySignature + "\x20\x00\x00\x00", "127.0.0.1"},
		{"none", "127.0.0.0/8", "EHLO client.example\r\n", ""},
		{"malformed", "127.0.0.0/8", "PROXY TCP4 192.0.2.7\r\n", ""},
		{"not trusted", "10.0.0.0/8", "", "127.0.0.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr, seen := behind(t, test.trust)
			p := dial(t, addr)
			// in one segment, as a proxy with TCP_DEFER_ACCEPT may send it
			p.send.WriteString(test.header)
			if test.want == "" {
				p.exchange("C: NOOP", "E:")
			} else {
				p.exchange("C: NOOP", "S: 220 *", "S: 250 *", "H: client.example", "C: QUIT", "S: 221 *", "E:")
			}
			if got, _, _ := strings.Cut(seen(), "\n"); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("the machine saw %q, want %q", got, test.want)
			}
		})
	}
}

// headed is a connection whose first octets go out behind a header, in one segment.
type headed struct {
	net.Conn
	header string
}

func (h *headed) Write(p []byte) (int, error) {
	_, err := h.Conn.Write(append([]byte(h.header), p...))
	h.header = ""
	return len(p), err
}

// Implicit TLS behind a PROXY header in the same segment as the handshake's begin.
func TestProxyAndImplicitTLS(t *testing.T) {
	c := testConfig()
	c.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.ImplicitTLS = true
	m := new(machine)
	m.connect = recordPeer(m)
	addr, _ := start(t, c, m)
	p := dial(t, addr)
	secured := tls.Client(&headed{p.conn, v2v4}, testTLS())
	p.conn = secured
	p.in.Reset(secured)
	p.exchange("S: 220 *", "C: QUIT", "S: 221 *", "E:")
	if got := m.log(); !strings.HasPrefix(got, "192.0.2.7 1025") || !strings.Contains(got, "TLS1.3") {
		t.Errorf("the machine saw %q", got)
	}
}

// STARTTLS behind a PROXY header: the handshake reads what came with the header.
func TestProxyAndSTARTTLS(t *testing.T) {
	addr, seen := behind(t, "127.0.0.0/8")
	p := dial(t, addr)
	p.exchange(`c: "PROXY TCP4 192.0.2.7 198.51.100.1 1025 25\r\n"`)
	p.startTLS()
	p.exchange("H: client.example", "C: QUIT", "S: 221 *", "E:")
	if got := seen(); !strings.HasPrefix(got, "192.0.2.7 1025") || !strings.HasSuffix(got, "ehlo client.example") {
		t.Errorf("the machine saw %q", got)
	}
}
