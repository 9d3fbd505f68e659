package filters

import (
	"net/netip"
	"testing"
)

func TestGenericNames(t *testing.T) {
	cases := []struct {
		name, addr string
		want       bool
	}{
		{"mail.example.org", "192.0.2.7", false},
		{"192-0-2-7.isp.example", "192.0.2.7", true},
		{"7.2.0.192.rev.isp.example", "192.0.2.7", true},
		{"host.192.0.2.7.isp.example", "192.0.2.7", true},
		{"x192x000x002x007.isp.example", "192.0.2.7", true},
		{"h192000002007.isp.example", "192.0.2.7", true},
		{"c0000207.isp.example", "192.0.2.7", true},
		{"p20010db8000100020003000400050006.isp.example", "2001:db8:1:2:3:4:5:6", true},
		{"2001-0db8-0001-0002-dyn6.isp.example", "2001:db8:1:2:3:4:5:6", true},
		{"192-0-2-8.isp.example", "192.0.2.7", false},
		{"pool-12.isp.example", "192.0.2.7", true},
		{"dhcp3.isp.example", "192.0.2.7", true},
		{"abc.adsl.isp.example", "192.0.2.7", true},
		{"poolside.hotel.example", "192.0.2.7", false},
		{"static-192-0-2-7.isp.example", "192.0.2.7", false},
		{"mail-192-0-2-7.cloud.example", "192.0.2.7", false},
		{"smtp7.pool.provider.example", "192.0.2.7", false},
		{"dynamic.example", "192.0.2.7", false}, // the organisation's own name is not looked at
		{"DSL-1.ISP.example", "192.0.2.7", true},
		{"", "192.0.2.7", false},
	}
	looks := newNameLooks()
	for _, c := range cases {
		if got := looks.generic(c.name, netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s for %s: %v, want %v", c.name, c.addr, got, c.want)
		}
	}
}

func FuzzGenericNames(f *testing.F) {
	f.Add("host-192-0-2-7.isp.example", []byte{192, 0, 2, 7})
	f.Add("p20010db8.isp.example", []byte("0123456789abcdef"))
	looks := newNameLooks()
	f.Fuzz(func(t *testing.T, name string, octets []byte) {
		if addr, ok := netip.AddrFromSlice(octets); ok {
			looks.generic(name, addr.Unmap())
		}
	})
}
