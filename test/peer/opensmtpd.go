package peer

import (
	"fmt"
	"net"
	"strings"

	"gatepost/test/vacant"
)

// An OpenSMTPD is a private OpenSMTPD that delivers what it takes into a maildir.
type OpenSMTPD struct {
	SMTP string // where it listens, host:port
	room
}

// StartOpenSMTPD starts one that keeps its files in dir. Stop ends it. It speaks
// neither CHUNKING nor PIPELINING nor SMTPUTF8, refuses recipients in its own words,
// "Invalid recipient", and never insists on ClientTLS: Debian 12's offers STARTTLS
// but can't do it, https://github.com/OpenSMTPD/OpenSMTPD/issues/1239.
func StartOpenSMTPD(dir string, c Config) (*OpenSMTPD, error) {
	addr, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	certificate, key, err := Certificate("opensmtpd.peer.example")
	if err != nil {
		return nil, err
	}
	o := &OpenSMTPD{SMTP: addr, room: room{
		dir: dir, pkg: "opensmtpd", users: []string{"opensmtpd", "opensmtpq"}, keeps: "mail",
		dirs: map[string]int{"mail": nobody, "var/spool/smtpd": 0, "var/lib/opensmtpd/empty": 0},
		files: map[string]string{
			"etc/smtpd.conf": opensmtpdConfig(addr, c), "etc/mailname": "opensmtpd.peer.example\n",
			"etc/ssl/peer.pem": certificate, "etc/ssl/peer.key": key,
		},
	}}
	return o, o.serve(addr, "/usr/sbin/smtpd", "-d")
}

// opensmtpdConfig is a whole smtpd.conf(5).
func opensmtpdConfig(addr string, c Config) string {
	host, port, _ := net.SplitHostPort(addr)
	scheme := "smtp"
	if c.RelayTLS {
		scheme = "smtp+tls"
	}
	list := func(words []string) string { return "{ \"" + strings.Join(words, "\", \"") + "\" }" }
	var kept, refused []string
	for _, d := range c.Domains {
		kept = append(kept, "\"@"+d+"\" = nobody")
		for _, local := range c.Refused {
			refused = append(refused, local+"@"+d)
		}
	}
	lines := []string{
		`pki peer cert "/etc/ssl/peer.pem"`, `pki peer key "/etc/ssl/peer.key"`,
		"table kept { " + strings.Join(kept, ", ") + " }",
		"smtp max-message-size 50M",
		fmt.Sprintf("listen on %s port %s tls pki peer hostname opensmtpd.peer.example", host, port),
		`action keep maildir "/mail" virtual <kept>`,
	}
	if len(refused) > 0 {
		lines = append(lines, "match from any for rcpt-to "+list(refused)+" reject")
	}
	lines = append(lines, "match from any for domain "+list(c.Domains)+" action keep")
	if c.Relay != "" {
		lines = append(lines, fmt.Sprintf(`action next relay host "%s://%s" tls no-verify helo opensmtpd.peer.example`, scheme, c.Relay), "match from any for any action next")
	}
	return strings.Join(lines, "\n") + "\n"
}
