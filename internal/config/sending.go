package config

import (
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A SendingAddress is from where some mail leaves for servers that are found by MX.
type SendingAddress struct {
	Addresses []netip.Addr // one of each family at most
	Name      string       // in EHLO there; "": Hostname
	Domains   []string     // whose mail it is for, in A-labels after Load
	Forwards  bool         // it is for mail of others that is sent on
	Line      int          // where it stands
}

// sendingList is the path of the list.
const sendingList = "sending_addresses"

// maxSending bounds how many there are.
const maxSending = 1000

// sendingAddresses reads the list; what is wrong is told with its line.
func (l *loader) sendingAddresses(file string, n *yaml.Node) (list []SendingAddress) {
	var taken []netip.Addr
	for _, item := range l.items(file, sendingList, n) {
		at := place{file, item.Line}
		if item.Kind != yaml.MappingNode {
			l.problems.add(at, "a sending address is a mapping with addresses, and domains or forwards")
			continue
		}
		s := l.sendingAddress(file, item)
		for _, a := range s.Addresses {
			if slices.Contains(taken, a) {
				l.problems.add(at, "the sending address %v is there already: name all that it is for there", a)
			}
		}
		if len(list) == maxSending {
			l.problems.add(at, "more than %d sending addresses", maxSending)
		}
		taken, list = append(taken, s.Addresses...), append(list, s)
	}
	return list
}

func (l *loader) sendingAddress(file string, n *yaml.Node) SendingAddress {
	s := SendingAddress{Line: n.Line}
	for key, value := range l.pairs(file, "a sending address", n) {
		at := place{file, key.Line}
		switch key.Value {
		case "addresses":
			for _, item := range l.items(file, key.Value, value) {
				s.Addresses = append(s.Addresses, convert(l, at, key.Value, item, parseAddr))
			}
		case "name":
			s.Name = convert(l, at, key.Value, value, mail.ParseDomain)
		case "domains":
			for _, item := range l.items(file, key.Value, value) {
				s.Domains = append(s.Domains, convert(l, at, key.Value, item, mail.ParseDomain))
			}
		case "forwards":
			s.Forwards = convert(l, at, key.Value, value, parseBool)
		default:
			l.problems.add(at, "unknown key %q in a sending address%s", key.Value, pipeline.Suggest(key.Value, []string{"addresses", "name", "domains", "forwards"}))
		}
	}
	four := len(s.Addresses) - len(slices.DeleteFunc(slices.Clone(s.Addresses), netip.Addr.Is4))
	switch at := (place{file, n.Line}); {
	case len(s.Addresses) == 0:
		l.problems.add(at, "a sending address needs addresses")
	case four > 1 || len(s.Addresses)-four > 1:
		l.problems.add(at, "a sending address has one IPv4 and one IPv6 address at most: several for the same mail stand one by one, each with its name")
	case len(s.Domains) == 0 && !s.Forwards:
		l.problems.add(at, "a sending address is for domains, for forwards (true), or for both")
	}
	return s
}
