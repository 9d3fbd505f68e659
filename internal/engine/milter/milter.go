// Package milter asks milters (https://www.postfix.org/MILTER_README.html) about mail, as an
// MTA does: connect, helo, mail, rcpt, data, header, body, each in its turn, over TCP or a
// unix socket. The protocol is the library's (versions 2 to 6). What this package adds: all
// ends with its context, what the milter sends is bounded (guard.go), and a milter's word is
// one of five verdicts. What a milter wants changed is told, not done: content stays as it came.
package milter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/d--j/go-milter"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

const (
	bodyChunk  = 60_000 // octets; libmilter takes 65,535 of all
	maxField   = 60_000 // octets of a header field that are sent
	maxText    = 200    // octets kept of a text
	maxChanges = 20
)

// Ask asks the milter at an address. Where r.Message is nil, up to RCPT: an answer that is
// not Early has nothing against the recipients so far.
func Ask(ctx context.Context, address string, r engine.Request) (a engine.Answer, err error) {
	defer func() {
		if p := recover(); p != nil { // the library met what it does not expect
			a, err = engine.Answer{}, fmt.Errorf("milter: answered with nonsense: %v", p)
		}
	}()
	s, err := begin(ctx, address, r)
	if err != nil {
		return engine.Answer{}, fmt.Errorf("milter: %w", err)
	}
	defer s.close()
	if err := s.dialogue(r); err != nil {
		return engine.Answer{}, fmt.Errorf("milter: at %s: %w", s.at, err)
	}
	return s.answer, nil
}

// Probe negotiates with the milter at an address.
func Probe(ctx context.Context, address string) (info engine.Info, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("milter: answered with nonsense: %v", p)
		}
	}()
	s, err := begin(ctx, address, engine.Request{})
	if err != nil {
		return engine.Info{}, fmt.Errorf("milter: %w", err)
	}
	s.close()
	return engine.Info{}, nil
}

// A session is one dialogue; at is the command that it has come to.
type session struct {
	*milter.ClientSession
	conn   *guard
	macros *milter.MacroBag
	at     string
	answer engine.Answer
	done   bool
}

// A dialer hands out one connection.
type dialer func() (net.Conn, error)

// Dial implements milter.Dialer.
func (d dialer) Dial(string, string) (net.Conn, error) { return d() }

