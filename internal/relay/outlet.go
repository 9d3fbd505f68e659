package relay

import (
	"hash/fnv"
	"io"
	"net/netip"

	"gatepost/internal/queue"
)

// An Outlet is from where some mail leaves.
type Outlet struct {
	Addrs []netip.Addr // one of each family at most
	Name  string       // in EHLO; "": Config.Hostname
}

// through has targets reached from the outlets of a job: of those with an address of a target's family always the
// same for one destination, so that connections are used again and servers see the same. A target of a family
// that none of them has is none: mail does not leave by another's address.
func (r *Relay) through(job queue.Job, targets []target) ([]target, error) {
	kind, name := job.Destination.Split()
	if r.c.Outlets == nil || kind != "mx" {
		return targets, nil
	}
	outlets := r.c.Outlets(job)
	if len(outlets) == 0 {
		return targets, nil
	}
	sum := fnv.New32a()
	io.WriteString(sum, name)
	var list []target
	for _, t := range targets {
		var fit []target
		for _, o := range outlets {
			for _, a := range o.Addrs {
				if a.Is4() == t.addr.Addr().Is4() {
					t.source, t.hello = a, o.Name
					fit = append(fit, t)
				}
			}
		}
		if len(fit) > 0 {
			list = append(list, fit[sum.Sum32()%uint32(len(fit))])
		}
	}
	if len(list) == 0 {
		return nil, &noWay{"4.4.3", "the servers of " + name + " have no address of the kind (IPv4, IPv6) that this mail is sent from: sending_addresses"}
	}
	return list, nil
}
