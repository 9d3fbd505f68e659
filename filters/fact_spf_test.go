package filters

import (
	"net"
	"net/netip"
	"testing"

	"gatepost/pipeline"
)

// FuzzSPF has a record, a HELO name and a sender of any shape go through our adapter:
// whatever they are, there is a result of the filter's vocabulary.
func FuzzSPF(f *testing.F) {
	f.Add("v=spf1 a mx ptr exists:%{l}.%{d} include:example.org -all", "mail.example.org", "ann@example.org")
	f.Add("v=spf1 redirect=%{ir}.%{v}._spf.%{d2}", "x", "postmaster@a.b")
	known := map[string]bool{}
	for _, r := range spfKind(Deps{}).Results {
		known[r.Word] = true
	}
	f.Fuzz(func(t *testing.T, record, helo, sender string) {
		dns := fakeDNS{txt: map[string]string{"example.org": record}, err: nil}
		a := evaluateSPF(t.Context(), dns, netip.MustParseAddr("192.0.2.7"), helo, sender, "mailfrom")
		if !known[a.Result] {
			t.Errorf("result %q", a.Result)
		}
	})
}

// TestUnknownErrorsAreTemporary holds that a resolver's error which is no
// net.DNSError, or one without a mark, is never read as absence.
func TestUnknownErrorsAreTemporary(t *testing.T) {
	for _, err := range []error{net.ErrClosed, &net.DNSError{Err: "strange"}, &net.DNSError{Err: "SERVFAIL", IsTemporary: true}} {
		a := evaluateSPF(t.Context(), fakeDNS{err: err}, netip.MustParseAddr("192.0.2.7"), "mail.example.org", "ann@example.org", "mailfrom")
		if a.Result != pipeline.TempError {
			t.Errorf("%v: %s", err, a.Result)
		}
		if i := iprev(t.Context(), fakeDNS{err: err}, netip.MustParseAddr("192.0.2.7")); i.Result != pipeline.TempError {
			t.Errorf("%v: iprev %s", err, i.Result)
		}
	}
}
