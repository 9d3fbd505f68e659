package filters

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gatepost/dnsbl"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// everybodyListed is a resolver whose lists know every address.
type everybodyListed struct{ fakeDNS }

func (everybodyListed) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 2})}, nil
}

// oneBroken finds one zone broken.
type oneBroken struct {
	zone    string
	watched int
}

func (o *oneBroken) Watch(dnsbl.List)    { o.watched++ }
func (o *oneBroken) Note([]dnsbl.Answer) {}
func (o *oneBroken) Trouble(l dnsbl.List) error {
	if l.Zone == o.zone {
		return dnsbl.ErrBroken
	}
	return nil
}

// TestBrokenListHasNoVoice holds that what a broken list says is shown and not counted.
func TestBrokenListHasNoVoice(t *testing.T) {
	health := &oneBroken{zone: "a.example"}
	f, err := newDNSBL(Deps{Resolver: everybodyListed{}, Lists: health}, dnsblOptions{Lists: []dnsblList{{Zone: "a.example"}}, Share: 0.5})
	if err != nil || health.watched != 1 {
		t.Fatalf("%v, %d lists watched", err, health.watched)
	}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), mail.Client{Addr: netip.MustParseAddr("192.0.2.7")}, nil)
	defer tx.Close()
	got, err := f.Check(t.Context(), pipeline.Query{Tx: tx.WithMail("ann@example.org", mail.Params{}).WithRcpt()})
	want := "temperror hit 127.0.0.2 for 192.0.2.7 (only observed: not to be believed)"
	if err != nil || fmt.Sprint(got.Result, " ", got.Evidence[1].Value) != want {
		t.Errorf("got %v, %v", got, err)
	}
}
