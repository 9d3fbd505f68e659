package filters

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// fakeComplaints are those that a case says are complained of, by kind and name.
type fakeComplaints map[complaint.Subject]bool

func parseComplaints(text string) fakeComplaints {
	f := fakeComplaints{}
	for line := range strings.Lines(text) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		f[complaint.Subject{Kind: complaint.Kind(kind), Name: name}] = true
	}
	return f
}

func (f fakeComplaints) standing(s complaint.Subject) (complaint.Standing, bool) {
	at := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	return complaint.Standing{Subject: s, Weight: 3.5, At: at, People: 4, Senders: 1, Last: at}, f[s]
}

// Client implements Complaints.
func (f fakeComplaints) Client(a netip.Addr, _ time.Time) (complaint.Standing, bool) {
	return f.standing(complaint.ClientOf(a))
}

// Sender implements Complaints.
func (f fakeComplaints) Sender(p mail.Path, _ time.Time) (complaint.Standing, bool) {
	if s, ok := f.standing(complaint.Subject{Kind: complaint.OfSender, Name: string(p)}); ok {
		return s, ok
	}
	return f.standing(complaint.DomainOf(p))
}

// BenchmarkComplaint is what both filters cost a message of which nobody complains.
func BenchmarkComplaint(b *testing.B) {
	kinds := Catalog(Deps{Complaints: parseComplaints("client 192.0.2.8\nsender x@bulk.example")})
	for _, k := range kinds {
		if k.Name != "ip-complaint" && k.Name != "sender-complaint" {
			continue
		}
		f, err := k.New(nil)
		if err != nil {
			b.Fatal(err)
		}
		client := mail.Client{Addr: netip.MustParseAddr("192.0.2.7")}
		tx := pipeline.NewTransaction(b.Context(), "id", time.Now(), client, nil).WithMail("ann@example.org", mail.Params{})
		defer tx.Close()
		b.Run(k.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Check(b.Context(), pipeline.Query{Tx: tx}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
