package imap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox/imap"
)

// doors tells who guesses passwords, and lets nobody in.
type doors chan netip.Addr

func (d doors) Login(_ context.Context, _, _ string, peer netip.Addr) (int64, string, error) {
	d <- peer
	return 0, "", door.ErrLogin
}

// The client of a balancer is who it says: what counts log-ins, connections and bans sees
// him, and not the balancer, for whom all would be one.
func TestProxy(t *testing.T) {
	const local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	for name, tt := range map[string]struct {
		trust, header string
		want          string // the client; "": the connection is closed without a word
	}{
		"v1":           {"127.0.0.0/8", "PROXY TCP4 192.0.2.7 198.51.100.1 1025 143\r\n", "192.0.2.7"},
		"mapped IPv4":  {"127.0.0.0/8", "PROXY TCP6 ::ffff:192.0.2.7 ::1 1025 143\r\n", "192.0.2.7"},
		"v2":           {"127.0.0.0/8", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x04\x01\x00\x8f", "192.0.2.7"},
		"health check": {"127.0.0.0/8", local, "127.0.0.1"},
		"none":         {"127.0.0.0/8", "x1 LOGIN ann@example.org guess\r\n", ""},
		"malformed":    {"127.0.0.0/8", "PROXY TCP4 192.0.2.7\r\n", ""},
		"not trusted":  {"10.0.0.0/8", "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, refused := make(doors, 1), make(chan netip.Addr, 1)
			s := start(t, func(s *imap.Server) {
				s.Auth, s.ProxyTrusted = seen, []netip.Prefix{netip.MustParsePrefix(tt.trust)}
				s.Refuse = func(a netip.Addr) string { refused <- a; return "" }
			})
			nc, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			io.WriteString(nc, tt.header+"x1 LOGIN ann@example.org guess\r\n")
			in := bufio.NewReader(nc)
			line, err := in.ReadString('\n')
			if tt.want == "" {
				if err == nil {
					t.Fatalf("got %q, want the end", line)
				}
				return
			}
			wantPrefix(t, "greeting", line, "* OK ")
			if got := (<-refused).String(); got != tt.want {
				t.Errorf("bans see %s, want %s", got, tt.want)
			}
			if tt.want != "127.0.0.1" { // who is not on this machine has no password taken in the clear
				line, err := in.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, "x1 NO ") || len(seen) > 0 {
					t.Errorf("a password in the clear: %q, %v", line, err)
				}
				return
			}
			if got := (<-seen).String(); got != tt.want {
				t.Errorf("the log-in is of %s, want %s", got, tt.want)
			}
		})
	}
}

// The header comes before TLS, in the same segment as the handshake's begin too.
func TestProxyAndTLS(t *testing.T) {
	refused := make(chan netip.Addr, 1)
	trusted := func(s *imap.Server) {
		s.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		s.Refuse = func(a netip.Addr) string { refused <- a; return "" }
	}
	s := start(t, trusted)
	nc, err := net.Dial("tcp", s.listen(t, certificate(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	secured := tls.Client(&headed{nc, "PROXY TCP4 192.0.2.7 198.51.100.1 1025 993\r\n"}, &tls.Config{InsecureSkipVerify: true})
	line, err := bufio.NewReader(secured).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "* OK ") || (<-refused).String() != "192.0.2.7" {
		t.Errorf("greeting %q, %v", line, err)
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

// A peer that must send a header, and is silent, is not waited for.
func TestProxySilent(t *testing.T) {
	s := start(t, func(s *imap.Server) {
		s.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		s.Limits.Header = 20 * time.Millisecond
	})
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if b, err := io.ReadAll(nc); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v; want the end", b, err)
	}
}
