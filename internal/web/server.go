// Package web has the pages: for owners of mailboxes, for admins, and for senders and
// readers who follow a link from a mail. They are written by the server and work
// without scripts; htmx makes some of them smoother.
//
// A group of pages is a file: its routes, its handlers, the small interface through which
// it asks for what it shows. A route names the action that it is for (package access);
// the middleware (serve.go) lets nobody in whose role can't do that to anything, and a
// handler asks once more with the object, by allow. A handler returns an error instead of
// showing one: errors become pages of the same look (failure.go).
//
// To add a page: a template in pages/, its texts in words/en and words/fr, a handler, a
// line in the group's routes. style.css says which components there are.
//
// What protects them: no script and no style but our own files, nothing from third
// parties (header.go); acts are POSTs from our own pages with the session's token
// (csrf.go); cookies that no script sees (cookie.go); bounds on all input and on time.
package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/captcha"
	"gatepost/internal/directory"
	"gatepost/internal/locale"
	"gatepost/internal/password"
)

// A Config has what a Server needs. Parts that are nil have no pages.
type Config struct {
	URL      string         // under which people reach the pages; "": unknown
	Proxies  []netip.Prefix // whose X-Forwarded-For names the client
	Metrics  []netip.Prefix // who is shown Health
	Health   http.Handler   // answers /metrics, /healthz and /readyz
	Language string         // where nobody says otherwise
	Zone     string         // the same; "": UTC
	Key      []byte         // signs short-lived cookies and forms; 32 octets, the same on all nodes

	Desk       *access.Desk // nil: nobody can log in
	Sessions   Sessions     // nil: the Desk's
	Accounts   Accounts
	Logins     Logins                                                // nil: nobody is shown from where he logged in
	Recoveries Recoveries                                            // nil: who has lost a password asks an operator; as without URL
	Supports   Supports                                              // nil: no owner gives support access
	Locks      func() Locks                                          // nil: no mailbox is locked
	Shut       func(box int64, page directory.Page) directory.ShutBy // nil: nothing is shut to owners
	Mailboxes  Mailboxes                                             // nil: owners have no page of their mailbox
	Passwords  password.Rules                                        // that people may choose; no length: 10
	Settings   Settings
	Challenges Challenges      // nil: no challenge page
	Captcha    *captcha.Tasks  // of the challenge page
	Answered   func(string)    // counts answers there, by what they were; nil: nobody does
	Digests    Digests         // nil: no pages behind digests' links
	Shares     Shares          // nil: no page behind the links in shares' mails
	Held       Held            // nil: no quarantine
	Entries    Entries         // nil: no lists
	Bans       Bans            // nil: the page of bans has blocked log-ins alone
	Banned     Banned          // nil: nobody is
	BanContact string          // where who is banned can ask for help: an address or URL; "": nowhere
	Complaints Complaints      // nil: no page of complaints
	Node       Node            // nil: no page of the node
	Messages   Messages        // nil: no page of what became of messages
	Queue      Queue           // nil: no page of what is carried on
	Keys       Keys            // nil: no page of signing keys
	Programs   Programs        // nil: mail programs are told nothing
	Rules      DomainRules     // nil: there is no page for rules of domains
	OwnRules   OwnRules        // nil: nor one for owners' own
	OwnShares  OwnShares       // nil: nor one of what owners share
	OwnSending OwnSending      // nil: nor of who sends for whom, which is on the same page
	Addresses  Addresses       // nil: no address lists
	Collected  Collected       // nil: owners set up no accounts elsewhere
	Senders    Senders         // nil: no page of servers and devices
	MailHosts  MailHosts       // nil: no page of mail hosts
	Stops      Stops           // nil: no page of stopped log-ins, and no owner is told
	Admins     Admins          // nil: no page of admins
	Proofs     Proofs          // nil: no authority is asked for certificates
	Hosts      func() []string // names of the servers of ours, lower case; nil: no page explains headers

	Log *slog.Logger
	Now func() time.Time
}

