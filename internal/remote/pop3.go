package remote

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// POP3 is a log-in to a POP3 server, in transaction state.
type POP3 struct {
	c      *conn
	server Server
	stamp  string   // of the greeting, for APOP
	offers []string // CAPA, in upper case
}

// An Item is a message as a POP3 server lists it.
type Item struct {
	Number int
	Size   int64 // as the server says; -1: it does not
	ID     string
}

// DialPOP3 connects, begins TLS and logs in.
func DialPOP3(ctx context.Context, s Server) (*POP3, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("pop3: %s: %w", s.Address, err)
	}
	p := &POP3{c: c, server: s}
	if err := p.begin(); err != nil {
		c.Close()
		return nil, fmt.Errorf("pop3: %s: %w", s.Address, err)
	}
	return p, nil
}

func (p *POP3) begin() error {
	greeting, err := p.answer()
	if err != nil {
		return err
	}
	if open := strings.IndexByte(greeting, '<'); open >= 0 {
		if end := strings.IndexByte(greeting[open:], '>'); end > 0 {
			p.stamp = greeting[open : open+end+1]
		}
	}
	if p.server.Security == StartTLS {
		config, err := p.server.tls()
		if err != nil {
			return err
		}
		if _, err := p.command("STLS"); err != nil {
			return fmt.Errorf("%w: STLS: %w", ErrTLS, err)
		}
		if err := p.c.encrypt(config); err != nil {
			return err
		}
	}
	if err := p.capabilities(); err != nil {
		return err
	}
	return p.login()
}

// refusal is what a server says to a command that it does not carry out; over says that it ends the
// session with that.
type refusal struct {
	text string
	over bool
}

func (r refusal) Error() string { return "the server says " + quote(r.text) }

// answer reads a status line.
func (p *POP3) answer() (string, error) {
	line, err := p.c.line()
	if err != nil {
		return "", err
	}
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case word == "+OK":
		return rest, nil
	case word == "-ERR":
		return "", refusal{text: rest}
	case word == "+": // a challenge of SASL
		return rest, errChallenge
	}
	return "", fmt.Errorf("%w: %s where +OK or -ERR is due", ErrProtocol, quote(line))
}

var errChallenge = errors.New("a challenge")

func (p *POP3) command(text string) (string, error) {
	if err := p.c.send(text + "\r\n"); err != nil {
		return "", err
	}
	said, err := p.answer()
	if errors.Is(err, errChallenge) {
		err = fmt.Errorf("%w: a challenge that nobody asked for", ErrProtocol)
	}
	return said, err
}

// maxOffers bounds the lines of CAPA.
const maxOffers = 200

// capabilities asks for them; a server that has no such command has none.
func (p *POP3) capabilities() error {
	p.offers = nil
	switch _, err := p.command("CAPA"); {
	case errors.As(err, new(refusal)):
		return nil
	case err != nil:
		return err
	}
	return p.list(maxOffers, func(line string) error {
		p.offers = append(p.offers, strings.ToUpper(line))
		return nil
	})
}

// list reads the lines of an answer that has several, most at most.
func (p *POP3) list(most int, each func(string) error) error {
	for n := 0; ; n++ {
		line, err := p.c.line()
		if err != nil {
			return err
		}
		if line == "." {
			return nil
		}
		if n >= most {
			return fmt.Errorf("%w: a list of more than %d lines", ErrProtocol, most)
		}
		if err := each(strings.TrimPrefix(line, ".")); err != nil {
			return err
		}
	}
}

