package directory

import (
	"errors"
	"testing"
)

func TestLimitsOf(t *testing.T) {
	for name, c := range map[string]struct{ own, each, want Limits }{
		"none":            {},
		"the domain's":    {each: Limits{Bytes: 5, Messages: 6, Inbound: 7, InboundBytes: 8}, want: Limits{Bytes: 5, Messages: 6, Inbound: 7, InboundBytes: 8}},
		"its own":         {own: Limits{Bytes: 1, Messages: 2, Inbound: 3, InboundBytes: 4}, each: Limits{Bytes: 5, Messages: 6, Inbound: 7, InboundBytes: 8}, want: Limits{Bytes: 1, Messages: 2, Inbound: 3, InboundBytes: 4}},
		"some its own":    {own: Limits{Messages: 2}, each: Limits{Bytes: 5, Messages: 6}, want: Limits{Bytes: 5, Messages: 2}},
		"explicitly none": {own: Limits{Bytes: NoLimit}, each: Limits{Bytes: 5, Messages: NoLimit}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Domain{Each: c.each}).LimitsOf(Mailbox{Limits: c.own}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestLimitsAreChecked(t *testing.T) {
	d := newFixture(t)
	for name, change := range map[string]func(*Domain){
		"negative":          func(dom *Domain) { dom.Each.Bytes = -2 },
		"a total's inbound": func(dom *Domain) { dom.Total.Inbound = 3 },
		"and its octets":    func(dom *Domain) { dom.Total.InboundBytes = 3 },
		"days":              func(dom *Domain) { dom.TrashDays = MaxKeepDays + 1 },
		"negative days":     func(dom *Domain) { dom.JunkDays = -2 },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.ChangeDomain(t.Context(), "example.org", func(dom *Domain) error { change(dom); return nil })
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := d.ChangeMailbox(t.Context(), "ann@example.net", func(m *Mailbox) error { m.Limits.Inbound = -3; return nil }); !errors.Is(err, ErrInvalid) {
		t.Errorf("of a mailbox: got %v", err)
	}
	m, err := d.ChangeMailbox(t.Context(), "ann@example.net", func(m *Mailbox) error { m.Limits.Bytes = 7; return nil })
	if err != nil || m.Limits.Bytes != 7 {
		t.Errorf("got %+v, %v", m.Limits, err)
	}
}