// Sessions knows people again who logged in.
type Sessions interface {
	// Recognise returns the person of a session's secret, and the session's id, or
	// access.ErrNoSession.
	Recognise(ctx context.Context, secret string, from access.Client) (access.Person, string, error)
}

// A Server shows the pages. It is safe for use by many goroutines.
type Server struct {
	Config
	*look
	handler http.Handler
	origin  *http.CrossOriginProtection
	zones   zones
	paths   map[string]bool // of pages, for the menu

	*memory
}

// memory is what Servers of one process share.
type memory struct {
	instance string // of this process, for Reach
	turns    turns  // of answers to challenges
	visits   turns  // of requests of one person
	views    *views

	importing sync.Map // access.ID: who has a list read from a file, one at a time
	saving    sync.Map // the same: who has an address list written into one
}

// A look is what all Servers of the program show alike: it comes from files within.
type look struct {
	words  *locale.Catalog
	assets *assets
	pages  *pages
}

var ownLook = sync.OnceValues(func() (*look, error) {
	words, err := loadWords()
	if err != nil {
		return nil, err
	}
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	all, err := loadPages(words, files)
	return &look{words, files, all}, err
})

// New makes a Server. It fails where a text or a route is wrong.
func New(c Config) (*Server, error) {
	return build(c, &memory{instance: rand.Text(), visits: turns{room: atOnceOf}, views: newViews()})
}

// With makes a Server of another configuration that knows what s does of people's visits.
func (s *Server) With(c Config) (*Server, error) { return build(c, s.memory) }

func build(c Config, m *memory) (*Server, error) {
	s := &Server{Config: c, origin: http.NewCrossOriginProtection(), zones: zones{byName: map[string]*time.Location{}}, paths: map[string]bool{}, memory: m}
	if c.Sessions == nil && c.Desk != nil {
		s.Sessions = c.Desk
	}
	s.Passwords.Length = cmp.Or(s.Passwords.Length, minPassword)
	if len(c.Key) < 32 {
		return nil, errors.New("web: a key is needed")
	}
	if c.URL != "" {
		if err := s.origin.AddTrustedOrigin(originOf(c.URL)); err != nil {
			return nil, fmt.Errorf("web: web.url %q: %w", c.URL, err)
		}
	}
	var err error
	if s.look, err = ownLook(); err != nil {
		return nil, err
	}
	s.handler, err = s.router(s.routes())
	return s, err
}

// originOf cuts an address down to scheme, host and port (RFC 6454).
func originOf(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// Limits of the listener. What a handler takes counts in all of them.
const (
	headTime   = 10 * time.Second // until the header is there
	readTime   = 30 * time.Second // until the body is there
	writeTime  = time.Minute      // until the answer is gone
	idleTime   = 2 * time.Minute  // between two requests
	stopTime   = 5 * time.Second  // for requests under way at the end
	maxHeader  = 32 << 10         // octets
	maxBody    = 256 << 10        // octets, where a route says nothing
	atOnce     = 1000             // connections of one listener
	atOnceFrom = 100              // of those from one network
	atOnceOf   = 16               // requests of one person
	streams    = 20               // requests of one connection, by HTTP/2
	handleTime = 30 * time.Second // of one handler, by its context
)

// Serve answers on l until ctx ends; requests under way have a moment to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.serve(ctx, l, nil) }

// ServeTLS is Serve over HTTPS, with HTTP/2.
func (s *Server) ServeTLS(ctx context.Context, l net.Listener, c *tls.Config) error {
	return s.serve(ctx, l, c)
}

func (s *Server) serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // what clients do wrong is no news
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(moment), server.Close())
	})
	if err := server.Serve(secured(newLimited(l, limits{atOnce, atOnceFrom, s.Proxies}), secure)); !errors.Is(err, http.ErrServerClosed) {
		if stop() {
			return fmt.Errorf("web: serve: %w", err)
		}
	}
	<-stopped // what it says is only that somebody had to be cut off
	return nil
}
