package intake

import (
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// The client of a fetched message is who handed it to the provider, wherever the sender wrote something else.
func TestCollectedClient(t *testing.T) {
	const (
		inner  = "Received: from mx.old.example ([10.0.0.1]) by store.old.example\n"
		middle = "Received: from front.old.example ([198.51.100.7]) by mx.old.example\n"
		outer  = "Received: from out.sender.example ([192.0.2.7]) by front.old.example\n"
		forged = "Received: from bank.example ([203.0.113.1]) by out.sender.example\n"
	)
	unvouched, _ := (&Collected{Unvouched: true}).client(mail.NewMessage([]byte(strings.ReplaceAll(inner+outer, "\n", "\r\n") + "\r\nhello\r\n")))
	if unvouched.Addr.IsValid() {
		t.Errorf("a server that nobody here vouches for says that the client is %v", unvouched.Addr)
	}
	own := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	for _, c := range []struct {
		name, header string
		hops         int
		networks     []netip.Prefix
		want         string
	}{
		{"first public one", inner + outer + forged, 0, nil, "192.0.2.7"},
		{"the provider's network", inner + middle + outer + forged, 0, own, "192.0.2.7"},
		{"by hops", inner + middle + outer + forged, 3, nil, "192.0.2.7"},
		{"by hops, whatever address", inner + middle + outer + forged, 1, nil, "10.0.0.1"},
		{"fewer fields than hops", outer, 3, nil, ""},
		{"none", "", 0, nil, ""},
		{"a field without an address ends it", "Received: by store.old.example\n" + forged, 0, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mail.NewMessage([]byte(strings.ReplaceAll(c.header, "\n", "\r\n") + "\r\nhello\r\n"))
			got, found := (&Collected{Hops: c.hops, Networks: c.networks}).client(m)
			if want := c.want; found != (want != "") || found && got.Addr.String() != want {
				t.Errorf("got %v, %v; want %q", got.Addr, found, want)
			}
		})
	}
}