// mechanisms are those that CAPA names (RFC 5034).
func (p *POP3) mechanisms() []string {
	for _, o := range p.offers {
		if rest, ok := strings.CutPrefix(o, "SASL "); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}

// login does it the best way that is offered: SCRAM, APOP where there is no TLS, PLAIN, USER.
func (p *POP3) login() error {
	mayTell := p.c.secure || p.server.Security == Clear
	m := p.server.choose(p.mechanisms(), mayTell)
	var err error
	switch _, tells := m.(plain); {
	case m != nil && !(tells && !p.c.secure && p.stamp != ""):
		err = p.authenticate(m)
	case p.stamp != "" && !p.c.secure:
		sum := md5.Sum([]byte(p.stamp + p.server.Password))
		_, err = p.command("APOP " + p.server.User + " " + hex.EncodeToString(sum[:]))
	case !mayTell:
		return fmt.Errorf("%w: the server offers no log-in without TLS that keeps the password secret", ErrTLS)
	default:
		err = p.user()
	}
	if errors.As(err, new(refusal)) {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	return err
}

func (p *POP3) user() error {
	if strings.ContainsAny(p.server.User+p.server.Password, "\r\n\x00") {
		return fmt.Errorf("%w: the user name or the password has octets that POP3 can't carry", ErrLogin)
	}
	if _, err := p.command("USER " + p.server.User); err != nil {
		return err
	}
	_, err := p.command("PASS " + p.server.Password)
	return err
}

// authenticate is RFC 5034.
func (p *POP3) authenticate(m mechanism) error {
	line := "AUTH " + m.name() + " " + base64.StdEncoding.EncodeToString(m.start())
	for {
		if err := p.c.send(line + "\r\n"); err != nil {
			return err
		}
		said, err := p.answer()
		if err == nil {
			return m.end()
		}
		if !errors.Is(err, errChallenge) {
			return err
		}
		challenge, err := base64.StdEncoding.DecodeString(said)
		if err != nil {
			return fmt.Errorf("%w: a challenge that is no base64", ErrProtocol)
		}
		response, err := m.next(challenge)
		if err != nil {
			return err
		}
		line = base64.StdEncoding.EncodeToString(response)
	}
}

// Items lists the messages, most at most, each with what the server knows it by (UIDL). Copies of one message may
// have the same there (RFC 1939 §7): they are told by their order. A server that has no UIDL is refused: a message
// could not be told from the next.
func (p *POP3) Items(most int) ([]Item, error) {
	sizes := map[int]int64{}
	err := p.numbered("LIST", most, func(n int, rest string) error {
		size, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || size < 0 {
			size = -1
		}
		sizes[n] = size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pop3: LIST: %w", err)
	}
	var items []Item
	copies := map[string]int{}
	err = p.numbered("UIDL", most, func(n int, id string) error {
		size, listed := sizes[n]
		if !listed {
			size = -1
		}
		if id == "" || len(id) > maxID { // RFC 1939: 70 octets
			return fmt.Errorf("%w: UIDL %s", ErrProtocol, quote(id))
		}
		if copies[id]++; copies[id] > 1 { // no id has a space in it
			id = fmt.Sprintf("%s %d", id, copies[id])
		}
		items = append(items, Item{Number: n, Size: size, ID: id})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pop3: UIDL: %w", err)
	}
	return items, nil
}

// maxID is how long an id may be: RFC 1939 says 70, some servers more.
const maxID = 255

func (p *POP3) numbered(command string, most int, each func(n int, rest string) error) error {
	if _, err := p.command(command); err != nil {
		return err
	}
	return p.list(most, func(line string) error {
		number, rest, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("%w: %s in a list", ErrProtocol, quote(line))
		}
		rest, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
		return each(n, rest)
	})
}

// Retrieve writes a message to w. One of more than most octets ends with ErrTooLarge, and the
// connection with it where there is much more of it.
func (p *POP3) Retrieve(n int, w io.Writer, most int64) error {
	if _, err := p.command("RETR " + strconv.Itoa(n)); err != nil {
		return fmt.Errorf("pop3: RETR: %w", err)
	}
	if err := p.content(&bounded{w, most}); err != nil {
		return fmt.Errorf("pop3: RETR: %w", err)
	}
	return nil
}

// drained is how much of a message that is too large is read for the sake of the rest of the
// session.
const drained = 8 << 20

// content reads up to the line with a dot.
func (p *POP3) content(w *bounded) error {
	u := unstuffed{w: bufio.NewWriterSize(w, 32<<10), begins: true}
	var fault error
	for left := int64(drained); ; {
		part, err := p.c.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return p.c.fault(err)
		}
		if u.ends(part) {
			break
		}
		if fault != nil {
			if left -= int64(len(part)); left < 0 {
				p.c.Close()
				return fault
			}
		}
		if err := u.write(part); err != nil && fault == nil {
			fault = err
		}
	}
	if fault == nil {
		fault = u.w.Flush()
	}
	return fault
}

// An unstuffed writer takes the parts of lines as POP3 has them: a dot before each that begins
// with one (RFC 1939 §3). It ends each line as mail's are.
type unstuffed struct {
	w      *bufio.Writer
	begins bool // a line begins with the next part
	last   byte // of the part before
}

// ends reports whether a part is the line that ends them all.
func (u *unstuffed) ends(part []byte) bool {
	return u.begins && (string(part) == ".\r\n" || string(part) == ".\n")
}

func (u *unstuffed) write(part []byte) error {
	n := len(part)
	ended := part[n-1] == '\n'
	if n > 1 {
		u.last = part[n-2]
	}
	bare := ended && (u.last != '\r' || u.begins && n == 1)
	if u.begins && part[0] == '.' {
		part = part[1:]
	}
	u.begins, u.last = ended, part[len(part)-1]
	if !bare {
		_, err := u.w.Write(part)
		return err
	}
	if _, err := u.w.Write(part[:len(part)-1]); err != nil {
		return err
	}
	_, err := u.w.WriteString("\r\n")
	return err
}

// Delete marks a message; Quit removes those that are marked.
func (p *POP3) Delete(n int) error {
	if _, err := p.command("DELE " + strconv.Itoa(n)); err != nil {
		return fmt.Errorf("pop3: DELE: %w", err)
	}
	return nil
}

// Quit ends the session, and removes what was marked. An error means that the server may have
// kept it all.
func (p *POP3) Quit() error {
	_, err := p.command("QUIT")
	p.c.Close()
	if err != nil {
		return fmt.Errorf("pop3: QUIT: %w", err)
	}
	return nil
}

// Close ends the connection; what was marked stays.
func (p *POP3) Close() error { return p.c.Close() }

// Peer is the server's address.
func (p *POP3) Peer() Peer { return Peer{p.c.wire.RemoteAddr().String(), p.c.secure} }
