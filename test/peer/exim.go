package peer

import (
	"net"
	"os"
	"strings"

	"gatepost/test/vacant"
)

// Config is what one Exim or OpenSMTPD differs in from another.
type Config struct {
	Domains []string // whose mail it keeps: all addresses in them exist
	Refused []string // but these: local parts, answered with RefusedText
	Relay   string   // host:port to hand everything else to; "": it is refused

	ClientTLS bool // it takes no mail in the clear
	RelayTLS  bool // it hands no mail to Relay in the clear
}

// An Exim is a private Exim that delivers what it takes into a maildir.
type Exim struct {
	SMTP string // where it listens, host:port
	room
}

// RefusedText is what an Exim says of refused recipients.
const RefusedText = "the harbour is closed today"

// StartExim starts one that keeps its files in dir. Stop ends it.
func StartExim(dir string, c Config) (*Exim, error) {
	addr, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	certificate, key, err := Certificate("exim.peer.example")
	if err != nil {
		return nil, err
	}
	e := &Exim{SMTP: addr, room: room{
		dir: dir, pkg: "exim4-daemon-light", users: []string{"Debian-exim"}, keeps: "mail",
		dirs: map[string]int{"mail": nobody, "var/spool/exim4": firstUser, "var/log/exim4": firstUser},
		files: map[string]string{
			"etc/exim4/exim4.conf": eximConfig(addr, c), "etc/ssl/peer.pem": certificate, "etc/ssl/peer.key": key,
		},
	}}
	return e, e.serve(addr, "/usr/sbin/exim4", "-bdf", "-q1s")
}

// Log returns what it logged.
func (e *Exim) Log() string {
	b, err := os.ReadFile(e.path("var/log/exim4/mainlog"))
	if err != nil {
		return err.Error() + "\n" + e.room.Log()
	}
	return e.room.Log() + string(b)
}

// eximConfig is a whole configuration; the chapters are of Exim's specification,
// https://www.exim.org/exim-html-current/doc/html/spec_html/.
func eximConfig(addr string, c Config) string {
	host, port, _ := net.SplitHostPort(addr)
	relayHost, relayPort, _ := net.SplitHostPort(c.Relay)
	clear, hostsTLS, route := "", "", "driver = redirect\n  data = :fail: nothing leaves\n  allow_fail"
	if c.ClientTLS {
		clear = "  deny !encrypted = *\n    message = TLS first\n"
	}
	if c.RelayTLS {
		hostsTLS = "  hosts_require_tls = *\n"
	}
	if c.Relay != "" {
		route = "driver = manualroute\n  route_list = * " + relayHost + "\n  self = send\n  transport = next"
	}
	return strings.NewReplacer("HOST", host, "PORT", port, "DOMAINS", strings.Join(c.Domains, " : "), "REFUSED", strings.Join(c.Refused, " : "),
		"SAID", RefusedText, "CLEAR", clear, "ROUTE", route, "TO", relayPort, "REQUIRE", hostsTLS).Replace(`
primary_hostname = exim.peer.example
local_interfaces = HOST
daemon_smtp_ports = PORT
log_selector = +pipelining
log_file_path = /var/log/exim4/%slog
spool_directory = /var/spool/exim4
keep_environment =
host_lookup =
rfc1413_hosts =
dns_dnssec_ok = 0
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
queue_run_max = 20
message_size_limit = 50M
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = /etc/ssl/peer.pem
tls_privatekey = /etc/ssl/peer.key
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
acl_not_smtp = accept
begin acl
rcpt:
CLEAR  deny local_parts = REFUSED
    message = SAID
  accept
begin routers
kept:
  driver = accept
  domains = DOMAINS
  transport = keep
next:
  ROUTE
begin transports
keep:
  driver = appendfile
  directory = /mail
  maildir_format
  user = nobody
  group = nogroup
next:
  driver = smtp
  port = TO
  allow_localhost
  hosts_try_chunking = *
  tls_verify_hosts =
  tls_try_verify_hosts =
REQUIREbegin retry
* * F,1h,1s
`)
}
