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
`

// A relayer is a mail server that hands to us what it is given.
type relayer struct {
	addr string
	stop func()
	log  func() string
}

// Other people's servers hand us awkward parcels over TLS; what arrives is what they
// were given.
func TestInteropIn(t *testing.T) {
	m := serve(t, interopConfig, "")
	for _, c := range []struct {
		name  string
		start func(dir, next string) (relayer, error)
		check func(t *testing.T, log string)
	}{
		{"postfix", func(dir, next string) (relayer, error) {
			p, err := mta.StartPostfix(dir, mta.PostfixConfig{Relay: bracketed(next), RelayTLS: true})
			if err != nil {
				return relayer{}, err
			}
			return relayer{p.SMTP, p.Stop, p.Log}, nil
		}, nil},
		{"exim", func(dir, next string) (relayer, error) {
			e, err := mta.StartExim(dir, mta.Config{Relay: next, RelayTLS: true})
			if err != nil {
				return relayer{}, err
			}
			return relayer{e.SMTP, e.Stop, e.Log}, nil
		}, func(t *testing.T, log string) {
			// Its log's words for BDAT and PIPELINING, and for an end without TLS's own.
			if !strings.Contains(log, " K C=") || !strings.Contains(log, " L ") || strings.Contains(log, "non-properly terminated") {
				t.Error("no CHUNKING, no PIPELINING, or a connection that was cut")
			}
		}},
		{"opensmtpd", func(dir, next string) (relayer, error) {
			o, err := mta.StartOpenSMTPD(dir, mta.Config{Domains: []string{"kept.example"}, Relay: next, RelayTLS: true})
			if err != nil {
				return relayer{}, err
			}
			return relayer{o.SMTP, o.Stop, o.Log}, nil
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.start(t.TempDir(), m.SMTP)
			there(t, err)
			defer r.stop()
			letterbox := domain(t, m, c.name+".example")
			all := parcels("author@sender.example", letterbox)
			for i := range all {
				hand(t, r.addr, all[i], "")
				all[i].copies = 1 // a mailbox gets one, by whatever addresses
			}
			arrived(t, all, func() []string { return box(t, m, letterbox, "INBOX") })
			overTLS(t, m, letterbox)
			if n := len(asked[[]row](t, m, "journal", "search", "--subject", "fifty recipients", "--domain", c.name+".example", "--state", "delivered")); n != 50 {
				t.Errorf("%d of fifty recipients are in the journal", n)
			}
			if c.check != nil {
				c.check(t, r.log())
			}
			if t.Failed() {
				t.Logf("%.4000s", r.log())
			}
		})
	}
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

// bracketed is host:port as Postfix writes a next hop that is no MX.
func bracketed(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "[" + host + "]:" + port
}

// Users' mail programs send us the same over STARTTLS, logged in to the submission
// port, and some of it to port 25.
func TestInteropSenders(t *testing.T) {
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
					if err := program(sender).Send(l.from, l.to, []byte(l.content)); err != nil {
						t.Fatalf("%s: %v", l.name, err)
					}
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
	utf8 := mta.Smtplib(mta.Sender{Addr: m.SMTP, UTF8: true})
	if err := utf8.Send("author@sender.example", []string{author}, []byte("Subject: x\r\n\r\n")); err == nil || !strings.Contains(err.Error(), "SMTPUTF8") {
		t.Errorf("SMTPUTF8: %v, want that smtplib misses it", err)
	}
}
