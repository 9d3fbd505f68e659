package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gatepost/test/vacant"
)

// An Engine is a program that looks at mail: a virus scanner, a spam filter, a milter. It
// runs privately in a directory of its own and can be killed, frozen and started again at
// the same address.
type Engine struct {
	Dir    string
	Addr   string // host:port; "" where it has none
	Socket string // the path of its unix socket; "" where it has none
	Milter string // host:port where MTAs ask it; "" where they can't

	name, path string
	args       []string
	env        []string
	cmd        *exec.Cmd
	done       chan struct{}
	patience   time.Duration // until it takes connections
}

// newEngine makes the directory and finds the program of a Debian package.
func newEngine(program, pkg string) (e *Engine, err error) {
	e = &Engine{name: program, patience: 2 * time.Minute}
	if e.path, err = lookPath(program); err != nil {
		return nil, fmt.Errorf("%w: Debian's package %s", ErrMissing, pkg)
	}
	if e.Dir, err = os.MkdirTemp("", "gatepost-engine-"); err != nil { // short: a socket's path has 107 octets
		return nil, fmt.Errorf("peer: %s: %w", program, err)
	}
	if err := os.Chmod(e.Dir, 0o755); err != nil { // for who gives up being root
		return nil, fmt.Errorf("peer: %s: %w", program, err)
	}
	e.Socket = filepath.Join(e.Dir, "socket")
	if e.Addr, err = vacant.Addr(); err != nil {
		os.RemoveAll(e.Dir)
		return nil, err
	}
	return e, nil
}

func (e *Engine) file(name string) string { return filepath.Join(e.Dir, name) }

// port is that of Addr.
func (e *Engine) port() string {
	_, port, _ := net.SplitHostPort(e.Addr)
	return port
}

