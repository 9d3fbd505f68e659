package filters

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trust"
	"gatepost/pipeline"
)

// coldTrust answers as a store would in which nothing is remembered.
type coldTrust struct{ known bool }

func (c coldTrust) Weigh(_ context.Context, _, sender mail.Path, now time.Time) (trust.Entry, bool, error) {
	return trust.Entry{Key: trust.Key{Scope: "m1", Sender: sender}, Weight: trust.One, Used: now}, c.known, nil
}

func (coldTrust) Use(trust.Entry, time.Time) {}

// BenchmarkLearnt is what asking the filters costs that know what was learnt and sent,
// without the store and the DNS behind them; the SPF result is that of a transaction that
// has it already.
func BenchmarkLearnt(b *testing.B) {
	l := parseLearnt(b, "", "lunch@example.net")
	deps := Deps{Resolver: fakeDNS{txt: map[string]string{"example.org": "v=spf1 ip4:192.0.2.7 -all"}}, Ledger: l, Signed: l.signer, Forwarded: l.forward}
	report := []byte("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <lunch@example.net>\r\n--b--\r\n")
	for _, c := range []struct {
		name, filter string
		trust        Trust
		from, to     mail.Path
		content      []byte
	}{
		{"auto-allow stranger", "auto-allow", coldTrust{}, "ann@example.org", "bob@example.net", nil},
		{"auto-allow trusted", "auto-allow", coldTrust{true}, "ann@example.org", "bob@example.net", nil},
		{"null-sender with a sender", "null-sender", nil, "ann@example.org", "bob@example.net", nil},
		{"null-sender signed", "null-sender", nil, "", "prvs=5682fcb416=bob@example.net", nil},
		{"null-sender report", "null-sender", nil, "", "bob@example.net", report},
		{"self-sender other", "self-sender", nil, "ann@example.org", "bob@example.net", nil},
		{"self-sender self", "self-sender", nil, "ann@example.org", "ann@example.org", nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := deps
			d.Trust = c.trust
			policies, problems := pipeline.Compile(Catalog(d), []pipeline.Spec{{Name: "p", Entries: []pipeline.EntrySpec{{Filter: c.filter}}}})
			if len(problems) > 0 {
				b.Fatal(problems)
			}
			f := policies["p"].Entries[0].Filter
			client := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org"}
			begin := func() *pipeline.Transaction {
				tx := pipeline.NewTransaction(b.Context(), "id", l.now, client, nil).WithHelo(client).WithMail(c.from, mail.Params{}).WithRcpt()
				if c.content != nil {
					tx = tx.WithData([]mail.Path{c.to}, mail.NewMessage(c.content))
				}
				return tx
			}
			tx := begin()
			defer func() { tx.Close() }()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if c.content != nil { // or the fact would be known
					tx.Close()
					tx = begin()
				}
				got, err := f.Check(b.Context(), pipeline.Query{Tx: tx, Domain: c.to.Domain(), Recipient: c.to})
				if err != nil || got.Wait {
					b.Fatal(fmt.Sprint(got, err))
				}
			}
		})
	}
}
