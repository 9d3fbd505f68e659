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
// be tried, at least one. missing says why another of its servers can't be tried now.
func (r *Relay) targets(ctx context.Context, d queue.Destination, asks wish) (found []target, missing, err error) {
	kind, name := d.Split()
	switch kind {
	case "mx":
		found, missing, err = r.byMX(ctx, name, asks)
	case "domain", "host":
		found, missing, err = r.byHosts(ctx, d)
	default:
		err = fmt.Errorf("destination %q is none of this relay's", d)
	}
	if asks == required && kind != "mx" { // an admin named those
		for i := range found {
			found[i] = prove(found[i])
		}
	}
	return found[:min(len(found), maxTargets)], missing, err
}

// byMX finds the servers of a domain elsewhere (RFC 5321 §5.1).
func (r *Relay) byMX(ctx context.Context, domain string, asks wish) (found []target, missing, err error) {
	if literal, ok := strings.CutPrefix(domain, "["); ok { // RFC 5321 §4.1.3
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(literal, "IPv6:"), "]"))
		if err != nil {
			return nil, nil, &noWay{"5.1.2", domain + " is no address"}
		}
		if t := (target{addr: netip.AddrPortFrom(a, uint16(r.c.Port))}); !r.isUs(t) {
			if asks == required { // the sender named it
				t = prove(t)
			}
			return []target{t}, nil, nil
		}
		return nil, nil, loop(domain)
	}
	list, w, err := r.lookUpMX(ctx, domain)
	switch {
	case err != nil && !absent(err):
		return nil, nil, &noWay{"4.4.3", "looking up the mail servers of " + domain + ": " + err.Error()}
	case err != nil: // RFC 5321 §5.1: without an MX record the domain is its own server
		list = []*net.MX{{Host: domain}}
	case len(list) == 1 && (list[0].Host == "." || list[0].Host == ""): // RFC 7505 §4.2
		return nil, nil, &noWay{"5.1.10", domain + " takes no mail (its MX record says so)"}
	}
	shuffleEqual(list)
	servers, us, failed := r.servers(ctx, list)
	switch {
	case us && len(servers) == 0:
		return nil, nil, loop(domain)
	case len(servers) == 0:
		return nil, nil, noAddress(domain, err != nil, failed)
	}
	w.wish, w.secure = asks, w.secure && asks != waived
	found, insecure := r.secured(ctx, w, servers)
	if len(found) == 0 {
		return nil, nil, insecure
	}
	return found, cmp.Or(failed, insecure), nil
}

// lookUpMX asks for a domain's servers, and how far DNSSEC vouches for them.
func (r *Relay) lookUpMX(ctx context.Context, domain string) ([]*net.MX, way, error) {
	w := way{domain: domain, at: domain}
	if r.c.DNSSEC == nil {
		list, err := r.c.Resolver.LookupMX(ctx, domain)
		return list, w, err
	}
	list, at, secure, err := r.c.DNSSEC.SecureMX(ctx, domain)
	w.at, w.secure = at, secure
	return list, w, err
}

// servers looks up the addresses of the servers of a list, in its order. Where one of
// them is us, those that are no better are no way but through us (RFC 5321 §5.1).
func (r *Relay) servers(ctx context.Context, list []*net.MX) (found []located, us bool, failed error) {
	better := 0 // of found: of a lower preference than the server looked at
	for i, mx := range list[:min(len(list), maxServers)] {
		if i > 0 && mx.Pref > list[i-1].Pref {
			better = len(found)
		}
		s, err := r.locate(ctx, strings.TrimSuffix(mx.Host, "."))
		if err != nil && !absent(err) && len(s.addrs) == 0 {
			failed = err
		}
		if len(s.addrs) > 0 {
			found = append(found, s)
		}
		if strings.EqualFold(s.name, r.c.Hostname) || slices.ContainsFunc(r.addressed(target{}, s.addrs), r.isUs) {
			return found[:better], true, failed
		}
	}
	return found, false, failed
}

// addressed is a target at each of a server's addresses.
func (r *Relay) addressed(t target, addrs []netip.Addr) (list []target) {
	for _, a := range addrs {
		t.addr = netip.AddrPortFrom(a, uint16(r.c.Port))
		list = append(list, t)
	}
	return list
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

// locate looks up a server's addresses, IPv6 first where it is used.
func (r *Relay) locate(ctx context.Context, host string) (s located, failed error) {
	networks := []string{"ip4"}
	if r.c.IPv6 {
		networks = []string{"ip6", "ip4"}
	}
	s = located{name: host, at: host, secure: r.c.DNSSEC != nil}
	for _, network := range networks {
		found, at, secure, err := r.lookUpIP(ctx, network, host)
		s.addrs = append(s.addrs, found...)
		if len(found) > 0 {
			s.at, s.secure = at, s.secure && secure
		}
		if err != nil && (failed == nil || absent(failed)) {
			failed = err
		}
	}
	return s, failed
}

func (r *Relay) lookUpIP(ctx context.Context, network, host string) (found []netip.Addr, at string, secure bool, err error) {
	if r.c.DNSSEC != nil {
		return r.c.DNSSEC.SecureNetIP(ctx, network, host)
	}
	found, err = r.c.Resolver.LookupNetIP(ctx, network, host)
	return found, host, false, err
}

// byHosts returns the addresses of mail hosts: the best priority first, equal ones
// in random order, and last those that could not be reached a moment ago.
func (r *Relay) byHosts(ctx context.Context, d queue.Destination) (found []target, missing, err error) {
	hosts, err := r.c.Router.Hosts(d)
	if err != nil {
		return nil, nil, &noWay{"4.3.5", err.Error()}
	}
	hosts = slices.Clone(hosts)
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(r.health.resting(a.Name), r.health.resting(b.Name)), cmp.Compare(a.Priority, b.Priority))
	})
	for _, h := range hosts {
		list, err := r.hostTargets(ctx, h)
		if err != nil {
			missing = err
			r.health.note(target{name: h.Address, host: h.Name}, err)
		}
		found = append(found, list...)
	}
	if len(found) == 0 {
		return nil, nil, &noWay{"4.4.3", fmt.Sprintf("no mail host of %s has an address: %v", d, missing)}
	}
	return found, missing, nil
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
	t := target{host: h.Name, lmtp: h.LMTP, tls: securities()[h.TLS], user: h.User, password: h.Password, bounded: h.Bounded}
	if t.tls == verify {
		t.level = levelVerified
	}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(name); err == nil {
		addrs = append(addrs, a)
	} else {
		t.name = name
		s, err := r.locate(ctx, name)
		if addrs = s.addrs; len(addrs) == 0 {
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
