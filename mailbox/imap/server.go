package imap

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/door"
	"gatepost/mailbox"
)

// A Store is the mailstore, in all the roles that package mailbox names.
type Store interface {
	mailbox.Boxes
	mailbox.Folders
	mailbox.FolderEditor
	mailbox.Held
	mailbox.Subscriptions
	mailbox.Reader
	mailbox.Writer
	mailbox.Copier
	mailbox.Historian
	mailbox.Pager
	mailbox.Gauge
	mailbox.TextFinder
}

// Bodies keeps the octets of messages; a blob.Store is one.
type Bodies interface {
	Put(ctx context.Context, r io.Reader, size int64) (blob.ID, error)
	Open(ctx context.Context, id blob.ID) (blob.Content, error)
}

// A Server serves IMAP on any number of listeners. Set its fields before the
// first Serve; those marked optional may stay zero.
type Server struct {
	Store    Store
	Bodies   Bodies
	Auth     door.Authenticator
	Changes  *mailbox.Changes
	Releaser Releaser // optional: without one no mailbox is given a folder of what is held
	Sorter   Sorter   // optional: hears what owners put into other folders
	Sharing  Sharing  // optional: with People, others' folders are served
	People   People
	// Give is optional: it is Sharing.SetGrant that also tells who is given something.
	Give func(context.Context, Offer, mailbox.How) (before, after mailbox.Rights, err error)
	// HideOffered has others' folders listed only once they are accepted, but for groups' and archives.
	HideOffered bool
	Quotas      Quotas  // optional: bounds what mailboxes hold
	Auditor     Auditor // optional: without one nobody reads archives
	Log         *slog.Logger
	TLS         *tls.Config      // optional: offers STARTTLS on listeners in the clear
	Spool       string           // optional: directory for large messages on their way in
	Language    string           // optional: of the folders of a new mailbox
	Limits      Limits           // optional, each of them
	Now         func() time.Time // optional: the clock that INTERNALDATE is read from

	// Refuse is optional: it says why a client may not even connect, in one line; "" lets
	// it in. It must not wait. A session that is open goes on.
	Refuse func(client netip.Addr) string

	Keys  func(box int64) []uint64                   // optional: see door.Door
	Ended func() func(box int64, keys []uint64) bool // optional: see door.Door

	// ProxyTrusted are the peers that speak the PROXY protocol, and must: who they say
	// their client is counts as the peer. On listeners of TLS the header comes before it.
	ProxyTrusted []netip.Prefix // optional
	Places       *door.Places   // optional: see door.Door

	remembered recollection // of large folders
	searches   searchGate

	opened sync.Once
	door   *door.Door
}

// Serve accepts connections from l until Shutdown, or until ctx is done; then it
// returns nil. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.open().Serve(ctx, l) }

// Shutdown stops accepting, lets each connection finish its command and say BYE,
// and waits for them until ctx is done; then it closes them and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error { return s.open().Shutdown(ctx) }

// open makes the door through which clients come.
func (s *Server) open() *door.Door {
	s.opened.Do(func() {
		l := s.limits()
		s.door = &door.Door{
			Protocol: "imap", Log: s.Log, TLS: s.TLS, Refuse: s.Refuse, Keys: s.Keys, Ended: s.Ended, ProxyTrusted: s.ProxyTrusted, Places: s.Places,
			Limits:     door.Limits{Connections: l.Connections, PerIP: l.PerIP, PerLogin: l.PerLogin, Header: l.Header, Login: l.Login, Write: l.Data},
			TurnedAway: turnedAway,
			Session:    func(ctx context.Context, c *door.Conn) { newConn(s, c).serve(ctx) },
		}
	})
	return s.door
}

// turnedAway: RFC 9051 §7.1.5, with the codes of RFC 5530 §3.
func turnedAway(r door.Refusal, reason string) string {
	code := "UNAVAILABLE"
	if r == door.Banned {
		code = "CONTACTADMIN"
	}
	return "* BYE [" + code + "] " + reason + "\r\n"
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
