package mail

import (
	"net/netip"
	"testing"
)

func TestNetworks(t *testing.T) {
	for text, want := range map[string]struct{ inside, everybodys bool }{
		"0.0.0.0/0": {false, true}, "0.0.0.0/1": {false, true}, "::/0": {false, true}, "2000::/3": {false, true}, "8.0.0.0/7": {false, true},
		"2001:db8::/31": {false, true}, "8.0.0.0/8": {false, false}, "2001:db8::/32": {false, false}, "192.0.2.7/32": {false, false},
		"10.0.0.0/8": {true, false}, "10.1.0.0/16": {true, false}, "192.168.0.0/16": {true, false}, "fc00::/7": {true, false},
		"127.0.0.0/8": {true, false}, "::1/128": {true, false}, "10.0.0.0/7": {false, true}, "172.0.0.0/8": {false, false}, "::/128": {false, false},
	} {
		p := netip.MustParsePrefix(text)
		if IsInside(p) != want.inside || IsEverybodys(p) != want.everybodys {
			t.Errorf("%s: inside %v, everybody's %v; want %v", p, IsInside(p), IsEverybodys(p), want)
		}
	}
}
