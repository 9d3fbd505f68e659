package relay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every kind of record that mail has a use for, against chains that fit and others
// that don't (RFC 7672 §3.1).
func TestPins(t *testing.T) {
	now := time.Now()
	later, before := now.Add(time.Hour), now.Add(-time.Hour)
	root := (*issuer)(nil).issue(t, later)
	middle := root.issue(t, later)
	leaf := middle.issue(t, later, "mx.a.example")
	domains := middle.issue(t, later, "a.example")
	wild := middle.issue(t, later, "*.a.example")
	expired := middle.issue(t, before, "mx.a.example")
	foreign := middle.issue(t, later, "mx.other.example")
	own := (*issuer)(nil).issue(t, before, "anything.example")
	stranger := (*issuer)(nil).issue(t, later, "mx.a.example")
	chain := func(list ...*issuer) (certs []*x509.Certificate) {
		for _, i := range list {
			certs = append(certs, i.cert)
		}
		return certs
	}
	whole := chain(leaf, middle, root)
	for name, c := range map[string]struct {
		records [][]byte
		chain   []*x509.Certificate
		want    string // part of the error; "" is trust
	}{
		"3 0 0":                              {[][]byte{leaf.record(3, 0, 0)}, whole, ""},
		"3 0 1":                              {[][]byte{leaf.record(3, 0, 1)}, whole, ""},
		"3 0 2":                              {[][]byte{leaf.record(3, 0, 2)}, whole, ""},
		"3 1 0":                              {[][]byte{leaf.record(3, 1, 0)}, whole, ""},
		"3 1 1":                              {[][]byte{leaf.record(3, 1, 1)}, whole, ""},
		"3 1 2":                              {[][]byte{leaf.record(3, 1, 2)}, whole, ""},
		"own, expired, of another name":      {[][]byte{own.record(3, 1, 1)}, chain(own), ""},
		"the issuer's as if the server's":    {[][]byte{middle.record(3, 1, 1)}, whole, "does not match its TLSA record (3 1 1 "},
		"one of two":                         {[][]byte{own.record(3, 1, 1), leaf.record(3, 1, 1)}, whole, ""},
		"2 0 0 of what is sent":              {[][]byte{middle.record(2, 0, 0)}, whole, ""},
		"2 0 0 of what is not sent":          {[][]byte{middle.record(2, 0, 0)}, chain(leaf), ""},
		"2 0 1":                              {[][]byte{root.record(2, 0, 1)}, whole, ""},
		"2 0 2":                              {[][]byte{root.record(2, 0, 2)}, whole, ""},
		"2 1 0 of what is not sent":          {[][]byte{root.record(2, 1, 0)}, chain(leaf, middle), ""},
		"2 1 0 that signed the server's":     {[][]byte{middle.record(2, 1, 0)}, chain(leaf), ""},
		"2 1 1":                              {[][]byte{root.record(2, 1, 1)}, whole, ""},
		"2 1 1 of the issuer":                {[][]byte{middle.record(2, 1, 1)}, whole, ""},
		"2 1 1, anchor not sent":             {[][]byte{root.record(2, 1, 1)}, chain(leaf, middle), "does not match"},
		"2 1 1, gap in the chain":            {[][]byte{root.record(2, 1, 1)}, chain(leaf, root), "signed by nobody"},
		"2 1 1 of the server itself":         {[][]byte{leaf.record(2, 1, 1)}, whole, "does not match"},
		"2, the domain's name":               {[][]byte{root.record(2, 1, 1)}, chain(domains, middle, root), ""},
		"2, wildcard":                        {[][]byte{root.record(2, 1, 1)}, chain(wild, middle, root), ""},
		"2, expired":                         {[][]byte{root.record(2, 1, 1)}, chain(expired, middle, root), "ran out on"},
		"2, of another name":                 {[][]byte{root.record(2, 1, 1)}, chain(foreign, middle, root), "not for that name, but for mx.other.example"},
		"2 1 0, of another name":             {[][]byte{middle.record(2, 1, 0)}, chain(foreign), "not for that name"},
		"2, wrong; 3, right":                 {[][]byte{own.record(2, 1, 1), expired.record(3, 1, 1)}, chain(expired, middle), ""},
		"the strongest digest counts":        {[][]byte{leaf.record(3, 1, 1), own.record(3, 1, 2)}, whole, "does not match its TLSA record (3 1 2 "},
		"of another selector it does not":    {[][]byte{leaf.record(3, 1, 1), own.record(3, 0, 2)}, whole, ""},
		"unusable ones are not there":        {[][]byte{leaf.record(1, 1, 1), leaf.record(3, 1, 1)}, whole, ""},
		"unusable ones don't help":           {[][]byte{leaf.record(1, 1, 1), own.record(3, 1, 1)}, whole, "does not match"},
		"a chain that belongs to all others": {[][]byte{root.record(2, 1, 1)}, chain(stranger, middle, root), "signed by nobody"},
	} {
		err := checkPins("mx.a.example", parsePins(c.records), []string{"mx.a.example", "a.example"}, c.chain, now)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case err != nil && !errors.As(err, new(*distrust)):
			t.Errorf("%s: %T", name, err)
		}
	}
}

