package app

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/config"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// TestSendingAddresses: which mail leaves from where.
func TestSendingAddresses(t *testing.T) {
	n := openPages(t)
	onward, err := n.srs.Forward("stranger@elsewhere.example", "test.example")
	n.must(err)
	use := func(list ...config.SendingAddress) error {
		c := *n.config.Load()
		c.SendingAddresses = list
		r, err := n.Reload(&c)
		if err == nil && !slices.Equal(r.Changed, []string{"sending_addresses"}) {
			t.Errorf("changed %v", r.Changed)
		}
		return err
	}
	local := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	from := func(sender, of mail.Path) string {
		job := queue.Job{Transfers: []*queue.Transfer{{Message: &queue.Message{Sender: sender}, Recipient: "x@far.example", For: []mail.Path{of}}}}
		var all []string
		for _, o := range n.outlets(job) {
			all = append(all, o.Addrs[0].String()+o.Name)
		}
		return strings.Join(all, " ")
	}
	check := func(sender, of mail.Path, want string) {
		t.Helper()
		if got := from(sender, of); got != want {
			t.Errorf("from %q for %s: got %q, want %q", sender, of, got, want)
		}
	}
	check("ann@test.example", "x@far.example", "")
	own := config.SendingAddress{Addresses: local("127.0.0.7"), Name: "seven", Domains: []string{"test.example"}}
	n.must(use(own))
	check("ann@test.example", "x@far.example", "127.0.0.7seven")
	check("carl@other.example", "x@far.example", "")
	check("", "ann@test.example", "127.0.0.7seven")
	check(onward, "ann@test.example", "127.0.0.7seven")
	n.must(use(own, config.SendingAddress{Addresses: local("127.0.0.8"), Forwards: true}, config.SendingAddress{Addresses: local("127.0.0.9"), Domains: []string{"test.example"}, Forwards: true}))
	check("ann@test.example", "x@far.example", "127.0.0.7seven 127.0.0.9")
	check(onward, "ann@test.example", "127.0.0.8 127.0.0.9")
	if err := use(own, config.SendingAddress{Addresses: local("192.0.2.1"), Forwards: true, Line: 7}); err == nil || !strings.Contains(err.Error(), "line 7: this machine has no address 192.0.2.1") {
		t.Errorf("an address that the machine has not: %v", err)
	}
	check(onward, "ann@test.example", "127.0.0.8 127.0.0.9")
}
