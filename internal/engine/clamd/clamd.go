// Package clamd speaks to ClamAV's daemon, over a unix socket or TCP (clamd(8)). Scan
// streams a message to it (INSTREAM), so that it need not see our files and no copy of the
// message is made; Probe asks how old its signatures are. Each question has a connection of
// its own, which clamd closes when it has answered.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

const (
	chunk     = 64 << 10 // octets sent at once
	maxAnswer = 4 << 10  // octets of an answer: a line
)

// Scan has clamd at an address look at a message; virus is what it found, "" if nothing.
// The error is engine.ErrDeclined where the message is larger than clamd's StreamMaxLength,
// or clamd stopped at another of its limits (AlertExceedsMax).
func Scan(ctx context.Context, address string, m *mail.Message) (virus string, err error) {
	c, err := engine.Dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	sent := stream(c, m.Reader())
	if errors.As(sent, new(readError)) {
		return "", sent
	}
	// Where the stream is too long clamd answers and closes while we still send.
	answer, err := readAnswer(c)
	switch {
	case err == nil:
		return parse(answer)
	case sent != nil:
		err = sent
	}
	return "", fmt.Errorf("clamd: %w", err)
}

// A readError is ours, not clamd's.
type readError struct{ error }

// Unwrap returns the cause.
func (e readError) Unwrap() error { return e.error }

// stream sends the content: chunks, each behind its length in four octets, and an empty one.
func stream(c net.Conn, r io.Reader) error {
	if _, err := io.WriteString(c, "zINSTREAM\x00"); err != nil {
		return err
	}
	buf := make([]byte, 4+chunk)
	for {
		n, err := io.ReadFull(r, buf[4:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return readError{fmt.Errorf("clamd: read message: %w", err)}
		}
		binary.BigEndian.PutUint32(buf, uint32(n))
		if _, err := c.Write(buf[:4+n]); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// readAnswer reads up to the zero octet that ends an answer: one that is cut off could be
// taken for another.
func readAnswer(c net.Conn) (string, error) {
	b, err := bufio.NewReaderSize(c, maxAnswer).ReadSlice(0)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("answered with more than %d octets", maxAnswer)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return string(b[:len(b)-1]), nil
}

// limits is how clamd names what it found where it stopped at a limit: nobody knows what
// is behind it.
const limits = "Heuristics.Limits.Exceeded"

// parse reads clamd's answer to a scan.
func parse(answer string) (virus string, err error) {
	answer = strings.TrimSpace(answer)
	text := printable(answer)
	if strings.HasPrefix(answer, "INSTREAM size limit exceeded") {
		return "", fmt.Errorf("clamd: the message is larger than its StreamMaxLength: %w", engine.ErrDeclined)
	}
	rest, ok := strings.CutPrefix(answer, "stream: ")
	name, found := strings.CutSuffix(rest, " FOUND")
	switch {
	case !ok:
		return "", fmt.Errorf("clamd: answered %q", text)
	case found && strings.HasPrefix(name, limits):
		return "", fmt.Errorf("clamd: %s: %w", printable(name), engine.ErrDeclined)
	case found && name != "":
		return printable(name), nil
	case rest == "OK":
		return "", nil
	}
	return "", fmt.Errorf("clamd: answered %q", text)
}

// maxName bounds a signature's name in octets.
const maxName = 200

// printable keeps what is said readable and short, whoever says it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, s[:min(len(s), maxName)])
}

// Probe asks clamd at an address for its version, and that of its signatures. The answer
// has their time in the zone of clamd's machine, which is taken to be this one's. A clamd
// that keeps its version to itself is pinged.
func Probe(ctx context.Context, address string) (engine.Info, error) {
	answer, err := ask(ctx, address, "zVERSION\x00")
	if err != nil {
		return engine.Info{}, err
	}
	if info, ok := parseVersion(answer); ok {
		return info, nil
	}
	if answer, err = ask(ctx, address, "zPING\x00"); err != nil {
		return engine.Info{}, err
	}
	if answer != "PONG" {
		return engine.Info{}, fmt.Errorf("clamd: answered PING with %q", printable(answer))
	}
	return engine.Info{}, nil
}

func ask(ctx context.Context, address, command string) (string, error) {
	c, err := engine.Dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, command); err != nil {
		return "", fmt.Errorf("clamd: %w", err)
	}
	answer, err := readAnswer(c)
	if err != nil {
		return "", fmt.Errorf("clamd: %w", err)
	}
	return strings.TrimSpace(answer), nil
}

// parseVersion reads "ClamAV 1.4.6/27500/Wed Nov 25 09:30:11 2026"; without signatures of
// its makers there is the first part alone.
func parseVersion(s string) (engine.Info, bool) {
	if !strings.HasPrefix(s, "ClamAV ") {
		return engine.Info{}, false
	}
	parts := strings.SplitN(s, "/", 3)
	info := engine.Info{Version: printable(parts[0])}
	if len(parts) == 3 {
		info.Version += "/" + printable(parts[1])
		if t, err := time.ParseInLocation(time.ANSIC, strings.TrimSpace(parts[2]), time.Local); err == nil {
			info.Signatures = t
		}
	}
	return info, true
}
