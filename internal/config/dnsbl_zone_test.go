package config

import (
	"errors"
	"strings"
	"testing"
)

// TestDNSBLZone reads zones that are off, right and wrong.
func TestDNSBLZone(t *testing.T) {
	on := []string{"hostname=mx.example.org", "listen.dns=127.0.0.1:5300", "dnsbl_zone.origin=BL.example.org"}
	cases := []struct {
		name string
		sets []string
		want string
	}{
		{"off", nil, ""},
		{"on", on, ""},
		{"all", append(on, "dnsbl_zone.ns=ns.example.org", "dnsbl_zone.contact=a@example.org", "dnsbl_zone.allow=0.0.0.0/0", "dnsbl_zone.publish=entries,bans,complaints"), ""},
		{"no origin", []string{"listen.dns=127.0.0.1:5300"}, "--set listen.dns: listen.dns: listen.dns serves the zone dnsbl_zone.origin, which is not set"},
		{"bad origin", append(on, "dnsbl_zone.origin=[192.0.2.1]"), "is not a domain"},
		{"bad ns", append(on, "dnsbl_zone.ns=a b"), "is not a host name"},
		{"ns inside", append(on, "dnsbl_zone.ns=ns.bl.example.org"), "inside of the zone"},
		{"host inside", append(on, "hostname=mx.bl.example.org"), "inside of the zone"},
		{"many ns", append(on, "dnsbl_zone.ns=a.example,b.example,c.example,d.example,e.example"), "4 at most"},
		{"bad contact", append(on, "dnsbl_zone.contact=example.org"), "is not an address"},
		{"long ttl", append(on, "dnsbl_zone.ttl=2d"), "not between"},
		{"bad network", append(on, "dnsbl_zone.allow=everybody"), "dnsbl_zone.allow"},
		{"unknown", append(on, "dnsbl_zone.publish=entry"), "is none of entries, bans, complaints"},
		{"taken", append(on, "listen.smtp=127.0.0.1:5300"), "taken by listen.smtp"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Load("", c.sets, nil)
			if c.want != "" {
				var problems Problems
				if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.Warnings(); len(got) > 0 {
				t.Errorf("warnings %q", got)
			}
			if c.sets != nil && cfg.DNSBLZone.Origin != "bl.example.org" {
				t.Errorf("origin %s", cfg.DNSBLZone.Origin)
			}
		})
	}
}

// TestZoneNobodyServes warns of a zone without an address.
func TestZoneNobodyServes(t *testing.T) {
	c, err := Load("", []string{"dnsbl_zone.origin=bl.example.org"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Warnings(), "; "); got != "dnsbl_zone.origin: listen.dns is off, so nothing is published" {
		t.Errorf("got %s", got)
	}
}
