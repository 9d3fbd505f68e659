package config

import (
	"strings"
	"testing"
	"time"
)

func TestComplaintSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		sets []string
		want string // "": fine
	}{
		{"all", []string{"complaints.addresses=FBL@Example.org", "complaints.reporters=loop.example, Bücher.example", "complaints.threshold=4", "complaints.share=0"}, ""},
		{"no address", []string{"complaints.addresses=fbl"}, `"fbl" is not an address`},
		{"with a tag", []string{"complaints.addresses=abuse+x@example.org"}, "is not an address"},
		{"no domain", []string{"complaints.reporters=a@loop.example"}, "is not a domain"},
		{"an address as domain", []string{"complaints.reporters=[192.0.2.1]"}, "is not a domain"},
		{"no number", []string{"complaints.threshold=much"}, `"much" is not a number`},
		{"nan", []string{"complaints.share=NaN"}, "is not a number"},
		{"a share above all", []string{"complaints.share=1.5"}, "1.5 is not between 0 and 1"},
		{"nobody", []string{"complaints.people=0"}, "0 is not between 1 and 1000"},
		{"at once", []string{"complaints.half_life=1s"}, "is not between"},
	} {
		cfg, err := Load("", c.sets, nil)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		case c.want == "":
			got := cfg.Complaints
			if got.Addresses[0] != "fbl@example.org" || got.Reporters[1] != "xn--bcher-kva.example" || got.Threshold != 4 || got.Share != 0 || got.HalfLife != 30*24*time.Hour || got.People != 3 {
				t.Errorf("%s: got %+v", c.name, got)
			}
		}
	}
}
