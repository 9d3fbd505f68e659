// Package managesieve lets the owner of a mailbox keep Sieve scripts by ManageSieve (RFC 5804),
// as mail programs do that edit rules: what is put here is what the web writes and what the
// delivery runs.
//
// A script is compiled when it comes, and refused with the line and the fault of each of its
// errors; what is stored can run. So the active script never breaks by being replaced.
package managesieve

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox"
)

// A Server serves ManageSieve on any number of listeners. Set its fields before the first Serve;
// those marked optional may stay zero.
type Server struct {
	Boxes   mailbox.Boxes
	Scripts mailbox.Scripts
	Auth    door.Authenticator
	Log     *slog.Logger
	TLS     *tls.Config // optional: offers STARTTLS on listeners in the clear
	// Language is of the folders of a new mailbox.
	Language     string // optional
	Limits       Limits // optional, each of them
	Now          func() time.Time
	Refuse       func(client netip.Addr) string             // optional: see door.Door
	Keys         func(box int64) []uint64                   // optional: see door.Door
	Ended        func() func(box int64, keys []uint64) bool // optional: see door.Door
	ProxyTrusted []netip.Prefix                             // optional
	Places       *door.Places                               // optional: see door.Door

	opened sync.Once
	door   *door.Door
}

// Limits bound what clients may take. A zero field stands for its default.
type Limits struct {
	Connections int           // at once (2000)
	PerIP       int           // at once from one address that have not logged in (100)
	PerLogin    int           // at once into one mailbox (50)
	BadCommands int           // in a row, then the connection ends (10)
	FailedLogin time.Duration // how long the first failed log-in waits; each further one once more (1 s)
	Login       time.Duration // to log in (2 min)
	Idle        time.Duration // between two commands; RFC 5804 §1.2 asks for 30 min (30 min)
}

func (l Limits) usual() Limits {
	l.BadCommands = cmp.Or(l.BadCommands, 10)
	l.FailedLogin = cmp.Or(l.FailedLogin, time.Second)
	l.Idle = cmp.Or(l.Idle, 30*time.Minute)
	return l
}

// Serve accepts connections from l until Shutdown, or until ctx is done; then it
// returns nil. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.open().Serve(ctx, l) }

// Shutdown stops accepting, lets each connection finish its command, and waits for them until
// ctx is done; then it closes them and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error { return s.open().Shutdown(ctx) }

func (s *Server) open() *door.Door {
	s.opened.Do(func() {
		s.door = &door.Door{
			Protocol: "sieve", Log: s.Log, TLS: s.TLS, Refuse: s.Refuse, Keys: s.Keys, Ended: s.Ended, ProxyTrusted: s.ProxyTrusted, Places: s.Places,
			Limits: door.Limits{Connections: s.Limits.Connections, PerIP: s.Limits.PerIP, PerLogin: s.Limits.PerLogin, Login: s.Limits.Login},
			TurnedAway: func(r door.Refusal, reason string) string {
				if r == door.Banned {
					return "BYE " + quote(reason) + "\r\n"
				}
				return "BYE (TRYLATER) " + quote(reason) + "\r\n"
			},
			Session: func(ctx context.Context, c *door.Conn) { newSession(s, c).serve(ctx) },
		}
	})
	return s.door
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
