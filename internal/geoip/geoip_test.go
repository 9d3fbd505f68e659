package geoip

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// database is a file after MaxMind's format 2.0 in which 128.0.0.0/1 is France and all else
// is not known: a tree of one node with records of 24 bits, 16 octets of nothing, the data, and the
// description.
func database() []byte {
	text := func(s string) string { return string(rune(0x40|len(s))) + s }
	number := func(kind byte, n uint32) string {
		b := binary.BigEndian.AppendUint32(nil, n)
		return string([]byte{kind<<5 | 4}) + string(b)
	}
	const mapOf, unsigned16, unsigned32 = 0xe0, 5, 6
	data := string([]byte{mapOf | 1}) + text("country") + string([]byte{mapOf | 1}) + text("iso_code") + text("FR")
	tree := string([]byte{0, 0, 1, 0, 0, 1 + 16})
	two := func(n uint16) string {
		return string([]byte{unsigned16<<5 | 2}) + string(binary.BigEndian.AppendUint16(nil, n))
	}
	about := string([]byte{mapOf | 9}) +
		text("node_count") + number(unsigned32, 1) + text("record_size") + two(24) + text("ip_version") + two(4) +
		text("database_type") + text("Test") + text("languages") + string([]byte{0, 4}) +
		text("binary_format_major_version") + two(2) + text("binary_format_minor_version") + two(0) +
		text("build_epoch") + string([]byte{8, 2, 0, 0, 0, 0, 0, 0, 0, 1}) + text("description") + string([]byte{mapOf})
	return []byte(tree + strings.Repeat("\x00", 16) + data + "\xab\xcd\xefMaxMind.com" + about)
}

func TestCountry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, database(), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"192.0.2.7": "FR", "10.0.0.1": "", "::ffff:192.0.2.7": "FR", "2001:db8::1": ""} {
		if got := d.Country(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	if got := d.Country(netip.Addr{}); got != "" {
		t.Errorf("no address: got %q", got)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is opened")
	}
	if _, err := parse("x", []byte("no database")); err == nil {
		t.Error("what is no database is read")
	}
}

func FuzzDatabase(f *testing.F) {
	f.Add(database())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := parse("x", raw); err == nil {
			d.Country(netip.MustParseAddr("192.0.2.7"))
		}
	})
}
