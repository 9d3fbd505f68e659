package app

import (
	"context"
	"fmt"
	"net"
	"slices"

	"gatepost/internal/config"
	"gatepost/internal/queue"
	"gatepost/internal/relay"
)

// A leaving is which mail has sending addresses of its own: that of a domain here, or what is sent on; the
// zero one has none.
type leaving struct {
	domain   string
	forwards bool
}

// leavingOf tells of a transfer which sending addresses are for it. Mail of others goes on under a return path
// of ours (SRS).
func (a *App) leavingOf(t *queue.Transfer) leaving {
	list := a.config.Load().SendingAddresses
	if len(list) == 0 {
		return leaving{}
	}
	forwards := slices.ContainsFunc(list, func(s config.SendingAddress) bool { return s.Forwards })
	if _, err := a.srs.Reverse(t.Message.Sender); err == nil && forwards {
		return leaving{forwards: true}
	}
	domain := a.carriers.sentBy(t)
	if slices.ContainsFunc(list, func(s config.SendingAddress) bool { return slices.Contains(s.Domains, domain) }) {
		return leaving{domain: domain}
	}
	return leaving{}
}

// outlets are from where a job leaves, all of whose transfers leave alike.
func (a *App) outlets(job queue.Job) (list []relay.Outlet) {
	way := a.leavingOf(job.Transfers[0])
	if way == (leaving{}) {
		return nil
	}
	for _, s := range a.config.Load().SendingAddresses {
		if way.forwards && s.Forwards || way.domain != "" && slices.Contains(s.Domains, way.domain) {
			list = append(list, relay.Outlet{Addrs: s.Addresses, Name: s.Name})
		}
	}
	return list
}

// missingAddresses tells which sending addresses the machine has not.
func missingAddresses(c *config.Config) error {
	for _, s := range c.SendingAddresses {
		for _, addr := range s.Addresses {
			l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(addr.String(), "0"))
			if err != nil {
				return fmt.Errorf("app: sending_addresses: line %d: this machine has no address %v to send from (%w): give it one, or take it out", s.Line, addr, err)
			}
			l.Close()
		}
	}
	return nil
}
