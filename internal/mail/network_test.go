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

func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.7": true, "8.8.8.8": true, "2001:db8::1": true, "2a00:1450::1": true, "172.32.0.1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,
		"127.0.0.1": false, "127.255.0.1": false, "10.0.0.1": false, "172.31.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "0.0.0.0": false, "0.1.2.3": false,
		"100.64.0.1": false, "192.0.0.8": false, "198.19.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::7f00:1": false, "fe80::1%eth0": false, "fd00::1": false, "fec0::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::a00:1": false, "2002:7f00:1::": false, "2001:0:7f00:1::": false,
	} {
		if got := IsPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if IsPublic(netip.Addr{}) {
		t.Error("no address is one")
	}
}
