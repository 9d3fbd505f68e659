package zone

import (
	"net"
	"os"
	"testing"
)

// TestAdopt: a listener's sockets go on as those of another one, and what is missing is opened.
func TestAdopt(t *testing.T) {
	first, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, s := range first.Sockets() {
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	where := first.Addr().String()
	if len(files) != 1+len(first.udp) {
		t.Errorf("%d sockets, of UDP alone there are %d", len(files), len(first.udp))
	}
	first.Close()
	l, err := net.FileListener(files[0])
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.FilePacketConn(files[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, udp := range [][]*net.UDPConn{{u.(*net.UDPConn)}, nil} {
		next, err := Adopt(t.Context(), "127.0.0.1:1", l.(*net.TCPListener), udp)
		if err != nil {
			t.Fatal(err)
		}
		if next.Addr().String() != where || next.udp[0].LocalAddr().String() != where {
			t.Errorf("it listens on %s and %s, want %s", next.Addr(), next.udp[0].LocalAddr(), where)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
		if l, err = net.FileListener(files[0]); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
}
