package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/queue"
)

// A noWay says why there is no server to try.
type noWay struct {
	enhanced string // of RFC 3463; class 5 is for good
	text     string
}

func (n *noWay) Error() string   { return n.text }
func (n *noWay) permanent() bool { return n.enhanced[0] == '5' }

// Bounds of what one attempt tries.
const (
	maxServers = 5  // of a destination
	maxTargets = 10 // addresses of them
)

// targets returns the addresses of a destination in the order in which they are to
// be tried, at least one.
func (r *Relay) targets(ctx context.Context, d queue.Destination) ([]target, error) {
	kind, name := d.Split()
	var found []target
	var err error
	switch kind {
	case "mx":
		found, err = r.byMX(ctx, name)
	case "domain", "host":
		found, err = r.byHosts(ctx, d)
	default:
		err = fmt.Errorf("destination %q is none of this relay's", d)
	}
	return found[:min(len(found), maxTargets)], err
}

// byMX finds the servers of a domain elsewhere (RFC 5321 §5.1).
func (r *Relay) byMX(ctx context.Context, domain string) ([]target, error) {
	if literal, ok := strings.CutPrefix(domain, "["); ok { // RFC 5321 §4.1.3
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(literal, "IPv6:"), "]"))
		if err != nil {
			return nil, &noWay{"5.1.2", domain + " is no address"}
		}
		if t := (target{addr: netip.AddrPortFrom(a, uint16(r.c.Port))}); !r.isUs(t) {
			return []target{t}, nil
		}
		return nil, loop(domain)
	}
	list, err := r.c.Resolver.LookupMX(ctx, domain)
	switch {
	case err != nil && !absent(err):
		return nil, &noWay{"4.4.3", "looking up the mail servers of " + domain + ": " + err.Error()}
	case err != nil: // RFC 5321 §5.1: without an MX record the domain is its own server
		list = []*net.MX{{Host: domain}}
	case len(list) == 1 && (list[0].Host == "." || list[0].Host == ""): // RFC 7505 §4.2
		return nil, &noWay{"5.1.10", domain + " takes no mail (its MX record says so)"}
	}
	shuffleEqual(list)
	found, us, failed := r.servers(ctx, list)
	switch {
	case us && len(found) == 0:
		return nil, loop(domain)
	case len(found) == 0:
		return nil, noAddress(domain, err != nil, failed)
	}
	return found, nil
}

// servers looks up the addresses of the servers of a list, in its order. Where one of
// them is us, those that are no better are no way but through us (RFC 5321 §5.1).
func (r *Relay) servers(ctx context.Context, list []*net.MX) (found []target, us bool, failed error) {
	better := 0 // of found: of a lower preference than the server looked at
	for i, mx := range list[:min(len(list), maxServers)] {
		if i > 0 && mx.Pref > list[i-1].Pref {
			better = len(found)
		}
		host := strings.TrimSuffix(mx.Host, ".")
		addrs, err := r.addresses(ctx, host)
		if err != nil && !absent(err) {
			failed = err
		}
		for _, a := range addrs {
			found = append(found, target{name: host, addr: netip.AddrPortFrom(a, uint16(r.c.Port))})
		}
		if strings.EqualFold(host, r.c.Hostname) || slices.ContainsFunc(found, r.isUs) {
			return found[:better], true, failed
		}
	}
	return found, false, failed
}

// noAddress says why no server of a domain has an address.
func noAddress(domain string, implicit bool, failed error) error {
	switch {
	case failed != nil:
		return &noWay{"4.4.3", "looking up the mail servers of " + domain + ": " + failed.Error()}
	case implicit:
		return &noWay{"5.1.2", "the domain " + domain + " does not exist, or has neither a mail server nor an address"}
	}
	return &noWay{"5.4.4", "none of the mail servers of " + domain + " has an address"}
}

func (r *Relay) isUs(t target) bool { return r.c.Self(t.addr) }

func loop(domain string) error {
	return &noWay{"5.4.6", "the mail server of " + domain + " is this one, which does not know the domain: mail would loop"}
}

// shuffleEqual puts servers of one preference into random order; others stay in theirs.
func shuffleEqual(list []*net.MX) {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
}

// addresses looks up a server's addresses, IPv6 first where it is used.
func (r *Relay) addresses(ctx context.Context, host string) (all []netip.Addr, failed error) {
	networks := []string{"ip4"}
	if r.c.IPv6 {
		networks = []string{"ip6", "ip4"}
	}
	for _, network := range networks {
		found, err := r.c.Resolver.LookupNetIP(ctx, network, host)
		all = append(all, found...)
		if err != nil && (failed == nil || absent(failed)) {
			failed = err
		}
	}
	return all, failed
}

// byHosts returns the addresses of mail hosts: the best priority first, equal ones
// in random order, and last those that could not be reached a moment ago.
func (r *Relay) byHosts(ctx context.Context, d queue.Destination) ([]target, error) {
	hosts, err := r.c.Router.Hosts(d)
	if err != nil {
		return nil, &noWay{"4.3.5", err.Error()}
	}
	hosts = slices.Clone(hosts)
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(r.health.resting(a.Name), r.health.resting(b.Name)), cmp.Compare(a.Priority, b.Priority))
	})
	var found []target
	var failed error
	for _, h := range hosts {
		list, err := r.hostTargets(ctx, h)
		if err != nil {
			failed = err
			r.health.note(target{name: h.Address, host: h.Name}, err)
		}
		found = append(found, list...)
	}
	if len(found) == 0 {
		return nil, &noWay{"4.4.3", fmt.Sprintf("no mail host of %s has an address: %v", d, failed)}
	}
	return found, nil
}

func (r *Relay) hostTargets(ctx context.Context, h Host) ([]target, error) {
	name, port, err := net.SplitHostPort(h.Address)
	if err != nil {
		return nil, fmt.Errorf("mail host %s: %w", h.Name, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("mail host %s: port %q", h.Name, port)
	}
	t := target{host: h.Name, lmtp: h.LMTP, tls: securities()[h.TLS], user: h.User, password: h.Password}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(name); err == nil {
		addrs = append(addrs, a)
	} else {
		t.name = name
		if addrs, err = r.addresses(ctx, name); len(addrs) == 0 {
			return nil, fmt.Errorf("mail host %s: %w", h.Name, err)
		}
	}
	var list []target
	for _, a := range addrs {
		t.addr = netip.AddrPortFrom(a, uint16(number))
		list = append(list, t)
	}
	return list, nil
}

// securities are the words of Host.TLS; any other is none, and means may.
func securities() map[string]security {
	return map[string]security{"never": mustNot, "may": may, "encrypt": encrypt, "verify": verify}
}

// absent reports whether the DNS said that there is nothing.
func absent(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}
