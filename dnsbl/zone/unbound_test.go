package zone

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gatepost/dnsbl"
)

// TestThroughUnbound asks through a resolver that asks label by label (RFC 9156) and believes
// that below a name which does not exist there is none (RFC 8020). It is asked first about
// what is not listed, so that it could remember too much.
func TestThroughUnbound(t *testing.T) {
	addr, _ := serve(t, example())
	r := resolverOf(startUnbound(t, addr))
	l, err := dnsbl.NewList("bl.example.org", "deny", 1, false, []string{"127.0.0.2-4"})
	if err != nil {
		t.Fatal(err)
	}
	d := l
	d.Kind = dnsbl.Domain
	for _, c := range []struct {
		about string
		want  dnsbl.State
	}{
		{"192.0.3.7", dnsbl.Miss}, {"192.0.2.7", dnsbl.Hit}, {"198.51.100.1", dnsbl.Miss},
		{"2.0.0.1", dnsbl.Miss}, {"2001:db9::1", dnsbl.Miss}, {"2001:db8::1", dnsbl.Hit},
		{"deep.example", dnsbl.Miss}, {"good.deep.example", dnsbl.Miss}, {"mail.deep.example", dnsbl.Hit},
		{"example", dnsbl.Miss}, {"evil.example", dnsbl.Hit}, {"spam.example", dnsbl.Miss}, {"a.b.spam.example", dnsbl.Hit},
	} {
		a := dnsbl.Ask(t.Context(), r, []dnsbl.List{d}, dnsbl.Subject{Domains: []string{c.about}})[0]
		if ip, err := netip.ParseAddr(c.about); err == nil {
			a = dnsbl.Ask(t.Context(), r, []dnsbl.List{l}, dnsbl.Subject{Addr: ip})[0]
		}
		if a.State != c.want {
			t.Errorf("%s: %s", c.about, a)
		}
	}
	for _, l := range []dnsbl.List{l, d} {
		if err := l.Probe(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
}

// startUnbound starts a resolver that knows one zone, and returns where it answers.
func startUnbound(t *testing.T, zone string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		t.Skip(err)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = c.LocalAddr().String()
	c.Close()
	_, port, _ := net.SplitHostPort(addr)
	_, zonePort, _ := net.SplitHostPort(zone)
	dir := t.TempDir()
	file := filepath.Join(dir, "unbound.conf")
	conf := fmt.Sprintf("server:\n interface: 127.0.0.1@%s\n username: \"\"\n chroot: \"\"\n directory: %q\n pidfile: \"\"\n use-syslog: no\n do-daemonize: no\n"+
		" do-ip6: no\n do-not-query-localhost: no\n module-config: \"iterator\"\n num-threads: 1\n outgoing-range: 64\n num-queries-per-thread: 32\n"+
		" qname-minimisation: yes\n qname-minimisation-strict: yes\n harden-below-nxdomain: yes\n local-zone: \"example.\" nodefault\n local-zone: \"test.\" nodefault\n"+
		"stub-zone:\n name: \"bl.example.org\"\n stub-addr: 127.0.0.1@%s\n", port, dir, zonePort)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command(path, "-d", "-c", file)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for range 2000 {
		if _, err := dns.Exchange(new(dns.Msg).SetQuestion("bl.example.org.", dns.TypeSOA), addr); err == nil {
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("unbound does not answer")
	return ""
}
