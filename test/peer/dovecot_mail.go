package peer

import (
	"fmt"
	"maps"
	"net"
	"strings"

	"gatepost/test/vacant"
)

// A DovecotMail is a private Dovecot whose mailboxes are read over IMAP and POP3, in the
// clear. It syncs what is delivered, and indexes no text, as Debian's does by itself.
type DovecotMail struct {
	IMAP, POP3 string // where it listens, host:port
	room
}

// DovecotPassword opens every mailbox of a DovecotMail.
const DovecotPassword = "pass"

// StartDovecotMail starts one that keeps its files in dir. Each user's mail is kept as the
// format says that is the name's part before a "-": maildir or sdbox. Stop ends it.
func StartDovecotMail(dir string, users ...string) (*DovecotMail, error) {
	return startDovecotMail(dir, nil, "", users)
}

// StartDovecotTLS is StartDovecotMail with STARTTLS and STLS, a certificate of that name, whose PEM
// it returns, and log-ins by SCRAM, too; without TLS it takes none that shows the password.
func StartDovecotTLS(dir, name string, users ...string) (d *DovecotMail, certificate string, err error) {
	certificate, key, err := Certificate(name)
	if err != nil {
		return nil, "", err
	}
	d, err = startDovecotMail(dir, map[string]string{"etc/dovecot/cert.pem": certificate, "etc/dovecot/key.pem": key}, `
ssl = yes
ssl_cert = </etc/dovecot/cert.pem
ssl_key = </etc/dovecot/key.pem
disable_plaintext_auth = yes
auth_mechanisms = plain login scram-sha-256 scram-sha-1
`, users)
	return d, certificate, err
}

func startDovecotMail(dir string, files map[string]string, settings string, users []string) (*DovecotMail, error) {
	imap, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	pop3, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	passwd := ""
	for _, u := range users {
		format, _, _ := strings.Cut(u, "-")
		place := "sdbox:/mail/" + u
		if format == "maildir" {
			place = "maildir:/mail/" + u + "/Maildir"
		}
		passwd += fmt.Sprintf("%s:{PLAIN}%s:::::: userdb_mail=%s\n", u, DovecotPassword, place)
	}
	all := map[string]string{"etc/dovecot/dovecot.conf": dovecotMailConfig(imap, pop3) + settings, "etc/dovecot/users": passwd}
	maps.Copy(all, files)
	d := &DovecotMail{IMAP: imap, POP3: pop3, room: room{
		dir: dir, pkg: "dovecot-imapd", also: []string{"dovecot-pop3d"}, users: []string{"dovecot", "dovenull"}, dirs: map[string]int{"mail": nobody},
		files: all,
	}}
	return d, d.serve(imap, "/usr/sbin/dovecot", "-F")
}

// Pid is the process of which all of the server's are descendants.
func (d *DovecotMail) Pid() int { return d.cmd.Process.Pid }

// dovecotMailConfig lets many connections in and takes a log-in once learnt from memory;
// all else is as it ships.
func dovecotMailConfig(imap, pop3 string) string {
	host, imapPort, _ := net.SplitHostPort(imap)
	_, pop3Port, _ := net.SplitHostPort(pop3)
	return strings.NewReplacer("HOST", host, "IMAPPORT", imapPort, "POP3PORT", pop3Port, "NOBODY", fmt.Sprint(nobody)).Replace(`
protocols = imap pop3
log_path = /dev/stderr
ssl = no
disable_plaintext_auth = no
mail_uid = NOBODY
mail_gid = NOBODY
first_valid_uid = 1
mail_max_userip_connections = 5000
default_process_limit = 2000
default_client_limit = 6000
default_vsz_limit = 2G
auth_cache_size = 1M
passdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
  override_fields = uid=NOBODY gid=NOBODY home=/mail/%u
}
service imap-login {
  inet_listener imap {
    address = HOST
    port = IMAPPORT
  }
  inet_listener imaps {
    port = 0
  }
  service_count = 0
}
service pop3-login {
  inet_listener pop3 {
    address = HOST
    port = POP3PORT
  }
  inet_listener pop3s {
    port = 0
  }
}
service imap {
  process_limit = 3000
}
service anvil {
  client_limit = 9000
}
service auth {
  client_limit = 9000
}
namespace inbox {
  inbox = yes
}
`)
}
