package milter

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/d--j/go-milter"
	"github.com/emersion/go-msgauth/dkim"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/test/peer"
)

const plain = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject:  lunch,\r\n and more\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nat noon?\r\n"

func request(content string) engine.Request {
	return engine.Request{
		ID: "0123456789abcdefghij", Time: time.Now(), Host: "mx.example.net",
		Client: mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Port: 4711, Helo: "mail.example.org", ESMTP: true}, ClientName: "mail.example.org",
		Envelope: mail.Envelope{ReversePath: "ann@example.org", Recipients: []mail.Path{"bob@example.net", "cat@example.net"}},
		Message:  mail.NewMessage([]byte(content)),
	}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// signed returns a signed message and the line of its key.
func signed(t *testing.T, canonical dkim.Canonicalization) (content, key string) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = dkim.Sign(&b, strings.NewReader(plain), &dkim.SignOptions{Domain: "example.org", Selector: "s", Signer: k, HeaderCanonicalization: canonical, BodyCanonicalization: canonical})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), "s._domainkey.example.org v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public) + "\n"
}

// TestOpenDKIM has Debian's OpenDKIM verify signatures. A strict one (simple) matches only if
// every octet arrives as it was.
func TestOpenDKIM(t *testing.T) {
	content, key := signed(t, dkim.CanonicalizationSimple)
	e, err := peer.StartOpenDKIM(key)
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	if _, err := Probe(limited(t), e.Socket); err != nil {
		t.Error(err)
	}
	a, err := Ask(limited(t), e.Socket, request(content))
	if err != nil || a.Verdict != engine.Accept || !strings.Contains(strings.Join(a.Changes, "; "), "dkim=pass") {
		t.Errorf("signed: got %+v, %v\n%s", a, err, e.Log())
	}
	a, err = Ask(limited(t), e.Socket, request(strings.Replace(content, "noon", "one", 1)))
	if err != nil || a.Verdict != engine.Reject || a.At != endOfMessage {
		t.Errorf("changed: got %+v, %v", a, err)
	}
	if a, err = Ask(limited(t), e.Socket, request(plain)); err != nil || a.Verdict != engine.Accept {
		t.Errorf("not signed: got %+v, %v", a, err)
	}
	r := request(plain)
	r.Message = nil
	if a, err = Ask(limited(t), e.Socket, r); err != nil || a.Early {
		t.Errorf("before the content: got %+v, %v", a, err)
	}
	e.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if a, err := Ask(ctx, e.Socket, request(content)); err == nil {
		t.Errorf("frozen: got %+v and no error", a)
	}
	e.Thaw()
	e.Kill()
	if a, err := Ask(limited(t), e.Socket, request(content)); err == nil {
		t.Errorf("killed: got %+v and no error", a)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if a, err := Ask(limited(t), e.Socket, request(content)); err != nil || a.Verdict != engine.Accept {
		t.Errorf("started again: got %+v, %v", a, err)
	}
}

// A strict milter says what a case wants, and notes what it hears.
type strict struct {
	milter.NoOpMilter
	says  map[string]*milter.Response // by command; by "rcpt ADDRESS" for a recipient
	end   func(m milter.Modifier)
	heard func(string, ...any)
}

func (s *strict) word(at string) (*milter.Response, error) {
	if r := s.says[at]; r != nil {
		return r, nil
	}
	return milter.RespContinue, nil
}

func (s *strict) Connect(host, family string, port uint16, addr string, m milter.Modifier) (*milter.Response, error) {
	s.heard("connect %s %s %d %s j=%s", host, family, port, addr, m.Get(milter.MacroMTAFQDN))
	return s.word("connect")
}

func (s *strict) Helo(name string, _ milter.Modifier) (*milter.Response, error) {
	s.heard("helo %s", name)
	return s.word("helo")
}

func (s *strict) MailFrom(from, _ string, m milter.Modifier) (*milter.Response, error) {
	s.heard("mail %s i=%s", from, m.Get(milter.MacroQueueId))
	return s.word("mail")
}

func (s *strict) RcptTo(to, _ string, m milter.Modifier) (*milter.Response, error) {
	s.heard("rcpt %s %s", to, m.Get(milter.MacroRcptAddr))
	return s.word("rcpt " + to)
}

func (s *strict) Data(milter.Modifier) (*milter.Response, error) { return s.word("data") }

func (s *strict) Header(name, value string, _ milter.Modifier) (*milter.Response, error) {
	s.heard("%s:%q", name, value)
	return s.word("header")
}

func (s *strict) BodyChunk(chunk []byte, _ milter.Modifier) (*milter.Response, error) {
	s.heard("body %d", len(chunk))
	return s.word("body")
}

func (s *strict) EndOfMessage(m milter.Modifier) (*milter.Response, error) {
	if s.end != nil {
		s.end(m)
	}
	if r := s.says[endOfMessage]; r != nil {
		return r, nil
	}
	return milter.RespAccept, nil
}

// serve runs a milter of the library's and returns where, and what it has heard.
func serve(t *testing.T, s strict) (address string, heard func() []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines []string
	server := milter.NewServer(milter.WithMilter(func() milter.Milter {
		own := s
		own.heard = func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, fmt.Sprintf(format, args...))
		}
		return &own
	}), milter.WithActions(milter.AllClientSupportedActionMasks), milter.WithProtocols(milter.OptSkip))
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(lines)
	}
}

