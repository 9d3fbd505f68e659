package test

import (
	"strings"
	"testing"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// interopConfig lets everything in: what is under test is the wire.
const interopConfig = `
hostname: mx.test.example
policies: [{name: default, pipeline: []}]
limits: {connections_per_network: 1000}
submission: {per_minute: 0}
`

// Other people's servers hand us awkward parcels over TLS; what arrives is what they
// were given.
func TestInteropIn(t *testing.T) {
	t.Parallel()
	m := serve(t, interopConfig, "")
	for _, name := range []string{"postfix", "exim", "opensmtpd"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, mta.Config{Domains: []string{"kept.example"}, Relay: m.SMTP, RelayTLS: true})
			letterbox := domain(t, m, name+".example")
			all := parcels("author@sender.example", letterbox)
			for i := range all {
				hand(t, s.addr, all[i], "")
				all[i].copies = 1 // a mailbox gets one, by whatever addresses
			}
			arrived(t, all, func() []string { return box(t, m, letterbox, "INBOX") })
			overTLS(t, m, letterbox)
			if n := len(asked[[]row](t, m, "journal", "search", "--subject", "fifty recipients", "--domain", name+".example", "--state", "delivered")); n != 50 {
				t.Errorf("%d of fifty recipients are in the journal", n)
			}
			if name == "exim" { // Postfix in TestInternational; OpenSMTPD does not know it
				internationalized(t, m, s, letterbox, "änn@"+name+".example")
			}
			if name != "exim" {
				return
			}
			// Its log's words for BDAT and PIPELINING, and for an end without TLS's own.
			if log := s.Log(); !strings.Contains(log, " K C=") || !strings.Contains(log, " L ") || strings.Contains(log, "non-properly terminated") {
				t.Error("no CHUNKING, no PIPELINING, or a connection that was cut")
			}
		})
	}
}

// internationalized: mail for an address that is not ASCII, with a header that is not, comes as it was (RFC 6531).
func internationalized(t *testing.T, m *machine.Machine, s server, letterbox, to string) {
	t.Helper()
	run(t, m, "", "alias", "add", to, letterbox)
	odd := parcel{name: "ümlaut", from: "äuthor@kept.example", to: []string{to}, copies: 1, content: "From: <äuthor@kept.example>\r\nSubject: ümlaut\r\n\r\nx\r\n"}
	hand(t, s.addr, odd, " BODY=8BITMIME SMTPUTF8")
	arrived(t, []parcel{odd}, func() []string { return withSubject(box(t, m, letterbox, "INBOX"), odd.name) })
}

// overTLS checks that all that a mailbox has came over TLS.
func overTLS(t *testing.T, m *machine.Machine, user string) {
	t.Helper()
	for _, message := range box(t, m, user, "INBOX") {
		if header, _, _ := strings.Cut(message, "\r\n\r\n"); !strings.Contains(header, " ESMTPS") {
			t.Errorf("not over TLS:\n%.400s", header)
		}
	}
}

// Users' mail programs send us the same over STARTTLS, logged in to the submission
// port, and some of it to port 25.
func TestInteropSenders(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, interopConfig, "", "listen.submission="+submission)
	author := domain(t, m, "author.example")
	for name, program := range map[string]func(mta.Sender) mta.Sender{"swaks": mta.Swaks, "msmtp": mta.Msmtp, "smtplib": mta.Smtplib} {
		t.Run(name, func(t *testing.T) {
			for _, sender := range []mta.Sender{{Addr: m.SMTP}, {Addr: submission, User: author, Password: password}} {
				from, host := author, name+".example"
				if sender.User == "" {
					from, host = "author@sender.example", name+"-25.example"
				}
				letterbox := domain(t, m, host)
				all := parcels(from, letterbox)
				if sender.User == "" {
					all = all[:5]
				}
				for i, l := range all {
					there(t, program(sender).Send(l.from, l.to, []byte(l.content)))
					all[i].copies = 1
				}
				arrived(t, all, func() []string { return box(t, m, letterbox, "INBOX") })
				overTLS(t, m, letterbox)
			}
			stranger := mta.Sender{Addr: submission, User: author, Password: "wrong"}
			if err := program(stranger).Send(author, []string{author}, []byte("Subject: x\r\n\r\n")); err == nil || !strings.Contains(err.Error(), "535") {
				t.Errorf("a wrong password: %v, want a 535", err)
			}
		})
	}
	run(t, m, "", "alias", "add", "auteur-é@author.example", author)
	utf8 := mta.Smtplib(mta.Sender{Addr: m.SMTP, UTF8: true})
	if err := utf8.Send("author@sender.example", []string{"auteur-é@author.example"}, []byte("Subject: x\r\n\r\n")); err != nil {
		t.Errorf("SMTPUTF8: %v", err)
	}
}