func begin(ctx context.Context, address string, r engine.Request) (*session, error) {
	s := &session{macros: macros(r), at: "option negotiation", answer: engine.Answer{Verdict: engine.Accept}}
	c, err := engine.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	s.conn = &guard{Conn: c}
	everywhere := []milter.MacroName{milter.MacroQueueId, milter.MacroAuthType, milter.MacroAuthAuthen}
	client := milter.NewClient("", "", milter.WithDialer(dialer(func() (net.Conn, error) { return s.conn, nil })),
		milter.WithMacroRequest(milter.StageConnect, []milter.MacroName{
			milter.MacroMTAFQDN, milter.MacroMTAVersion, milter.MacroDaemonName, milter.MacroRFC1413AuthInfo,
			milter.MacroClientAddr, milter.MacroClientPort, milter.MacroClientName, milter.MacroClientPTR,
		}),
		milter.WithMacroRequest(milter.StageMail, append(everywhere, milter.MacroMailAddr, milter.MacroMailHost)),
		milter.WithMacroRequest(milter.StageRcpt, []milter.MacroName{milter.MacroQueueId, milter.MacroRcptAddr, milter.MacroRcptHost}),
		milter.WithMacroRequest(milter.StageEOM, everywhere))
	if s.ClientSession, err = client.Session(s.macros); err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// macros are what milters may ask of the transaction, in sendmail's words.
func macros(r engine.Request) *milter.MacroBag {
	m := milter.NewMacroBag()
	addr, name := r.Client.Addr.String(), clientName(r)
	version, cipher, _ := strings.Cut(r.Client.TLS, " ")
	for macro, value := range map[milter.MacroName]string{
		milter.MacroMTAFQDN: r.Host, milter.MacroMTAVersion: "gatepost", milter.MacroDaemonName: "gatepost",
		milter.MacroClientAddr: addr, milter.MacroClientPort: fmt.Sprint(r.Client.Port), milter.MacroClientName: name, milter.MacroClientPTR: name,
		milter.MacroRFC1413AuthInfo: name + " [" + addr + "]", milter.MacroQueueId: r.ID, milter.MacroTlsVersion: version, milter.MacroCipher: cipher,
		milter.MacroMailAddr: string(r.Envelope.ReversePath), milter.MacroMailHost: r.Envelope.ReversePath.Domain(),
		milter.MacroAuthAuthen: string(r.Client.Login),
	} {
		if value != "" {
			m.Set(macro, line(value))
		}
	}
	if !r.Client.Login.IsNull() {
		m.Set(milter.MacroAuthType, "PLAIN")
	}
	return m
}

// clientName is the client's name, or its address in brackets, as sendmail has it.
func clientName(r engine.Request) string {
	if r.ClientName != "" {
		return r.ClientName
	}
	return "[" + r.Client.Addr.String() + "]"
}

// close ends the dialogue. A milter that does not hear of it sees the connection end.
func (s *session) close() {
	s.ClientSession.Close()
	s.conn.Close()
}

// dialogue goes through the commands until the milter has decided.
func (s *session) dialogue(r engine.Request) error {
	for _, step := range []func(engine.Request) error{s.connect, s.helo, s.mail, s.recipients, s.content} {
		if err := step(r); err != nil || s.done {
			s.answer.Early = s.done && s.at != endOfMessage && s.at != "data" && s.at != "header" && s.at != "body"
			return err
		}
	}
	return nil
}

func (s *session) connect(r engine.Request) error {
	family := milter.FamilyInet
	if r.Client.Addr.Is6() {
		family = milter.FamilyInet6
	}
	addr := r.Client.Addr
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	return s.says("connect")(s.Conn(clientName(r), family, r.Client.Port, addr.String()))
}

func (s *session) helo(r engine.Request) error { return s.says("helo")(s.Helo(line(r.Client.Helo))) }

func (s *session) mail(r engine.Request) error {
	args := ""
	if r.Envelope.Params.Body != "" {
		args = "BODY=" + line(r.Envelope.Params.Body)
	}
	return s.says("mail")(s.Mail(line(string(r.Envelope.ReversePath)), args))
}

// recipients names each; where the milter refuses all of them there is nothing to go on with.
func (s *session) recipients(r engine.Request) error {
	refused := map[mail.Path]engine.Refusal{}
	for _, p := range r.Envelope.Recipients {
		s.macros.Set(milter.MacroRcptAddr, line(string(p)))
		s.macros.Set(milter.MacroRcptHost, line(p.Domain()))
		s.at = "rcpt"
		act, err := s.Rcpt(line(string(p)), "")
		if err != nil {
			return err
		}
		switch verdict, reply := judge(act); verdict {
		case "": // go on
		case engine.Reject, engine.TempFail: // of this recipient alone
			refused[p] = engine.Refusal{Verdict: verdict, Reply: reply}
		default:
			s.decide(verdict, reply)
			return nil
		}
	}
	if len(refused) > 0 {
		s.answer.Recipients = refused
		s.answer.At = s.at
		s.done = len(refused) == len(r.Envelope.Recipients)
	}
	return nil
}

func (s *session) content(r engine.Request) error {
	if r.Message == nil {
		return nil
	}
	if err := s.says("data")(s.DataStart()); err != nil || s.done {
		return err
	}
	h := r.Message.Header()
	if err := r.Message.Err(); err != nil {
		return err
	}
	for i := range h.Fields {
		if h.Fields[i].Name == "" {
			continue
		}
		if err := s.says("header")(s.HeaderField(line(h.Fields[i].Name), s.value(h.Fields[i].Raw), nil)); err != nil || s.done {
			return err
		}
	}
	if err := s.says("header")(s.HeaderEnd()); err != nil || s.done {
		return err
	}
	if err := s.body(io.NewSectionReader(r.Message, h.Size, r.Message.Size()-h.Size)); err != nil || s.done {
		return err
	}
	return s.end()
}

// value is a field's value as milters want it: folded, with bare line feeds.
func (s *session) value(raw []byte) string {
	_, v, _ := strings.Cut(string(raw), ":")
	v = strings.ReplaceAll(v, "\r\n", "\n")
	v = strings.TrimSuffix(v, "\n")
	if !s.ProtocolOption(milter.OptHeaderLeadingSpace) {
		v = strings.TrimPrefix(v, " ")
	}
	return strings.ReplaceAll(v[:min(len(v), maxField)], "\x00", " ")
}

func (s *session) body(r io.Reader) error {
	if s.ProtocolOption(milter.OptNoBody) {
		_, err := s.BodyChunk(nil) // sends nothing, but the library wants to be told
		return err
	}
	buf := make([]byte, bodyChunk)
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buf)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return err
		}
		if n > 0 || first {
			if err := s.says("body")(s.BodyChunk(buf[:n])); err != nil || s.done {
				return err
			}
		}
		if ended || s.Skip() {
			return nil
		}
	}
}