// write makes files in the directory: names and texts in turn.
func (e *Engine) write(files ...string) error {
	for i := 0; i+1 < len(files); i += 2 {
		path := e.file(files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copy copies files into a directory below.
func (e *Engine) copy(pattern, dir string) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := e.write(filepath.Join(dir, filepath.Base(path)), string(b)); err != nil {
			return err
		}
	}
	return nil
}

// begin starts it for the first time; where that fails nothing is left.
func (e *Engine) begin() (*Engine, error) {
	if err := e.Start(); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// Start starts it, after Kill again, and returns once it takes connections.
func (e *Engine) Start() error {
	if e.Socket != "" {
		os.Remove(e.Socket) // of one that was killed
	}
	log, err := os.OpenFile(e.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("peer: %s: %w", e.name, err)
	}
	defer log.Close()
	e.cmd = exec.Command(e.path, e.args...)
	e.cmd.Dir, e.cmd.Stdout, e.cmd.Stderr = e.Dir, log, log
	e.cmd.Env = append(os.Environ(), e.env...)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // a test that is killed leaves nothing
	if err := e.cmd.Start(); err != nil {
		return fmt.Errorf("peer: %s: %w", e.name, err)
	}
	e.done = make(chan struct{})
	go func(done chan struct{}) { e.cmd.Wait(); close(done) }(e.done)
	for end := time.Now().Add(e.patience); time.Now().Before(end); {
		if e.takes() == nil {
			return nil
		}
		select {
		case <-e.done:
			return fmt.Errorf("peer: %s ended at start:\n%s", e.name, e.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("peer: %s takes no connection:\n%s", e.name, e.Log())
}

// takes tries to connect to both addresses.
func (e *Engine) takes() error {
	var errs []error
	for network, address := range map[string]string{"unix": e.Socket, "tcp": e.Addr} {
		if address == "" {
			continue
		}
		c, err := net.DialTimeout(network, address, time.Second)
		if err == nil {
			c.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Pid returns the id of the process that was started, whose descendants the others are.
func (e *Engine) Pid() int { return e.cmd.Process.Pid }

// CPU returns the processor time that all its processes have used, to a hundredth of a second.
func (e *Engine) CPU() (total time.Duration, err error) {
	group := strconv.Itoa(e.cmd.Process.Pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) < 13 || fields[2] != group {
			continue
		}
		for _, f := range fields[11:13] { // user, system
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("peer: %s: %w", path, err)
			}
			total += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return total, nil
}

// signal reaches all its processes.
func (e *Engine) signal(s syscall.Signal) {
	if e.cmd != nil && e.cmd.Process != nil {
		syscall.Kill(-e.cmd.Process.Pid, s) // fails where it has ended
	}
}

// Freeze stops it in the midst of whatever it does: it takes connections and is silent,
// until Thaw.
func (e *Engine) Freeze() { e.signal(syscall.SIGSTOP) }

// Thaw has it go on.
func (e *Engine) Thaw() { e.signal(syscall.SIGCONT) }

// Signal sends it a signal of its own, such as SIGUSR2, by which clamd reloads.
func (e *Engine) Signal(s syscall.Signal) error { return e.cmd.Process.Signal(s) }

// Kill ends it by SIGKILL and waits.
func (e *Engine) Kill() {
	e.signal(syscall.SIGKILL)
	if e.done != nil {
		<-e.done
	}
}

// Stop ends it, all its processes, and removes what it kept.
func (e *Engine) Stop() {
	e.Kill()
	os.RemoveAll(e.Dir)
}

// Log returns what it wrote.
func (e *Engine) Log() string {
	b, err := os.ReadFile(e.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(b, nil))
}

// EICAR is the test file that every virus scanner finds
// (https://www.eicar.org/download-anti-malware-testfile/), put together so that this program
// is not one.
func EICAR() string {
	return `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-` + `TEST-FILE!$H+H*`
}

// eicarSum is the MD5 of EICAR, as ClamAV's databases (.hdb) have it.
const eicarSum = "44d88612fea8a8f36de82e1278abb02f:68:"

// StartClamd starts ClamAV's daemon with a database that knows EICAR as "Test.EICAR" and
// nothing else, and takes settings of clamd.conf beside its own.
func StartClamd(settings ...string) (*Engine, error) {
	e, err := newEngine("clamd", "clamav-daemon")
	if err != nil {
		return nil, err
	}
	e.args = []string{"--foreground", "--config-file=" + e.file("clamd.conf")}
	config := append([]string{
		"LocalSocket " + e.Socket, "TCPAddr 127.0.0.1", "TCPSocket " + e.port(), "DatabaseDirectory " + e.file("db"),
		"TemporaryDirectory " + e.Dir, "SelfCheck 3600", "MaxThreads 4", "LogTime yes", "",
	}, settings...)
	if err := e.write("clamd.conf", strings.Join(config, "\n")+"\n", "db/test.hdb", eicarSum+"Test.EICAR\n"); err != nil {
		e.Stop()
		return nil, fmt.Errorf("peer: clamd: %w", err)
	}
	return e.begin()
}

// StartSpamd starts SpamAssassin's daemon with the rules that Debian ships, asking nobody on
// the network. It listens on TCP alone.
func StartSpamd() (*Engine, error) {
	e, err := newEngine("spamd", "spamd")
	if err != nil {
		return nil, err
	}
	e.Socket = ""
	e.env = []string{"HOME=" + e.Dir}
	e.args = []string{
		"--local", "--nouser-config", "--syslog=stderr", "--helper-home-dir=" + e.Dir, "--listen=127.0.0.1", "--port=" + e.port(),
		"--min-children=1", "--max-children=2", "--siteconfigpath=" + e.file("site"), "--allow-tell",
	}
	config := "use_bayes 0\nuse_auto_whitelist 0\nuse_txrep 0\ntrusted_networks 127/8\nreport_safe 0\n"
	if err := errors.Join(e.write("site/local.cf", config), e.copy("/etc/spamassassin/*.pre", "site")); err != nil { // what plugins there are
		e.Stop()
		return nil, fmt.Errorf("peer: spamd: %w", err)
	}
	return e.begin()
}

// StartRspamd starts Rspamd with its own rules and no module that asks anybody. A controller
// wants the password "secret"; it listens at the socket, the scanner at the address.
func StartRspamd() (*Engine, error) {
	e, err := newEngine("rspamd", "rspamd")
	if err != nil {
		return nil, err
	}
	config := `options {
  pidfile = "DIR/pid"; cache_file = "DIR/symbols.cache"; dynamic_conf = "DIR/dynamic"; history_file = "DIR/history"; stats_file = "DIR/stats";
  hs_cache_dir = "DIR/"; tempdir = "DIR"; control_socket = "DIR/control mode=0600"; url_tld = "DIR/tld";
  filters = ["chartable", "regexp"]; explicit_modules = ["settings"]; allow_raw_input = true; task_timeout = 8s;
  dns { nameserver = ["127.0.0.1:9"]; timeout = 10ms; retransmits = 1; sockets = 1; }
}
logging { type = "console"; level = "warning"; }
lua = "/usr/share/rspamd/rules/rspamd.lua";
regexp { TEST_WORD { re = "/peerspam/i{body}"; score = 6.5; description = "the word peerspam"; } }
actions { reject = 15; add_header = 6; greylist = 4; }
worker "normal" { bind_socket = "ADDR"; count = 1; mime = true; }
worker "controller" { bind_socket = "SOCKET mode=0666"; count = 1; password = "secret"; enable_password = "secret"; secure_ip = ["192.0.2.1"]; }
`
	config = strings.NewReplacer("DIR", e.Dir, "ADDR", e.Addr, "SOCKET", e.Socket).Replace(config)
	e.args = []string{"--no-fork", "--insecure", "--config=" + e.file("rspamd.conf")}
	if err := e.write("rspamd.conf", config, "tld", "com\nexample\nnet\norg\n"); err != nil { // it compiles the whole list for a minute
		e.Stop()
		return nil, fmt.Errorf("peer: rspamd: %w", err)
	}
	return e.begin()
}

// StartOpenDKIM starts OpenDKIM's milter, which verifies with the keys of a file in place of the
// DNS: lines "SELECTOR._domainkey.DOMAIN RECORD". What has a bad signature it refuses.
func StartOpenDKIM(keys string) (*Engine, error) {
	e, err := newEngine("opendkim", "opendkim")
	if err != nil {
		return nil, err
	}
	e.Addr = ""
	e.args = []string{"-f", "-x", e.file("opendkim.conf")}
	config := "Mode v\nSocket local:" + e.Socket + "\nTestPublicKeys " + e.file("keys") + "\nOn-BadSignature reject\nAlwaysAddARHeader yes\n" +
		"AuthservID milter.test\nSyslog no\nPidFile " + e.file("pid") + "\nUMask 002\nInternalHosts csl:198.51.100.1\n"
	if err := e.write("opendkim.conf", config, "keys", keys); err != nil {
		e.Stop()
		return nil, fmt.Errorf("peer: opendkim: %w", err)
	}
	return e.begin()
}
