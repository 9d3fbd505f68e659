package peer

import (
	"fmt"
	"net"
)

// StartNSD starts nsd alone in dir with one unsigned zone and so many processes that answer,
// and returns where it does, host:port. stop ends it and waits.
func StartNSD(dir string, z Zone, processes int) (addr string, stop func(), err error) {
	if _, err := lookPath("nsd"); err != nil {
		return "", nil, fmt.Errorf("%w: Debian's package nsd", ErrMissing)
	}
	d := &DNSSEC{dir: dir}
	if d.zones, err = freeDNS(); err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(d.zones)
	if _, err := d.write(z); err != nil {
		return "", nil, err
	}
	config := fmt.Sprintf("server:\n ip-address: 127.0.0.1@%s\n username: \"\"\n chroot: \"\"\n zonesdir: %q\n database: \"\"\n pidfile: %q\n"+
		" xfrdfile: %q\n zonelistfile: %q\n xfrdir: %q\n server-count: %d\n reuseport: yes\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n"+
		"zone:\n name: %q\n zonefile: %q\n",
		port, d.dir, d.file("nsd.pid"), d.file("xfrd.state"), d.file("zone.list"), d.dir, processes, z.Name, z.Name+".zone")
	if err := d.run("nsd", config, d.zones, []Zone{z}); err != nil {
		d.Stop()
		return "", nil, fmt.Errorf("peer: %w", err)
	}
	return d.zones, d.Stop, nil
}
