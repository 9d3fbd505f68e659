package smtpd

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Headers of version 2, as package proxy reads them.
const (
	v2local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	v2v4    = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x04\x01\x00\x19"
	v2v6    = "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x04\x01\x00\x19"
)

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
		{"health check", "127.0.0.0/8", v2local, "127.0.0.1"},
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

// Who was told to send a header and sends none is named in the log; who only looks whether we are there is not.
func TestProxyTold(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		told bool
	}{
		"none":           {"EHLO client.example\r\n", true},
		"malformed":      {"PROXY TCP4 192.0.2.7\r\n", true},
		"cut":            {"PROXY", true},
		"a health check": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			cfg := testConfig()
			cfg.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			cfg.Log = slog.New(slog.NewTextHandler(&buf, nil))
			addr, stop := start(t, cfg, &machine{})
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, c.send)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
			stop()
			if told := strings.Contains(buf.String(), "level=WARN") && strings.Contains(buf.String(), "peer=127.0.0.1 "); told != c.told {
				t.Errorf("log: %s", buf.String())
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
