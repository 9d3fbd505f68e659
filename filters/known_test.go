package filters

import (
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

func TestKnownAuth(t *testing.T) {
	dns := fakeDNS{txt: map[string]string{"our.example": "v=spf1 ip4:192.0.2.7 -all"}}
	for _, c := range []struct {
		name, client string
		asked        bool
		want         int
	}{
		{"nobody asked", "192.0.2.7", false, 0},
		{"asked", "192.0.2.7", true, 1},
		{"of a private network", "192.168.1.7", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := mail.Client{Addr: netip.MustParseAddr(c.client), Helo: "mx.our.example"}
			tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), client, nil).WithHelo(client).WithMail("ann@our.example", mail.Params{})
			defer tx.Close()
			if c.asked {
				if _, err := spfFact(t.Context(), tx, dns); err != nil {
					t.Fatal(err)
				}
			}
			if got := KnownAuth(tx); len(got) != c.want {
				t.Errorf("got %v, want %d", got, c.want)
			}
		})
	}
}