const endOfMessage = "end of message"

// end hears the verdict, and what the milter wants changed.
func (s *session) end() error {
	s.at = endOfMessage
	changes, act, err := s.End()
	if err != nil {
		return err
	}
	verdict, reply := judge(act)
	if verdict == "" {
		verdict = engine.Accept
	}
	for _, c := range changes {
		if c.Type == milter.ActionQuarantine && verdict == engine.Accept {
			verdict, reply = engine.Quarantine, text(c.Reason)
		}
		if change := describe(c); change != "" && len(s.answer.Changes) < maxChanges {
			s.answer.Changes = append(s.answer.Changes, change)
		}
	}
	if s.conn.replaced {
		s.answer.Changes = append(s.answer.Changes, "replace the body")
	}
	s.decide(verdict, reply)
	return nil
}

// describe tells of a change in a line.
func describe(c milter.ModifyAction) string {
	switch c.Type {
	case milter.ActionAddRcpt:
		return text("add the recipient " + c.Rcpt)
	case milter.ActionDelRcpt:
		return text("remove the recipient " + c.Rcpt)
	case milter.ActionChangeFrom:
		return text("change the sender to " + c.From)
	case milter.ActionAddHeader, milter.ActionInsertHeader:
		return text("add " + c.HeaderName + ": " + c.HeaderValue)
	case milter.ActionChangeHeader:
		if c.HeaderValue == "" {
			return text(fmt.Sprintf("remove %s (%d)", c.HeaderName, c.HeaderIndex))
		}
		return text(fmt.Sprintf("change %s (%d) to %s", c.HeaderName, c.HeaderIndex, c.HeaderValue))
	}
	return ""
}

// says takes what the milter says to a command.
func (s *session) says(at string) func(*milter.Action, error) error {
	return func(act *milter.Action, err error) error {
		s.at = at
		if err != nil {
			return err
		}
		if verdict, reply := judge(act); verdict != "" {
			s.decide(verdict, reply)
		}
		return nil
	}
}

func (s *session) decide(v engine.Verdict, reply string) {
	s.done = true
	s.answer.Verdict, s.answer.Reply, s.answer.At = v, reply, s.at
}

// judge makes a verdict of a milter's word, "" where it wants to hear more.
func judge(act *milter.Action) (v engine.Verdict, reply string) {
	switch act.Type {
	case milter.ActionAccept:
		return engine.Accept, ""
	case milter.ActionDiscard:
		return engine.Discard, ""
	case milter.ActionReject:
		return engine.Reject, ""
	case milter.ActionTempFail:
		return engine.TempFail, ""
	case milter.ActionRejectWithCode:
		if act.SMTPCode/100 == 4 {
			return engine.TempFail, replyText(act.SMTPReply)
		}
		return engine.Reject, replyText(act.SMTPReply)
	}
	return "", ""
}

// replyText is a reply without its codes, in one line.
func replyText(reply string) string {
	var parts []string
	for l := range strings.Lines(reply) {
		l = strings.TrimSpace(l)
		if len(l) < 4 {
			continue
		}
		l = strings.TrimSpace(l[4:])
		first, rest, _ := strings.Cut(l, " ")
		if strings.Count(first, ".") == 2 && strings.Trim(first, "0123456789.") == "" { // RFC 3463
			l = strings.TrimSpace(rest)
		}
		if l != "" {
			parts = append(parts, l)
		}
	}
	return text(strings.Join(parts, " "))
}

// text keeps what a milter says readable and short.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return '_'
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), maxText)]
}

// line keeps what others sent in its place: the protocol's texts end with a zero octet.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
