package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"gatepost/test/vacant"
)

// A DNSSEC is a validating resolver, unbound, in front of an authoritative server,
// nsd, that has zones of ours. The resolver knows nothing else: what is in none of the
// zones is a failure.
type DNSSEC struct {
	Resolver string // where it answers, host:port

	dir      string
	zones    string      // where nsd answers
	resolver *os.Process // unbound
	ends     []func()
}

// A Zone is one that a DNSSEC serves. SOA and NS are added.
type Zone struct {
	Name     string // "signed.example"
	Text     string // records in the master file format, names relative to Name
	Unsigned bool
	// Elsewhere is where the resolver asks about the zone, in place of nsd, which has none
	// then: nobody, or a server that does not know it. "nsd" is nsd itself.
	Elsewhere string
	// Forge changes the zone's file after it was signed; nil: nothing.
	Forge func(file string) string
}

// StartDNSSEC starts both in dir. Stop ends them.
func StartDNSSEC(dir string, zones []Zone) (*DNSSEC, error) {
	for program, pkg := range map[string]string{"unbound": "unbound", "nsd": "nsd", "ldns-keygen": "ldnsutils", "ldns-signzone": "ldnsutils"} {
		if _, err := lookPath(program); err != nil {
			return nil, fmt.Errorf("%w: Debian's package %s", ErrMissing, pkg)
		}
	}
	d := &DNSSEC{dir: dir}
	err := d.start(zones)
	if err != nil {
		d.Stop()
		return nil, fmt.Errorf("peer: dnssec: %w", err)
	}
	return d, nil
}

// lookPath finds programs of administrators too.
func lookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

// Stop ends them and waits.
func (d *DNSSEC) Stop() {
	for _, end := range d.ends {
		end()
	}
	d.ends = nil
}

// Authority returns where nsd answers, which asks nobody else.
func (d *DNSSEC) Authority() string { return d.zones }

// Freeze stops the resolver in the midst of whatever it does, so that it is silent, until
// Thaw.
func (d *DNSSEC) Freeze() error { return d.resolver.Signal(syscall.SIGSTOP) }

// Thaw lets the resolver go on.
func (d *DNSSEC) Thaw() error { return d.resolver.Signal(syscall.SIGCONT) }

func (d *DNSSEC) start(zones []Zone) (err error) {
	if d.zones, err = freeDNS(); err != nil {
		return err
	}
	if d.Resolver, err = freeDNS(); err != nil {
		return err
	}
	_, zonesPort, _ := net.SplitHostPort(d.zones)
	_, port, _ := net.SplitHostPort(d.Resolver)
	var nsd, unbound, stubs strings.Builder
	fmt.Fprintf(&nsd, "server:\n ip-address: 127.0.0.1@%s\n username: \"\"\n chroot: \"\"\n zonesdir: %q\n database: \"\"\n pidfile: %q\n"+
		" xfrdfile: %q\n zonelistfile: %q\n xfrdir: %q\n server-count: 1\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n",
		zonesPort, d.dir, d.file("nsd.pid"), d.file("xfrd.state"), d.file("zone.list"), d.dir)
	fmt.Fprintf(&unbound, "server:\n interface: 127.0.0.1@%s\n access-control: 127.0.0.0/8 allow\n username: \"\"\n chroot: \"\"\n directory: %q\n pidfile: %q\n"+
		" use-syslog: no\n do-daemonize: no\n do-ip6: no\n do-not-query-localhost: no\n module-config: \"validator iterator\"\n val-log-level: 2\n"+
		" num-threads: 1\n outgoing-range: 64\n num-queries-per-thread: 32\n", port, d.dir, d.file("unbound.pid"))
	stub := func(name, port string) {
		fmt.Fprintf(&stubs, "stub-zone:\n name: %q\n stub-addr: 127.0.0.1@%s\n", name, port)
	}
	stub(".", zonesPort) // it asks nobody on the Internet
	var served []Zone
	for _, z := range zones {
		if _, port, err := net.SplitHostPort(strings.ReplaceAll(z.Elsewhere, "nsd", d.zones)); err == nil {
			stub(z.Name, port)
			continue
		}
		served = append(served, z)
		anchor, err := d.write(z)
		if err != nil {
			return fmt.Errorf("zone %s: %w", z.Name, err)
		}
		fmt.Fprintf(&nsd, "zone:\n name: %q\n zonefile: %q\n", z.Name, z.Name+".zone")
		if anchor != "" {
			fmt.Fprintf(&unbound, " trust-anchor: %q\n", anchor)
		}
		stub(z.Name, zonesPort)
	}
	if err := d.run("nsd", nsd.String(), d.zones, served); err != nil {
		return err
	}
	return d.run("unbound", unbound.String()+stubs.String(), d.Resolver, nil)
}

