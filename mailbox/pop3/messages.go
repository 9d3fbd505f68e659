package pop3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// number reads the number of a message that is not marked.
func (s *session) number(word string) (int, *message, error) {
	n, err := strconv.Atoi(word)
	switch {
	case err != nil || n < 1 || n > len(s.messages):
		return 0, nil, refusal("No such message")
	case s.messages[n-1].deleted:
		return 0, nil, refusal("That message is marked as deleted")
	}
	return n, &s.messages[n-1], nil
}

func (s *session) total() (count int, size int64) {
	for _, m := range s.messages {
		if !m.deleted {
			count++
			size += m.size
		}
	}
	return count, size
}

// stat: RFC 1939 §5.
func (s *session) stat(context.Context, string) error {
	count, size := s.total()
	s.ok(fmt.Sprintf("%d %d", count, size))
	return nil
}

// list: RFC 1939 §5.
func (s *session) list(_ context.Context, args string) error {
	return s.each(args, func(m *message) string { return strconv.FormatInt(m.size, 10) })
}

// uidl: RFC 1939 §7.
func (s *session) uidl(_ context.Context, args string) error {
	return s.each(args, func(m *message) string { return fmt.Sprintf("%d.%d", s.inbox.UIDValidity, m.uid) })
}

// each answers about one message, or about all.
func (s *session) each(args string, what func(m *message) string) error {
	if args != "" {
		n, m, err := s.number(args)
		if err == nil {
			s.ok(fmt.Sprintf("%d %s", n, what(m)))
		}
		return err
	}
	count, size := s.total()
	s.ok(fmt.Sprintf("%d messages (%d octets)", count, size))
	for i := range s.messages {
		if m := &s.messages[i]; !m.deleted {
			fmt.Fprintf(s.out, "%d %s\r\n", i+1, what(m))
		}
	}
	s.out.WriteString(".\r\n")
	return nil
}

// dele: RFC 1939 §5. It is done at QUIT.
func (s *session) dele(_ context.Context, args string) error {
	n, m, err := s.number(args)
	if err != nil {
		return err
	}
	m.deleted = true
	s.ok(fmt.Sprintf("Message %d is deleted", n))
	return nil
}

// rset: RFC 1939 §5.
func (s *session) rset(context.Context, string) error {
	for i := range s.messages {
		s.messages[i].deleted = false
	}
	s.ok("Nothing is marked")
	return nil
}

// retr: RFC 1939 §5.
func (s *session) retr(ctx context.Context, args string) error {
	_, m, err := s.number(args)
	if err != nil {
		return err
	}
	if err := s.send(ctx, m, -1); err != nil {
		return err
	}
	m.read = true
	return nil
}

// top: RFC 1939 §7.
func (s *session) top(ctx context.Context, args string) error {
	which, lines, ok := strings.Cut(args, " ")
	n, err := strconv.Atoi(lines)
	if !ok || err != nil || n < 0 {
		return refusal("TOP needs a message and a number of lines")
	}
	_, m, err := s.number(which)
	if err != nil {
		return err
	}
	return s.send(ctx, m, n)
}

// send answers with a message: all of it, or its header and so many lines.
func (s *session) send(ctx context.Context, m *message, lines int) error {
	found, err := s.srv.Store.Messages(ctx, s.inbox.ID, mailbox.UIDSet{}.Add(m.uid), mailbox.Content)
	switch {
	case errors.Is(err, mailbox.ErrNoFolder), err == nil && len(found) == 0:
		return refusal("That message was removed by another session")
	case err != nil:
		return err
	}
	content, err := s.srv.Bodies.Open(ctx, blob.ID(found[0].Blob))
	if err != nil {
		return err
	}
	defer content.Close()
	served := found[0].View.Message(mail.NewSpooled(content, content.Size()))
	s.ok(fmt.Sprintf("%d octets", served.Size()))
	if err := dotted(s.out, served.Reader(), lines); err != nil {
		s.closing = true // the client waits for octets that will not come
		s.out.Reset(discard{})
		s.log.Error("message not sent", "uid", m.uid, "error", err)
		s.Close()
	}
	return nil
}

// dotted writes a message as a multi-line response (RFC 1939 §3): a dot more before those that
// begin a line, and one alone behind the last. With lines at or above 0 it ends after so many of
// the body. A bare LF ends a line too, and goes out as CRLF.
func dotted(w *bufio.Writer, r io.Reader, lines int) error {
	in := bufio.NewReaderSize(r, 16<<10)
	start, body, last := true, false, byte('\n')
	for !body || lines != 0 {
		part, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(part) > 0 {
			if start && part[0] == '.' {
				w.WriteByte('.')
			}
			text, whole := bytes.CutSuffix(part, []byte("\n"))
			w.Write(text)
			if len(text) > 0 {
				last = text[len(text)-1]
			}
			if whole {
				if last != '\r' {
					w.WriteByte('\r')
				}
				w.WriteByte('\n')
				if empty := start && len(bytes.TrimSuffix(text, []byte("\r"))) == 0; !body && empty {
					body = true
				} else if body && lines > 0 {
					lines--
				}
				last = '\n'
			}
			start = whole
		}
		if errors.Is(err, io.EOF) {
			if last != '\n' {
				w.WriteString("\r\n")
			}
			break
		}
	}
	_, err := w.WriteString(".\r\n")
	return err
}
