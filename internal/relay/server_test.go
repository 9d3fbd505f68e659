package relay

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server is a peer that answers as its script says, and remembers what it heard.
type server struct {
	addr   netip.AddrPort
	script map[string]string // by verb, or "verb argument"; "" hangs up; "content" is the end of data
	tls    *tls.Config
	most   int // messages over one connection, 0 for any number

	mu          sync.Mutex
	heard       []string // commands, in order
	contents    []string
	connections int
	peers       []string // addresses that connected, in order
}

// serve starts a server on an address of loopback.
func serve(t *testing.T, ip string, script map[string]string) *server {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: netip.MustParseAddrPort(l.Addr().String()), script: script}
	s.listen(t, l)
	return s
}

func (s *server) listen(t *testing.T, l net.Listener) {
	var all sync.WaitGroup
	conns := map[net.Conn]bool{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			conns[c] = true
			s.connections++
			s.peers = append(s.peers, netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().String())
			s.mu.Unlock()
			all.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range conns {
			c.Close()
		}
		s.mu.Unlock()
		all.Wait()
	})
}

func (s *server) answer(command string) (string, bool) {
	verb, _, _ := strings.Cut(command, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []string{command, verb} {
		if r, ok := s.script[key]; ok {
			return r, r != ""
		}
	}
	switch verb {
	case "banner":
		return "220 peer.example", true
	case "EHLO", "LHLO":
		return "250-peer.example\n250-PIPELINING\n250-SIZE 100000\n250 8BITMIME", true
	case "DATA":
		return "354 go on", true
	case "AUTH":
		return "535 5.7.8 who are you", true
	case "QUIT":
		return "221 bye", true
	}
	return "250 2.0.0 fine", true
}

func (s *server) talk(c net.Conn) {
	defer func() { c.Close() }()
	r := bufio.NewReader(c)
	say := func(command string) (string, bool) {
		text, ok := s.answer(command)
		if ok {
			_, err := c.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"))
			ok = err == nil
		}
		return text, ok
	}
	if _, ok := say("banner"); !ok {
		return
	}
	lmtp, rcpts, mails := false, 0, 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.heard = append(s.heard, line)
		s.mu.Unlock()
		if strings.HasPrefix(line, "MAIL") {
			if mails++; s.most > 0 && mails > s.most {
				c.Write([]byte("421 4.7.0 too many messages on this connection\r\n"))
				return
			}
		}
		text, ok := say(line)
		switch verb, _, _ := strings.Cut(line, " "); {
		case !ok:
			return
		case verb == "LHLO":
			lmtp = true
		case verb == "MAIL":
			rcpts = 0
		case verb == "RCPT" && text[0] == '2':
			rcpts++
		case verb == "STARTTLS" && text[0] == '2':
			c = tls.Server(c, s.tls)
			r = bufio.NewReader(c)
		case verb == "DATA" && text[0] == '3':
			content, err := readContent(r)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.contents = append(s.contents, content)
			s.mu.Unlock()
			for i := range rcpts {
				if !lmtp && i > 0 {
					break
				}
				name := "content"
				if lmtp {
					name = fmt.Sprintf("content %d", i)
				}
				if _, ok := say(name); !ok {
					return
				}
			}
		}
	}
}

func readContent(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String(), err
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// said returns the commands heard so far that begin with one of the verbs.
func (s *server) said(verbs ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, line := range s.heard {
		for _, v := range verbs {
			if strings.HasPrefix(line, v) {
				list = append(list, line)
			}
		}
	}
	return list
}

func (s *server) count() (connections, contents int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections, len(s.contents)
}

// certificate makes one for a name, and the authority that vouches for it.
func certificate(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
