// Package smtpd is the edge where mail comes in: SMTP on ports 25, 587 and 465
// (RFC 5321). It turns what a client says into values of package mail, asks the
// machine behind it (a Receiver) what to answer, and says that. It knows no
// policy, no recipient and no storage.
//
// A connection passes three rooms:
//
//   - The gate (gate.go, connection.go) accepts it, counts it, reads the PROXY
//     header where one is due, makes implicit TLS, and asks Receiver.Connect.
//   - The guard (guard.go, body.go, chunk.go) is the net.Conn that the SMTP
//     library reads from. It hands over one command line at a time, so each
//     reply that the library writes belongs to a line the guard knows. Nothing
//     that is malformed or dangerous on the wire passes it: bare CR or LF, long
//     lines, odd addresses, body octets after a time-out.
//   - The session (session.go, data.go, auth.go) is what the library calls with
//     commands it understood. It talks to the Receiver.
//
// github.com/emersion/go-smtp keeps the order of commands, parses parameters,
// runs SASL exchanges and removes dot-stuffing. Its replies never reach the
// client: reply.go makes all of them. It is never shown TLS or BDAT either:
// STARTTLS ends one conversation with the library and begins another, on a new
// guard, so nothing said in the clear survives; and chunks reach it as DATA, so
// that all calls of a connection are made by one goroutine, one after the other.
package smtpd

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/door"
	"gatepost/internal/mail"
)

// A Receiver is the machine behind the edge.
type Receiver interface {
	// Connect judges a new connection before the banner (mail.OK lets it in).
	// The Conversation is nil unless it is let in.
	Connect(ctx context.Context, c mail.Client) (Conversation, mail.Verdict)
}

// A Conversation is one connection that was let in. Its calls, and those of its
// Transactions, come one after the other, never side by side. A ctx ends when
// Config.AnswerTime has passed, or when the connection is closed from our side.
type Conversation interface {
	// Helo is called for each HELO and EHLO, also after STARTTLS; c has Helo,
	// ESMTP, TLS and Login as they are now.
	Helo(ctx context.Context, c mail.Client) mail.Verdict
	// Mail begins a transaction. The Transaction is nil unless the answer is mail.OK.
	Mail(ctx context.Context, c mail.Client, from mail.Path, p mail.Params) (Transaction, mail.Verdict)
	// Close is the last call.
	Close()
}

// A Transaction is one mail transaction (RFC 5321 §3.3). It ends with exactly
// one call of Data or Abort.
type Transaction interface {
	// ID names the transaction in replies and in the Received field.
	ID() string
	Rcpt(ctx context.Context, to mail.Path, p mail.RcptParams) mail.Verdict
	// Data hands over the content and the Received field that belongs on top of
	// it, final CRLF included. m may be used until Data returns.
	Data(ctx context.Context, m *mail.Message, received []byte) mail.Verdict
	// Abort ends a transaction without content: the client gave up, the
	// connection was lost (mail.OK), or the edge refused the content (what it
	// answered). The cause is a few words for the journal.
	Abort(answer mail.Answer, cause string)
}

// Senders know who sends without a person that logs in: a server or device, by its certificate
// or its address.
type Senders interface {
	// Sender returns the log-in that a client has for what it sends under a reverse-path, null where it
	// has none. It does not wait.
	Sender(c mail.Client, from mail.Path) mail.Path
	// Certified returns the log-in that a client's certificate gives it, null where it gives none.
	Certified(c mail.Client) mail.Path
	// Certificates reports whether clients are to be asked for a certificate: some mail
	// programs ask their user for one then.
	Certificates() bool
}

// A Standing follows one log-in: what opened its mailbox may be changed, or taken away, while the client stays. Its calls come one
// after the other.
type Standing interface {
	// Entered is called when the log-in has succeeded, with its address. What opened that when the exchange began counts, so that
	// nobody is late who changes it meanwhile.
	Entered(login mail.Path)
	// Stands is asked at each command from then on, and before a message is accepted: whether all that opened the mailbox then
	// still does. It does not wait.
	Stands() bool
}

// An Observer counts what happens at the edge. Its methods are called from many
// goroutines and must not wait.
type Observer interface {
	// Connection is called once for each, with what became of it at the gate:
	// "accepted", "refused", "full", "network-full", "proxy", "tls".
	Connection(fate string)
	// Reply is called for each reply; verb is "" for the banner and for what
	// the client did not ask for.
	Reply(verb string, code int)
	// Content is called for each content taken in whole.
	Content(octets int64, spooled bool)
}

