package mail

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestUnmap(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "64:ff9b::c000:201": "192.0.2.1",
		"2001:db8::1": "2001:db8::1", "fe80::1%eth0": "fe80::1", "64:ff9b:1::1": "64:ff9b:1::1",
	} {
		if got := Unmap(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestUnmapPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", "64:ff9b::c000:200/120": "192.0.2.0/24", "64:ff9b::/96": "0.0.0.0/0", "64:ff9b::/64": "64:ff9b::/64",
		"2001:db8::/32": "2001:db8::/32", "::/0": "::/0",
	} {
		if got := UnmapPrefix(netip.MustParsePrefix(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := UnmapPrefix(netip.PrefixFrom(netip.MustParseAddr("::ffff:192.0.2.0"), 120)).String(); got != "192.0.2.0/24" {
		t.Errorf("mapped: %s", got)
	}
}

func TestNewID(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	a, b, later := NewID(at), NewID(at), NewID(at.Add(time.Millisecond))
	if len(a) != 20 || strings.Trim(a, "0123456789abcdefghijklmnopqrstuv") != "" {
		t.Errorf("id %q", a)
	}
	if a == b {
		t.Error("two ids of one millisecond are the same")
	}
	if a >= later || b >= later {
		t.Errorf("%s, %s do not sort before %s", a, b, later)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for a := OK; a <= Malformed; a++ {
		seen[a.String()] = true
	}
	if len(seen) != int(Malformed)+1 {
		t.Errorf("answers share names: %v", seen)
	}
	clear(seen)
	for o := Delivered; o <= Dropped; o++ {
		seen[o.String()] = true
	}
	if len(seen) != int(Dropped)+1 {
		t.Errorf("outcomes share names: %v", seen)
	}
}
