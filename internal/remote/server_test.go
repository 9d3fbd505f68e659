package remote

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// Whether a server may be reached is decided by the address that the name leads to, and before anything is connected to.
func TestMay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan struct{}, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- struct{}{}
			c.Write([]byte("-ERR\r\n"))
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	refused := errors.New("not there")
	var asked []netip.AddrPort
	s := Server{Address: net.JoinHostPort("localhost", port), Security: Clear, Wait: 10 * time.Second, May: func(at netip.AddrPort) error {
		asked = append(asked, at)
		return refused
	}}
	if _, err := DialPOP3(t.Context(), s); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if len(asked) == 0 || !asked[0].Addr().IsLoopback() || len(came) != 0 {
		t.Errorf("asked about %v, %d connections", asked, len(came))
	}
	s.May = func(netip.AddrPort) error { return nil }
	if _, err := DialPOP3(t.Context(), s); err == nil || errors.Is(err, refused) {
		t.Errorf("one that may be reached: %v", err)
	}
	<-came
}
