package peer

import (
	"fmt"
	"net"
	"strings"

	"gatepost/test/vacant"
)

// A Dovecot is a private Dovecot that takes mail over LMTP into maildirs.
type Dovecot struct {
	LMTP string // where it listens, host:port
	room
}

// StartDovecot starts one that has the mailboxes and no others, and keeps its files in
// dir. Stop ends it.
func StartDovecot(dir string, mailboxes ...string) (*Dovecot, error) {
	addr, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	users := ""
	for _, m := range mailboxes {
		users += m + ":{PLAIN}unused::::::\n"
	}
	d := &Dovecot{LMTP: addr, room: room{
		dir: dir, pkg: "dovecot-lmtpd", users: []string{"dovecot", "dovenull"}, keeps: "mail/*", dirs: map[string]int{"mail": nobody},
		files: map[string]string{"etc/dovecot/dovecot.conf": dovecotConfig(addr), "etc/dovecot/users": users},
	}}
	return d, d.serve(addr, "/usr/sbin/dovecot", "-F")
}

// dovecotConfig has no log-ins: https://doc.dovecot.org/2.3/configuration_manual/.
func dovecotConfig(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return strings.NewReplacer("HOST", host, "PORT", port, "NOBODY", fmt.Sprint(nobody)).Replace(`
protocols = lmtp
log_path = /dev/stderr
ssl = no
hostname = dovecot.peer.example
postmaster_address = postmaster@dovecot.peer.example
recipient_delimiter =
mail_location = maildir:/mail/%u
mail_uid = NOBODY
mail_gid = NOBODY
first_valid_uid = 1
lmtp_save_to_detail_mailbox = no
passdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
  override_fields = uid=NOBODY gid=NOBODY home=/mail/%u
}
service lmtp {
  inet_listener lmtp {
    address = HOST
    port = PORT
  }
}
`)
}
