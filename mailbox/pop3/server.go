// Package pop3 serves the inbox of a mailbox by POP3 (RFC 1939), with CAPA (RFC 2449), STLS (RFC
// 2595), AUTH (RFC 5034), UTF8 (RFC 6856) and response codes (RFC 2449 §8, RFC 3206).
//
// RFC 1939 asks for a lock on the mailbox, so that a second client is sent away. Here each
// session has the inbox as it was at its log-in, and nobody is sent away: what DELE marks is
// expunged at QUIT, and what is gone by then is gone already. A message that another session
// expunged can't be read any more; the client hears so, and finds it missing next time. Unique
// ids are those of IMAP, UIDVALIDITY and UID, and are never given again.
package pop3

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/door"
	"gatepost/mailbox"
)

// A Store is the mailstore, in the roles that POP3 needs.
type Store interface {
	mailbox.Boxes
	mailbox.Folders
	mailbox.Reader
	mailbox.Writer
}

// Bodies opens the octets of messages; a blob.Store is one.
type Bodies interface {
	Open(ctx context.Context, id blob.ID) (blob.Content, error)
}

// A Server serves POP3 on any number of listeners. Set its fields before the first Serve; those
// marked optional may stay zero.
type Server struct {
	Store   Store
	Bodies  Bodies
	Auth    door.Authenticator
	Changes *mailbox.Changes
	Log     *slog.Logger
	TLS     *tls.Config // optional: offers STLS on listeners in the clear
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
	BadCommands int           // in a row, then the connection ends (10)
	FailedLogin time.Duration // how long the first failed log-in waits; each further one once more (1 s)
	Login       time.Duration // to log in (2 min)
	Idle        time.Duration // between two commands; RFC 1939 §3 asks for 10 min (10 min)
	Messages    int           // of an inbox that a session sees: the oldest ones (1,000,000)
}

func (l Limits) usual() Limits {
	l.BadCommands = cmp.Or(l.BadCommands, 10)
	l.FailedLogin = cmp.Or(l.FailedLogin, time.Second)
	l.Idle = cmp.Or(l.Idle, 10*time.Minute)
	l.Messages = cmp.Or(l.Messages, 1_000_000)
	return l
}

// Serve accepts connections from l until Shutdown, or until ctx is done; then it
// returns nil. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.open().Serve(ctx, l) }

// Shutdown stops accepting, lets each connection finish its command, and waits for them until
// ctx is done; then it closes them and returns ctx's error. What was marked is not expunged: the
// client has not said QUIT.
func (s *Server) Shutdown(ctx context.Context) error { return s.open().Shutdown(ctx) }

func (s *Server) open() *door.Door {
	s.opened.Do(func() {
		s.door = &door.Door{
			Protocol: "pop3", Log: s.Log, TLS: s.TLS, Refuse: s.Refuse, Keys: s.Keys, Ended: s.Ended, ProxyTrusted: s.ProxyTrusted, Places: s.Places,
			Limits: door.Limits{Connections: s.Limits.Connections, PerIP: s.Limits.PerIP, Login: s.Limits.Login},
			TurnedAway: func(r door.Refusal, reason string) string {
				if r == door.Banned {
					return "-ERR [SYS/PERM] " + reason + "\r\n"
				}
				return "-ERR [SYS/TEMP] " + reason + "\r\n"
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

// A message is one as the session numbers it.
type message struct {
	uid     mailbox.UID
	size    int64
	deleted bool // at QUIT
	read    bool
}

// Snapshots are read by so many rows at once.
const rows = 500

// snapshot reads the inbox as it is now, with the sizes of its messages.
func (s *Server) snapshot(ctx context.Context, box int64, limit int) (mailbox.Folder, []message, error) {
	inbox, err := s.Store.Folder(ctx, box, "INBOX")
	if err != nil {
		return mailbox.Folder{}, nil, err
	}
	var list []message
	inbox, err = s.Store.Index(ctx, inbox.ID, func(e mailbox.Entry) {
		if len(list) < limit {
			list = append(list, message{uid: e.UID})
		}
	})
	if err != nil {
		return inbox, nil, err
	}
	kept := list[:0]
	for at := 0; at < len(list); at += rows {
		some := list[at:min(at+rows, len(list))]
		set := mailbox.UIDSet{}
		for _, m := range some {
			set = set.Add(m.uid)
		}
		found, err := s.Store.Messages(ctx, inbox.ID, set, mailbox.Row)
		if err != nil {
			return inbox, nil, err
		}
		for _, f := range found { // what was expunged meanwhile is not among them
			kept = append(kept, message{uid: f.UID, size: f.Size})
		}
	}
	return inbox, kept, nil
}