// A server and its zone can't make the check long: few records and few certificates are
// looked at, and all anchors are tried in one search. Here each certificate may be signed
// by any of the anchors, and none has signed.
func TestPinsBounded(t *testing.T) {
	later := time.Now().Add(time.Hour)
	root := (*issuer)(nil).issue(t, later)
	leaf := root.issue(t, later, "mx.a.example")
	chain := []*x509.Certificate{leaf.cert}
	var records [][]byte
	for range 100 {
		twin := root.twin(t)
		chain, records = append(chain, twin.cert), append(records, twin.record(2, 1, 1))
	}
	pins := parsePins(records)
	if len(pins) != maxPins {
		t.Errorf("%d records are looked at, want %d", len(pins), maxPins)
	}
	if roots, _ := anchors(pins, chain); len(roots) > maxPins {
		t.Errorf("%d anchors of %d records", len(roots), maxPins)
	}
	if err := checkPins("mx.a.example", pins, []string{"mx.a.example", "a.example", "b.example"}, chain, time.Now()); err == nil {
		t.Error("trusted")
	}
	for _, c := range []struct {
		at   int
		want bool
	}{{maxChain - 1, true}, {maxChain, false}} {
		long := append(slices.Clone(chain[:c.at]), root.cert)
		if err := checkPins("mx.a.example", parsePins([][]byte{root.record(2, 1, 1)}), []string{"mx.a.example"}, long, time.Now()); (err == nil) != c.want {
			t.Errorf("the anchor as certificate %d: %v", c.at, err)
		}
	}
}

func TestPinsThatCantBeUsed(t *testing.T) {
	leaf := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "a.example")
	good := leaf.record(3, 1, 1)
	large, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), maxBits, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"PKIX-TA": leaf.record(0, 1, 1), "PKIX-EE": leaf.record(1, 1, 1), "usage 4": leaf.record(4, 1, 1), "PrivCert": leaf.record(255, 1, 1),
		"selector 2": leaf.record(3, 2, 1), "matching 3": leaf.record(3, 1, 3), "short digest": good[:34], "long digest": append(slices.Clone(good), 1),
		"short SHA-512": append([]byte{3, 1, 2}, good[3:]...), "no data": {3, 1, 1}, "empty": {}, "no certificate": {3, 0, 0, 1, 2, 3}, "no key": {2, 1, 0, 1, 2, 3},
		"large key": append([]byte{2, 1, 0}, large...),
	} {
		if p, ok := parsePin(raw); ok {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := parsePins([][]byte{good, good, {3}}); len(got) != 1 || got[0].String() != text(good) {
		t.Errorf("%v", got)
	}
}

func FuzzParsePins(f *testing.F) {
	f.Add([]byte("\x03\x01\x01aaaaaaaabbbbbbbbccccccccdddddddd"), []byte("\x02\x00\x00\x30"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, p := range parsePins([][]byte{a, b}) {
			if p.usage != daneTA && p.usage != daneEE || p.data == "" || len(p.short()) > 30 {
				t.Errorf("%v", p)
			}
		}
	})
}
