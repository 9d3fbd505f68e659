package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A Listener is one address at which a protocol is served. In the file it is host:port,
// or a mapping with the keys below.
type Listener struct {
	Address  string         // host:port
	Name     string         // what banner, EHLO and Received call the node there; "": Hostname
	Networks []netip.Prefix // whose clients are let in; none: everybody
	Domain   string         // of log-ins that name none; "": none
	// Certificate is whose certificate is shown there to who asks for no name that there is one for; "": Name's, else the node's own.
	Certificate string

	at place // in the file
}

// Certificates returns the names whose certificates listeners are to show.
func (l Listen) Certificates() (names []string) {
	for _, p := range l.Protocols() {
		for _, one := range p.Listeners {
			if one.Certificate != "" {
				names = append(names, one.Certificate)
			}
		}
	}
	return names
}

// maxListeners bounds how many listeners a protocol has.
const maxListeners = 20

// Addresses returns where listeners listen.
func Addresses(list []Listener) []string {
	addresses := make([]string, len(list))
	for i, l := range list {
		addresses[i] = l.Address
	}
	return addresses
}

// A Protocol is one of the settings below listen, with what it has.
type Protocol struct {
	Name      string // "smtp"
	Listeners []Listener
}

// Protocols returns all that can be listened for.
func (l Listen) Protocols() []Protocol {
	return []Protocol{
		{"smtp", l.SMTP}, {"submission", l.Submission}, {"smtps", l.SMTPS}, {"imap", l.IMAP}, {"imaps", l.IMAPS},
		{"pop3", l.POP3}, {"pop3s", l.POP3S}, {"sieve", l.Sieve}, {"web", l.Web}, {"webs", l.Webs}, {"dns", l.DNS},
	}
}

// takes reports whether a key of a listener means something for a protocol.
func takes(protocol, key string) bool {
	switch key {
	case "name":
		return slices.Contains([]string{"smtp", "submission", "smtps"}, protocol)
	case "domain":
		return slices.Contains([]string{"submission", "smtps", "imap", "imaps", "pop3", "pop3s", "sieve"}, protocol)
	case "certificate":
		return protocol != "web" && protocol != "dns"
	case "networks":
		return protocol != "dns" // dnsbl_zone.allow says it
	}
	return key == "address"
}

// listenerKeys are those that a protocol's listeners take.
func listenerKeys(protocol string) []string {
	return slices.DeleteFunc([]string{"address", "name", "networks", "domain", "certificate"}, func(key string) bool { return !takes(protocol, key) })
}

// listenerList reads the value of a setting below listen; a text is the short form of flags.
func (l *loader) listenerList(file, protocol string, n *yaml.Node) any {
	if n.Kind != yaml.SequenceNode {
		return l.value(place{file, n.Line}, "listen."+protocol, n)
	}
	list := []any{}
	for _, item := range n.Content {
		at := place{file, item.Line}
		if item.Kind == yaml.MappingNode {
			list = append(list, l.listener(file, protocol, item))
			continue
		}
		var address string
		if err := item.Decode(&address); err != nil || item.Kind != yaml.ScalarNode {
			l.problems.add(at, "listen.%s: a listener is host:port, or a mapping with address", protocol)
			continue
		}
		list = append(list, Listener{Address: address, at: at})
	}
	return list
}

// listener reads the long form.
func (l *loader) listener(file, protocol string, n *yaml.Node) Listener {
	found := Listener{at: place{file, n.Line}}
	for key, value := range l.pairs(file, "a listener", n) {
		at := place{file, key.Line}
		keys := listenerKeys(protocol)
		switch {
		case !takes(protocol, key.Value):
			l.problems.add(at, "listen.%s: unknown key %q in a listener%s", protocol, key.Value, pipeline.Suggest(key.Value, keys))
		case key.Value == "address":
			found.Address = l.text(at, key.Value, value)
		case key.Value == "name":
			found.Name = convert(l, at, key.Value, value, mail.ParseDomain)
		case key.Value == "domain":
			found.Domain = convert(l, at, key.Value, value, mail.ParseDomain)
		case key.Value == "certificate":
			found.Certificate = convert(l, at, key.Value, value, mail.ParseDomain)
		case key.Value == "networks":
			found.Networks = l.networkList(file, value)
		}
	}
	return found
}

func (l *loader) networkList(file string, n *yaml.Node) (list []netip.Prefix) {
	for _, item := range l.items(file, "networks", n) {
		list = append(list, convert(l, place{file, item.Line}, "networks", item, parsePrefix))
	}
	if len(list) == 0 {
		l.problems.add(place{file, n.Line}, "networks: none are let in: leave it out where all are")
	}
	return list
}

// listeners checks the addresses to listen on, each and against each other.
func (l *loader) listeners() {
	taken := map[string]string{}
	for _, p := range l.cfg.Listen.Protocols() {
		path := "listen." + p.Name
		if len(p.Listeners) > maxListeners {
			l.wrong(path, "more than %d listeners", maxListeners)
		}
		for i := range p.Listeners {
			own := &p.Listeners[i]
			at := own.at
			if at == (place{}) {
				at = l.from[path]
			}
			own.at = place{}
			_, port, err := net.SplitHostPort(own.Address)
			if err != nil || !isPort(port) {
				l.problems.add(at, "%s: %q is not an address to listen on such as 127.0.0.1:2525 or :25", path, own.Address)
			} else if other := taken[own.Address]; other != "" && port != "0" {
				l.problems.add(at, "%s: %s is taken by %s", path, own.Address, other)
			}
			taken[own.Address] = path
		}
	}
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
