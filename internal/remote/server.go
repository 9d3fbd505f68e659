package remote

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Errors by which callers decide. Whatever else goes wrong is the wire's, or the server's.
var (
	ErrLogin    = errors.New("the server refused the log-in")
	ErrTooLarge = errors.New("the message is larger than what is taken")
	ErrTLS      = errors.New("no TLS that can be trusted")
	ErrProtocol = errors.New("the server does not keep to the protocol")
	ErrGone     = errors.New("the message is not there any more")
)

// Security is how the connection to a server is made safe.
type Security string

// The securities.
const (
	TLS      Security = "tls"      // from the first octet
	StartTLS Security = "starttls" // asked for before anything else; a server without it is left
	None     Security = "none"     // no TLS, and no log-in by which the password could be read
	Clear    Security = "clear"    // no TLS, and the password may be read on the way
)

// Known reports whether it is one of the four.
func (s Security) Known() bool { return s == TLS || s == StartTLS || s == None || s == Clear }

// A Server is where an account is, and who asks for it.
type Server struct {
	Address     string // host:port
	Security    Security
	Fingerprint string // SHA-256 of the one certificate that is taken, in hexadecimal; "": a verified one
	User        string
	Password    string
	For         string // whose mail is asked for, where User is a master user who may read everybody's (RFC 4616, authzid); "": his own

	// May is asked of each address before it is connected to, as it was found for the name, and says why not; nil: all may be.
	May   func(netip.AddrPort) error
	Wait  time.Duration  // for each answer; 0: a minute
	Roots *x509.CertPool // nil: the system's
}

// ParseFingerprint reads the SHA-256 of a certificate, as openssl writes it or without colons.
func ParseFingerprint(s string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(strings.ToUpper(s), "SHA256:"), ":", ""))
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("fingerprint %.80q: want SHA-256 in hexadecimal, 64 digits", s)
	}
	return plain, nil
}

func (s Server) wait() time.Duration {
	if s.Wait > 0 {
		return s.Wait
	}
	return time.Minute
}

// tls is what is asked of the server's side. Pinned is the leaf alone: a certificate that its owner
// signed himself has nobody who vouches for it, and needs no name.
func (s Server) tls() (*tls.Config, error) {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", s.Address, err)
	}
	c := &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	if s.Fingerprint == "" {
		return c, nil
	}
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw) // a server without one gets no connection
		if got := hex.EncodeToString(sum[:]); got != s.Fingerprint {
			return fmt.Errorf("the certificate is another: its fingerprint is %s", got)
		}
		return nil
	}
	return c, nil
}

// dial connects, with TLS where that comes first. The connection is closed when ctx ends.
func (s Server) dial(ctx context.Context) (*conn, error) {
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: s.wait(), ControlContext: s.control}
	wire, err := dialer.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	c := newConn(wire, s.wait())
	c.release = context.AfterFunc(ctx, func() { wire.Close() })
	c.ctx = ctx
	if s.Security == TLS {
		if err := c.encrypt(config); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// control asks about an address. A name that leads elsewhere the next time it is looked up helps nobody: this is the address that
// the socket is connected to.
func (s Server) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if s.May == nil {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return s.May(at)
}

// A Peer is what is known of the other side of a connection.
type Peer struct {
	Addr string // IP:port
	TLS  bool
}

// Host is its IP address without the port.
func (p Peer) Host() string {
	host, _, _ := net.SplitHostPort(p.Addr)
	return host
}

// A bounded writer fails once it was given more than it takes.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, ErrTooLarge
	}
	b.left -= int64(len(p))
	return b.w.Write(p)
}
