package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gatepost/test/vacant"
)

// A Postfix is a private Postfix that delivers what it takes into maildirs.
type Postfix struct {
	Dir  string
	SMTP string // where it listens, host:port
}

// PostfixConfig is what a Postfix differs in from another.
type PostfixConfig struct {
	Domains []string // whose mail it keeps: all addresses in them exist
	Relay   string   // "[host]:port" to hand everything else to; "": it is refused
	Main    []string // further lines of main.cf

	ClientTLS bool // it takes no mail in the clear
	RelayTLS  bool // it hands no mail to Relay in the clear
}

// ErrMissing: a program is not installed, or may not be run as this user.
var ErrMissing = errors.New("peer: missing")

// StartPostfix starts one in dir, which must be reachable by other users. Stop ends
// it.
func StartPostfix(dir string, c PostfixConfig) (*Postfix, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: Postfix starts as root only", ErrMissing)
	}
	if _, err := os.Stat("/usr/sbin/postfix"); err != nil {
		return nil, fmt.Errorf("%w: Debian's package postfix", ErrMissing)
	}
	addr, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	p := &Postfix{Dir: dir, SMTP: addr}
	if err := p.configure(c); err != nil {
		return nil, fmt.Errorf("peer: postfix: %w", err)
	}
	if out, err := p.command("start").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("peer: postfix: %w: %s\n%s", err, out, p.Log())
	}
	if err := await(p.SMTP, nil); err != nil {
		p.Stop()
		return nil, fmt.Errorf("peer: postfix: %w\n%s", err, p.Log())
	}
	return p, nil
}

func (p *Postfix) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/sbin/postfix", append([]string{"-c", p.etc()}, args...)...)
	cmd.WaitDelay = 10 * time.Second // its servers go on
	return cmd
}

func (p *Postfix) etc() string { return filepath.Join(p.Dir, "etc") }

// Stop ends it and waits.
func (p *Postfix) Stop() {
	p.command("stop").Run()
}