// A Config is all that a Server needs to know. The zero value of a number is
// the default given beside it.
type Config struct {
	Hostname   string // in the banner, in EHLO's reply and in Received
	Postmaster string // the domain that RCPT TO:<postmaster> gets; Hostname if empty

	MaxMessage     int64 // octets of content, offered as SIZE (RFC 1870): 50 MiB
	MaxRecipients  int   // RCPT commands in a transaction: 1000
	MaxReceived    int   // Received fields in a message that is no loop yet (RFC 5321 §6.3): 100
	MaxCommandLine int   // octets of a command line with its CRLF, 16384 at most: 4096
	MaxLine        int   // octets of a line of content with its CRLF: 1 MiB
	MaxErrors      int   // refusals, and transactions without RCPT, on a connection between two accepted messages: 20

	CommandTime   time.Duration // for the next command line to come in whole: 5 min
	DataTime      time.Duration // for the next octets of content: 3 min
	ContentTime   time.Duration // for all of the content: 10 min
	ResyncTime    time.Duration // for the end of content that is refused already: 30 s
	AnswerTime    time.Duration // for one answer of the Receiver: 120 s
	WriteTime     time.Duration // for the client to take a reply: 1 min
	HandshakeTime time.Duration // for a TLS handshake, and for a PROXY header: 30 s
	DrainTime     time.Duration // for transactions under way when Serve is stopped: 30 s

	// Breath is asked when Serve is stopped. Where it is more than 0 another process takes the
	// clients that come, and none is sent away between two commands: each may send the message
	// that he is at, or came to send, unless he is silent for a breath. nil: 0.
	Breath func() time.Duration

	Limits    *Limits // shared by all servers of the node; nil means none
	SpoolOver int64   // content above it goes to a file: 256 KiB
	SpoolDir  string  // where these files are; they have no name once open

	ProxyTrusted []netip.Prefix // peers that speak the PROXY protocol, and must

	TLS         *tls.Config     // nil: neither STARTTLS nor ImplicitTLS
	ImplicitTLS bool            // the handshake comes first (RFC 8314), as on port 465
	Submission  bool            // AUTH is offered, and required before MAIL (RFC 6409)
	MaxHold     time.Duration   // how far ahead a log-in may have a message wait (RFC 4865); 0: not at all
	Senders     Senders         // nil: everybody who sends has to log in
	Standing    func() Standing // called as a log-in begins; nil: one stands as long as its connection
	HideUsers   bool            // Received does not name the client of a log-in

	Log      *slog.Logger     // nil discards
	Observer Observer         // nil counts nothing
	Abuser   Abuser           // nil: nobody is told
	Now      func() time.Time // the date in Received; nil is time.Now
}

// withDefaults returns c with its zero numbers replaced.
func (c Config) withDefaults() Config {
	fill(&c.MaxMessage, 50<<20)
	fill(&c.MaxRecipients, 1000)
	fill(&c.MaxReceived, 100)
	fill(&c.MaxCommandLine, 4096)
	fill(&c.MaxLine, 1<<20)
	fill(&c.MaxErrors, 20)
	fill(&c.CommandTime, 5*time.Minute)
	fill(&c.DataTime, 3*time.Minute)
	fill(&c.ContentTime, 10*time.Minute)
	fill(&c.ResyncTime, 30*time.Second)
	fill(&c.AnswerTime, 120*time.Second)
	fill(&c.WriteTime, time.Minute)
	fill(&c.HandshakeTime, 30*time.Second)
	fill(&c.DrainTime, 30*time.Second)
	fill(&c.SpoolOver, 256<<10)
	fill(&c.Postmaster, c.Hostname)
	if c.Limits == nil {
		c.Limits = new(Limits)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = blind{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Breath == nil {
		c.Breath = func() time.Duration { return 0 }
	}
	return c
}

func fill[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// check finds what would make a server that can't work.
func (c Config) check(a door.Authenticator) error {
	switch {
	case c.Hostname == "":
		return fmt.Errorf("smtpd: no host name")
	case c.MaxCommandLine > readBuffer:
		return fmt.Errorf("smtpd: command lines of %d octets, %d is the most", c.MaxCommandLine, readBuffer)
	case c.ImplicitTLS && c.TLS == nil:
		return fmt.Errorf("smtpd: implicit TLS without a certificate")
	case c.Submission && a == nil:
		return fmt.Errorf("smtpd: submission without an authenticator")
	}
	return nil
}

// blind is the Observer of those who want none.
type blind struct{}

func (blind) Connection(string)   {}
func (blind) Reply(string, int)   {}
func (blind) Content(int64, bool) {}

// A Server answers on listeners of one kind (see Config).
type Server struct {
	cfg      Config
	receiver Receiver
	auth     door.Authenticator
	asking   *tls.Config // cfg.TLS, where the client is asked for a certificate
	wide     sync.Pool   // of large buffers of readahead
}

// New returns a server that asks r, and a for log-ins; a may be nil unless
// c.Submission is set.
func New(c Config, r Receiver, a door.Authenticator) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(a); err != nil {
		return nil, err
	}
	s := &Server{cfg: c, receiver: r, auth: a}
	if c.TLS != nil {
		s.asking = c.TLS.Clone()
		s.asking.ClientAuth = tls.RequestClientCert // whom it names is not asked: only its key is looked at
	}
	return s, nil
}
