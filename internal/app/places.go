package app

import (
	"fmt"
	"net/netip"
	"slices"

	"gatepost/internal/mail"
)

// places is where people who don't run the node may have it reach servers: the Internet, on some ports. Elsewhere are the node's
// own network, and what lets in whoever comes from there.
type places struct {
	portSetting string // that has the ports
	ports       []int
	setting     string         // that has the networks
	networks    []netip.Prefix // that are fine though they are not public
}

// refuse says why an address is none of them; "": it is one.
func (p places) refuse(at netip.AddrPort) string {
	if !slices.Contains(p.ports, int(at.Port())) {
		return fmt.Sprintf("port %d is not among %s", at.Port(), p.portSetting)
	}
	addr := mail.Unmap(at.Addr())
	if slices.ContainsFunc(p.networks, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return ""
	}
	if !mail.IsPublic(addr) || onThisMachine(addr) {
		return fmt.Sprintf("%s is not public, and not in %s", addr, p.setting)
	}
	return ""
}