// Pid returns the id of its master process, whose descendants the others are.
func (p *Postfix) Pid() (int, error) {
	b, err := os.ReadFile(filepath.Join(p.Dir, "queue", "pid", "master.pid"))
	if err != nil {
		return 0, fmt.Errorf("peer: postfix: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// Flush makes it try at once what it has deferred.
func (p *Postfix) Flush() { p.command("flush").Run() }

// Reload has it read its configuration again.
func (p *Postfix) Reload() error {
	if out, err := p.command("reload").CombinedOutput(); err != nil {
		return fmt.Errorf("peer: postfix reload: %w: %s", err, out)
	}
	return nil
}

// Log returns what it logged.
func (p *Postfix) Log() string {
	b, err := os.ReadFile(filepath.Join(p.Dir, "maillog"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Mails calls each with every message that was delivered, headers that the
// delivery added included.
func (p *Postfix) Mails(each func(content []byte)) error {
	files, err := filepath.Glob(filepath.Join(p.Dir, "mail", "all", "*", "*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if filepath.Base(filepath.Dir(f)) == "tmp" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		each(b)
	}
	return nil
}

func (p *Postfix) configure(c PostfixConfig) error {
	daemon, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(daemon.Uid)
	gid, _ := strconv.Atoi(daemon.Gid)
	// virtual(8) delivers as somebody who is neither root nor Postfix.
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	nid, _ := strconv.Atoi(nobody.Uid)
	for _, d := range []struct {
		name string
		uid  int
	}{{"etc", 0}, {"queue", 0}, {"data", uid}, {"mail", nid}} {
		dir := filepath.Join(p.Dir, d.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chown(dir, d.uid, gid); err != nil {
			return err
		}
	}
	if err := os.Chown(filepath.Join(p.Dir, "queue"), 0, 0); err != nil {
		return err
	}
	for dir := p.Dir; dir != "/"; dir = filepath.Dir(dir) { // its daemons walk down here
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
				return err
			}
		}
	}
	certificate, key, err := Certificate("postfix.peer.example")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.etc(), "peer.pem"), []byte(key+certificate), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.etc(), "main.cf"), []byte(p.main(c, nid)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.etc(), "master.cf"), []byte(p.master()), 0o644)
}

func (p *Postfix) main(c PostfixConfig, nid int) string {
	lines := []string{
		"compatibility_level = 3.6",
		"queue_directory = " + p.Dir + "/queue", "data_directory = " + p.Dir + "/data",
		"command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix", "setgid_group = postdrop",
		"maillog_file = " + p.Dir + "/maillog", "maillog_file_prefixes = " + p.Dir,
		"myhostname = postfix.peer.example", "mydestination =", "alias_maps =", "local_recipient_maps =",
		"inet_interfaces = 127.0.0.1", "inet_protocols = ipv4", "mynetworks = 127.0.0.0/8",
		"smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination",
		"local_header_rewrite_clients =", "smtpd_peername_lookup = no", "smtpd_tls_security_level = " + tlsLevel(c.ClientTLS), "smtp_tls_security_level = " + tlsLevel(c.RelayTLS),
		"smtpd_tls_chain_files = " + p.etc() + "/peer.pem",
		"smtp_dns_support_level = disabled", "disable_dns_lookups = yes", "smtp_host_lookup = native",
		"virtual_mailbox_domains = " + strings.Join(c.Domains, ", "), "virtual_mailbox_base = " + p.Dir + "/mail",
		"virtual_mailbox_maps = static:all/", fmt.Sprintf("virtual_uid_maps = static:%d", nid), fmt.Sprintf("virtual_gid_maps = static:%d", nid),
		"virtual_minimum_uid = 1", "virtual_mailbox_limit = 0", "message_size_limit = 52428800",
		"smtpd_client_connection_count_limit = 0", "smtpd_client_connection_rate_limit = 0", "in_flow_delay = 0",
		"default_process_limit = 100", "relayhost = " + c.Relay, "minimal_backoff_time = 1s", "maximal_backoff_time = 2s", "queue_run_delay = 1s",
	}
	if c.Relay == "" {
		lines = append(lines, "default_transport = error:5.7.1 nothing leaves")
	}
	return strings.Join(append(lines, c.Main...), "\n") + "\n"
}

func tlsLevel(on bool) string {
	if on {
		return "encrypt"
	}
	return "none"
}

// master is Postfix's usual services without chroot, and smtpd where we want it.
func (p *Postfix) master() string {
	var b strings.Builder
	line := func(name, kind, wake, max, command string) {
		private := "-"
		if kind == "inet" {
			private = "n"
		}
		fmt.Fprintf(&b, "%s %s %s - n %s %s %s\n", name, kind, private, wake, max, command)
	}
	line(p.SMTP, "inet", "-", "-", "smtpd")
	line("pickup", "unix", "60", "1", "pickup")
	line("cleanup", "unix", "-", "0", "cleanup")
	line("qmgr", "unix", "300", "1", "qmgr")
	line("rewrite", "unix", "-", "-", "trivial-rewrite")
	for _, name := range []string{"bounce", "defer", "trace"} {
		line(name, "unix", "-", "0", "bounce")
	}
	line("verify", "unix", "-", "1", "verify")
	line("tlsmgr", "unix", "1000?", "1", "tlsmgr")
	line("flush", "unix", "1000?", "0", "flush")
	line("tlsmgr", "unix", "1000?", "1", "tlsmgr")
	line("proxymap", "unix", "-", "-", "proxymap")
	line("smtp", "unix", "-", "-", "smtp")
	line("relay", "unix", "-", "-", "smtp")
	line("error", "unix", "-", "-", "error")
	line("retry", "unix", "-", "-", "error")
	line("discard", "unix", "-", "-", "discard")
	line("virtual", "unix", "-", "-", "virtual")
	line("lmtp", "unix", "-", "-", "lmtp")
	line("anvil", "unix", "-", "1", "anvil")
	line("scache", "unix", "-", "1", "scache")
	line("postlog", "unix-dgram", "-", "1", "postlogd")
	// These are asked by programs of other users; virtual(8) becomes the recipient.
	return strings.NewReplacer("pickup unix -", "pickup unix n", "cleanup unix -", "cleanup unix n", "qmgr unix -", "qmgr unix n",
		"flush unix -", "flush unix n", "postlog unix-dgram -", "postlog unix-dgram n",
		"virtual unix - -", "virtual unix - n").Replace(b.String())
}

// await returns once somebody greets at addr by SMTP, IMAP or POP3, or in vain when ended is closed.
func await(addr string, ended <-chan struct{}) error {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			continue
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		var b [3]byte
		_, err = c.Read(b[:])
		c.Close()
		if g := string(b[:]); err == nil && (g == "220" || g == "* O" || g == "+OK") {
			return nil
		}
	}
	return fmt.Errorf("nobody greeted at %s within two minutes", addr)
}
