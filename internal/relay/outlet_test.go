package relay

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/queue"
)

// TestOutlets: mail leaves from its outlets and under their names, to servers found by MX, and never by a
// connection of another's.
func TestOutlets(t *testing.T) {
	s := serve(t, "127.0.0.1", nil)
	two := []Outlet{{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.7"), netip.MustParseAddr("::1")}, Name: "seven.example"}, {Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.8")}}}
	var outlets []Outlet
	r := New(Config{
		Hostname: "gate.example", Port: int(s.addr.Port()), Outlets: func(queue.Job) []Outlet { return outlets },
		Router:   routes{"host:h": []Host{{Name: "h", Address: s.addr.String()}}},
		Resolver: zone{mx: map[string][]*net.MX{"a.example": {{Host: "mx.a.example"}}, "b.example": {{Host: "mx.a.example"}}}, addr: map[string][]string{"mx.a.example": {"127.0.0.1"}}},
	})
	t.Cleanup(r.Close)
	carry := func(d queue.Destination, list ...Outlet) {
		t.Helper()
		outlets = list
		if got := told(r.Carry(t.Context(), job(d, "ann@a.example"))); got != "carried 250 2.0.0 end of data fine" {
			t.Fatalf("got %s", got)
		}
	}
	for range 2 { // the second by the connections of the first
		carry(queue.ByMX("a.example"), two[0])
		carry(queue.ByMX("a.example"), two[1])
		carry(queue.ByMX("a.example"))
		carry(queue.ToHost("h"), two[0]) // a mail host knows us by our own
	}
	if want := []string{"127.0.0.7", "127.0.0.8", "127.0.0.1", "127.0.0.1"}; !slices.Equal(s.peers, want) {
		t.Errorf("from %v, want %v", s.peers, want)
	}
	if got, want := s.said("EHLO"), []string{"EHLO seven.example", "EHLO gate.example", "EHLO gate.example", "EHLO gate.example"}; !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
	outlets = []Outlet{{Addrs: []netip.Addr{netip.MustParseAddr("::1")}}}
	if got := told(r.Carry(t.Context(), job(queue.ByMX("a.example"), "ann@a.example"))); !strings.HasPrefix(got, "deferred 0 4.4.3 ") || !strings.Contains(got, "sending_addresses") {
		t.Errorf("without an address of the family: %s", got)
	}
}

// TestOutletChoice: of several a destination has always the same, and all are used.
func TestOutletChoice(t *testing.T) {
	outlets := make([]Outlet, 4)
	for i := range outlets {
		outlets[i] = Outlet{Addrs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 1, byte(i)})}}
	}
	r := New(Config{Outlets: func(queue.Job) []Outlet { return outlets }})
	t.Cleanup(r.Close)
	used := map[netip.Addr]bool{}
	targets := []target{{addr: netip.MustParseAddrPort("192.0.2.1:25")}, {addr: netip.MustParseAddrPort("[2001:db8::1]:25")}, {addr: netip.MustParseAddrPort("192.0.2.2:25")}}
	for i := range 64 {
		d := queue.ByMX(fmt.Sprintf("d%d.example", i))
		for range 2 {
			got, err := r.through(queue.Job{Destination: d}, targets)
			if err != nil || len(got) != 2 || got[0].source != got[1].source {
				t.Fatalf("got %v, %v", got, err)
			}
			used[got[0].source] = true
		}
	}
	if len(used) != len(outlets) {
		t.Errorf("used %v", used)
	}
}
