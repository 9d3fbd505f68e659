package directory

import (
	"errors"
	"slices"
	"testing"
)

// A page is shut by the domain or by the mailbox, to nobody else; and ManageSieve with those that a script could stand for.
func TestPageShut(t *testing.T) {
	f := wide(t)
	bob, _ := f.Snapshot().Mailbox("bob@example.net")
	ann, _ := f.Snapshot().Mailbox("ann@example.net")
	eve, _ := f.Snapshot().Mailbox("eve@example.org")
	for _, tt := range []struct {
		name        string
		domain, box []Page
		ann, bob    ShutBy // the rules
		sieve       bool   // is open to ann
	}{
		{"nothing", nil, nil, "", "", true},
		{"by the mailbox", nil, []Page{PageRules}, ShutByMailbox, "", false},
		{"by the domain", []Page{PageRules}, nil, ShutByDomain, ShutByDomain, false},
		{"by both", []Page{PageRules}, []Page{PageRules}, ShutByDomain, ShutByDomain, false},
		{"others", []Page{PageAntiSpam, PageShares}, []Page{PagePassword}, "", "", true},
		{"forwards", nil, []Page{PageForwards}, "", "", false},
		{"vacation, by the domain", []Page{PageVacation}, nil, "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := f.ShutDomainPages(t.Context(), "example.net", tt.domain, "root"); err != nil {
				t.Fatal(err)
			}
			m, err := f.ShutPages(t.Context(), "Ann@example.net", tt.box, "root")
			if err != nil || !slices.Equal(m.ShutPages, tt.box) {
				t.Fatalf("%+v, %v", m, err)
			}
			s := f.Snapshot()
			if a, b, e := s.PageShut(ann.ID, PageRules), s.PageShut(bob.ID, PageRules), s.PageShut(eve.ID, PageRules); a != tt.ann || b != tt.bob || e != "" {
				t.Errorf("the rules of ann, bob and eve: %q, %q, %q", a, b, e)
			}
			if got := s.Serves(ann.ID, ServiceSieve); got != tt.sieve || !s.Serves(ann.ID, ServiceIMAP) || !s.Serves(eve.ID, ServiceSieve) {
				t.Errorf("ManageSieve is open: %v", got)
			}
		})
	}
	if _, err := f.ShutPages(t.Context(), "ann@example.net", []Page{"imap"}, "root"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a page that is none: %v", err)
	}
	d, err := f.ChangeDomain(t.Context(), "example.net", func(d *Domain) error { d.ShutPages, d.Zone = nil, "Europe/Paris"; return nil })
	if err != nil || d.Zone == "" || !slices.Equal(d.ShutPages, []Page{PageVacation}) {
		t.Errorf("a change of something else: %+v, %v", d, err)
	}
}
