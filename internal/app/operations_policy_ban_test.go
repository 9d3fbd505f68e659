package app

import (
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

// Who is banned is told so, at the gate's ip-ban, with the cause and the end; and what
// voids a ban.
func TestPolicyExplainShowsBans(t *testing.T) {
	n := openPages(t)
	for _, a := range []string{"203.0.113.7", "203.0.113.23", "192.0.2.7"} {
		n.must(n.bans.Impose(t.Context(), client(a), "honeypot", "a test"))
	}
	c := *n.config.Load()
	c.Bans.Never = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/29")}
	n.config.Store(&c)
	n.entry(directory.Allow, "203.0.113.23", "global")
	n.entry(directory.Allow, "203.0.113.7", "test.example") // comes too late
	for address, want := range map[string]struct{ void, says, after string }{
		"203.0.113.7":  {"", ": reject", "not asked: ip-ban has ended the walk"},
		"203.0.113.23": {"the global allow list has 203.0.113.23", ": void, since the global allow list has 203.0.113.23", "accept"},
		"192.0.2.7":    {"bans.never has 192.0.2.0/29", ": void, since bans.never has 192.0.2.0/29", ""},
	} {
		e, err := done[ops.EffectivePolicy](t, n.App, ops.PolicyExplain{Recipient: "ann@test.example", Client: address})
		n.must(err)
		if e.Ban == nil || e.Ban.Cause != "honeypot" || e.Ban.Until.IsZero() || e.Ban.Void != want.void {
			t.Fatalf("%s: got %+v", address, e.Ban)
		}
		for _, f := range e.Filters {
			switch {
			case f.Filter == "ip-ban" && (!strings.HasPrefix(f.Says, "banned for honeypot until ") || !strings.HasSuffix(f.Says, want.says)):
				t.Errorf("%s: ip-ban says %q", address, f.Says)
			case !f.Gate && f.Filter == "ip-allow" && f.Says != want.after:
				t.Errorf("%s: ip-allow says %q, want %q", address, f.Says, want.after)
			}
		}
	}
	if e, err := done[ops.EffectivePolicy](t, n.App, ops.PolicyExplain{Recipient: "ann@test.example", Client: "198.51.100.1"}); err != nil || e.Ban != nil {
		t.Errorf("nobody's ban: %+v, %v", e.Ban, err)
	}
}