func TestDialogue(t *testing.T) {
	address, heard := serve(t, strict{})
	content := plain + strings.Repeat("x", 2*bodyChunk)
	a, err := Ask(limited(t), address, request(content))
	if err != nil || a.Verdict != engine.Accept || a.Early || a.At != endOfMessage {
		t.Fatalf("got %+v, %v", a, err)
	}
	want := []string{
		"connect mail.example.org tcp4 4711 192.0.2.7 j=mx.example.net", "helo mail.example.org", "mail ann@example.org i=0123456789abcdefghij",
		"rcpt bob@example.net bob@example.net", "rcpt cat@example.net cat@example.net",
		`From:"Ann <ann@example.org>"`, `To:"bob@example.net"`, `Subject:" lunch,\n and more"`, `Date:"Mon, 23 Nov 2026 10:00:00 +0000"`,
		"body 60000", "body 60000", "body 10",
	}
	if got := heard(); !slices.Equal(got, want) {
		t.Errorf("it heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func reply(t *testing.T, code uint16, text string) *milter.Response {
	r, err := milter.RejectWithCodeAndReason(code, text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name string
		says map[string]*milter.Response
		end  func(milter.Modifier)
		want engine.Answer
	}{
		{name: "reject at connect", says: map[string]*milter.Response{"connect": milter.RespReject}, want: engine.Answer{Verdict: engine.Reject, At: "connect", Early: true}},
		{name: "tempfail at helo", says: map[string]*milter.Response{"helo": milter.RespTempFail}, want: engine.Answer{Verdict: engine.TempFail, At: "helo", Early: true}},
		{name: "accept at mail", says: map[string]*milter.Response{"mail": milter.RespAccept}, want: engine.Answer{Verdict: engine.Accept, At: "mail", Early: true}},
		{name: "discard at rcpt", says: map[string]*milter.Response{"rcpt cat@example.net": milter.RespDiscard}, want: engine.Answer{Verdict: engine.Discard, At: "rcpt", Early: true}},
		{name: "reply at mail", says: map[string]*milter.Response{"mail": reply(t, 550, "5.7.1 no\nnever")}, want: engine.Answer{Verdict: engine.Reject, At: "mail", Early: true, Reply: "no never"}},
		{name: "4yz at data", says: map[string]*milter.Response{"data": reply(t, 451, "4.7.1 later")}, want: engine.Answer{Verdict: engine.TempFail, At: "data", Reply: "later"}},
		{name: "reject at header", says: map[string]*milter.Response{"header": milter.RespReject}, want: engine.Answer{Verdict: engine.Reject, At: "header"}},
		{name: "accept at body", says: map[string]*milter.Response{"body": milter.RespAccept}, want: engine.Answer{Verdict: engine.Accept, At: "body"}},
		{name: "skip", says: map[string]*milter.Response{"body": milter.RespSkip}, want: engine.Answer{Verdict: engine.Accept, At: endOfMessage}},
		{name: "discard", says: map[string]*milter.Response{endOfMessage: milter.RespDiscard}, want: engine.Answer{Verdict: engine.Discard, At: endOfMessage}},
		{name: "quarantine", end: func(m milter.Modifier) { m.Quarantine("smells") }, want: engine.Answer{Verdict: engine.Quarantine, At: endOfMessage, Reply: "smells"}},
		{name: "reject after quarantine", says: map[string]*milter.Response{endOfMessage: milter.RespReject}, end: func(m milter.Modifier) { m.Quarantine("smells") }, want: engine.Answer{Verdict: engine.Reject, At: endOfMessage}},
		{name: "changes", end: func(m milter.Modifier) {
			m.AddHeader("X-A", "b\r\n c")
			m.ChangeHeader(1, "Subject", "")
			m.AddRecipient("eve@example.net", "")
			m.ReplaceBody(strings.NewReader(strings.Repeat("new", 100_000)))
		}, want: engine.Answer{Verdict: engine.Accept, At: endOfMessage, Changes: []string{
			"add X-A: b c", "remove Subject (1)", "add the recipient <eve@example.net>", "replace the body"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _ := serve(t, strict{says: c.says, end: c.end})
			got, err := Ask(limited(t), address, request(plain))
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestRecipients(t *testing.T) {
	address, heard := serve(t, strict{says: map[string]*milter.Response{"rcpt bob@example.net": reply(t, 550, "5.1.1 no bob")}})
	a, err := Ask(limited(t), address, request(plain))
	want := engine.Refusal{Verdict: engine.Reject, Reply: "no bob"}
	if err != nil || a.Verdict != engine.Accept || len(a.Recipients) != 1 || a.Recipients["bob@example.net"] != want {
		t.Errorf("one: got %+v, %v", a, err)
	}
	r := request(plain)
	r.Envelope.Recipients = r.Envelope.Recipients[:1]
	before := len(heard())
	if a, err = Ask(limited(t), address, r); err != nil || a.Recipients["bob@example.net"] != want || !a.Early {
		t.Errorf("all: got %+v, %v", a, err)
	}
	if after := heard()[before:]; strings.HasPrefix(after[len(after)-1], "body") {
		t.Errorf("the content was sent though nobody gets it: %q", after)
	}
}

// TestHostile: what is no milter is an error, soon and in little memory.
func TestHostile(t *testing.T) {
	negotiated := packet('O', "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00")
	for name, says := range map[string]string{
		"silence": "", "smtp": "220 mx.example.org ESMTP\r\n", "huge packet": "\xff\xff\xff\xff", "empty packet": "\x00\x00\x00\x00",
		"old version": packet('O', "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"), "short negotiation": packet('O', "\x00"),
		"empty packet later": negotiated + "\x00\x00\x00\x00", "unknown word": negotiated + packet('?', ""),
		"reply without text": negotiated + packet('y', ""), "endless progress": negotiated + strings.Repeat(packet('p', ""), 2*maxPackets),
		"cut": negotiated + packet('c', "")[:3],
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					io.WriteString(c, says)
					c.(*net.TCPConn).CloseWrite()
					io.Copy(io.Discard, c)
					c.Close()
				}()
			}
		}()
		if a, err := Ask(limited(t), l.Addr().String(), request(plain)); err == nil {
			t.Errorf("%s: got %+v and no error", name, a)
		}
	}
}

func packet(code byte, data string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))) + string(code) + data
}

// FuzzDialogue has a milter say anything.
func FuzzDialogue(f *testing.F) {
	negotiated := packet('O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\x80")
	f.Add([]byte(negotiated + packet('h', "X\x00y\x00") + packet('b', "new") + packet('q', "why\x00") + packet('a', "")))
	f.Add([]byte(packet('O', "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x7f") + packet('y', "550 5.7.1 no\x00")))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, says []byte) {
		s := &session{macros: macros(request(plain)), answer: engine.Answer{Verdict: engine.Accept}, conn: &guard{Conn: &script{Reader: bytes.NewReader(says)}}}
		defer func() {
			if p := recover(); p != nil {
				t.Fatalf("panic: %v", p)
			}
		}()
		var err error
		client := milter.NewClient("", "", milter.WithDialer(dialer(func() (net.Conn, error) { return s.conn, nil })))
		if s.ClientSession, err = client.Session(s.macros); err != nil {
			return
		}
		defer s.close()
		if err := s.dialogue(request(plain)); err != nil {
			return
		}
		for _, text := range append(s.answer.Changes, s.answer.Reply) {
			if len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("says %q", text)
			}
		}
	})
}

// A script is a connection that says what it has to say, whatever it hears.
type script struct {
	io.Reader
	net.Conn
}

func (s *script) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *script) Write(p []byte) (int, error) { return len(p), nil }
func (s *script) Close() error                { return nil }