func (d *DNSSEC) file(name string) string { return filepath.Join(d.dir, name) }

// write writes a zone's file, signed as it is to be, and returns the key to trust.
func (d *DNSSEC) write(z Zone) (anchor string, err error) {
	name := z.Name + ".zone"
	text := fmt.Sprintf("$ORIGIN %s.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n%s\n", z.Name, z.Text)
	if err := os.WriteFile(d.file(name), []byte(text), 0o600); err != nil || z.Unsigned {
		return "", err
	}
	key, err := d.tool("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", z.Name)
	if err != nil {
		return "", err
	}
	if _, err := d.tool("ldns-signzone", "-o", z.Name, "-f", name+".signed", name, key); err != nil {
		return "", err
	}
	signed, err := os.ReadFile(d.file(name + ".signed"))
	if err != nil {
		return "", err
	}
	if z.Forge != nil {
		forged := z.Forge(string(signed))
		if forged == string(signed) {
			return "", errors.New("nothing was forged")
		}
		signed = []byte(forged)
	}
	if err := os.WriteFile(d.file(name), signed, 0o600); err != nil {
		return "", err
	}
	b, err := os.ReadFile(d.file(key + ".key"))
	anchor, _, _ = strings.Cut(string(b), ";")
	return strings.Join(strings.Fields(anchor), " "), err
}

// tool runs one of ldnsutils and returns what it says.
func (d *DNSSEC) tool(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.WaitDelay = d.dir, 5*time.Second
	var out, failed bytes.Buffer
	c.Stdout, c.Stderr = &out, &failed
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, failed.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// run starts a server with its configuration and returns once it answers.
func (d *DNSSEC) run(name, config, addr string, zones []Zone) error {
	path, err := lookPath(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.file(name+".conf"), []byte(config), 0o600); err != nil {
		return err
	}
	c := exec.Command(path, "-d", "-c", d.file(name+".conf"))
	out := &output{}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		return err
	}
	if name == "unbound" {
		d.resolver = c.Process
	}
	ended := make(chan struct{})
	go func() {
		c.Wait()
		close(ended)
	}()
	d.ends = append(d.ends, func() { stop(c.Process, ended) })
	if err := answers(addr, zones, ended); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// stop asks a process to end, and makes it where it does not.
func stop(p *os.Process, ended <-chan struct{}) {
	p.Signal(syscall.SIGCONT) // what is frozen hears nothing
	p.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		p.Kill()
		<-ended
	}
}

// output is what a process says, read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// answers returns once a server answers, for zones with what they hold.
func answers(addr string, zones []Zone, ended <-chan struct{}) error {
	names := []string{"."}
	for _, z := range zones {
		names = append(names, z.Name+".")
	}
	client := dns.Client{Timeout: time.Second}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		for len(names) > 0 {
			m, _, err := client.Exchange(new(dns.Msg).SetQuestion(names[0], dns.TypeSOA), addr)
			if err != nil || names[0] != "." && len(m.Answer) == 0 {
				break
			}
			names = names[1:]
		}
		if len(names) == 0 {
			return nil
		}
		select {
		case <-ended:
			return errors.New("it ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("no answer about %s at %s within 20 s", names[0], addr)
}

// freeDNS returns an address on loopback that is free for both of DNS' protocols at
// the moment.
func freeDNS() (string, error) {
	for range 20 {
		addr, err := vacant.Addr()
		if err != nil {
			return "", err
		}
		if p, err := net.ListenPacket("udp", addr); err == nil {
			p.Close()
			return addr, nil
		}
	}
	return "", errors.New("no free port")
}
