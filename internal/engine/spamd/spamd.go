// Package spamd speaks to SpamAssassin's daemon by its own protocol (SPAMC, version 1.5; the
// file spamd/PROTOCOL of SpamAssassin), over a unix socket or TCP. Grade streams a message to
// it, below the fields from which it knows client and envelope, and reads the report back;
// Probe pings it.
package spamd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gatepost/internal/engine"
)

const (
	maxLine   = 1 << 10   // octets of a line in the head of an answer
	maxHead   = 20        // lines
	maxReport = 256 << 10 // octets of a report; SpamAssassin's are some kilobytes
	maxText   = 200       // octets kept of a test's description
)

// Grade has spamd at an address judge a message.
func Grade(ctx context.Context, address string, r engine.Request) (engine.Grade, error) {
	c, err := engine.Dial(ctx, address)
	if err != nil {
		return engine.Grade{}, err
	}
	defer c.Close()
	if err := send(c, r); err != nil {
		return engine.Grade{}, fmt.Errorf("spamd: %w", err)
	}
	g, err := read(c)
	if err != nil {
		return engine.Grade{}, fmt.Errorf("spamd: %w", err)
	}
	return g, nil
}

// send asks for a report. The length is told before, so spamd knows the end.
func send(c io.Writer, r engine.Request) error {
	trace := r.Trace()
	content, size := r.Content()
	head := fmt.Sprintf("REPORT SPAMC/1.5\r\nContent-length: %d\r\n", int64(len(trace))+size)
	if r.User != "" {
		if strings.ContainsFunc(r.User, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Errorf("user %q can't be named", r.User)
		}
		head += "User: " + r.User + "\r\n"
	}
	w := bufio.NewWriterSize(c, 64<<10)
	w.WriteString(head + "\r\n") // a failure stays until Flush
	w.Write(trace)
	if n, err := io.Copy(w, content); err != nil || n != size {
		return errors.Join(fmt.Errorf("sent %d of %d octets", n, size), err)
	}
	return w.Flush()
}

// read reads an answer: "SPAMD/1.1 0 EX_OK", a head, an empty line and the report.
func read(c io.Reader) (engine.Grade, error) {
	r := bufio.NewReaderSize(io.LimitReader(c, maxReport+maxHead*maxLine), maxLine)
	first, err := line(r)
	if err != nil {
		return engine.Grade{}, err
	}
	f := strings.Fields(first)
	switch {
	case len(f) < 3 || !strings.HasPrefix(f[0], "SPAMD/"):
		return engine.Grade{}, fmt.Errorf("answered %q", first)
	case f[1] != "0":
		return engine.Grade{}, fmt.Errorf("answered %q", first)
	}
	g, judged := engine.Grade{}, false
	for range maxHead {
		text, err := line(r)
		if err != nil {
			return engine.Grade{}, err
		}
		name, value, _ := strings.Cut(text, ":")
		switch {
		case text == "" && !judged:
			return engine.Grade{}, errors.New("answered without a judgement")
		case text == "":
			report, err := io.ReadAll(r)
			g.Tests = tests(string(report))
			return g, err
		case strings.EqualFold(name, "Spam"):
			if err := judgement(&g, value); err != nil {
				return engine.Grade{}, err
			}
			judged = true
		}
	}
	return engine.Grade{}, fmt.Errorf("answered with a head of more than %d lines", maxHead)
}

// line reads a line of the head, without its end.
func line(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("answered with a line of more than %d octets", maxLine)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return printable(strings.TrimRight(string(b), "\r\n")), nil
}

// judgement reads "True ; 15.1 / 5.0".
func judgement(g *engine.Grade, value string) error {
	word, numbers, ok := strings.Cut(value, ";")
	score, required, both := strings.Cut(numbers, "/")
	var err1, err2 error
	g.Score, err1 = strconv.ParseFloat(strings.TrimSpace(score), 64)
	g.Required, err2 = strconv.ParseFloat(strings.TrimSpace(required), 64)
	word = strings.ToLower(strings.TrimSpace(word))
	g.Spam = word == "true" || word == "yes"
	if !ok || !both || err1 != nil || err2 != nil || !finite(g.Score, g.Required) || !g.Spam && word != "false" && word != "no" {
		return fmt.Errorf("answered %q, which is no judgement", value)
	}
	return nil
}

func finite(numbers ...float64) bool {
	for _, n := range numbers {
		if math.IsNaN(n) || math.Abs(n) > 1e6 {
			return false
		}
	}
	return true
}

// A rule of a report's table: points, name, description.
var rule = regexp.MustCompile(`^\s*\*?\s*(-?\d{1,4}(?:\.\d{1,4})?) ([A-Z_][A-Z0-9_]*)(?:\s+(\S.*))?$`)

// tests finds the rules that hit in a report, whatever an admin made of its wording.
func tests(report string) (list []engine.Test) {
	for text := range strings.Lines(report) {
		m := rule.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
		if m == nil {
			continue
		}
		if len(list) == engine.MaxTests {
			break
		}
		points, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			continue
		}
		list = append(list, engine.Test{Name: m[2], Points: points, Text: short(printable(m[3]))})
	}
	return list
}

func short(s string) string { return s[:min(len(s), maxText)] }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
}

// Probe pings spamd at an address.
func Probe(ctx context.Context, address string) (engine.Info, error) {
	c, err := engine.Dial(ctx, address)
	if err != nil {
		return engine.Info{}, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "PING SPAMC/1.5\r\n\r\n"); err != nil {
		return engine.Info{}, fmt.Errorf("spamd: %w", err)
	}
	answer, err := line(bufio.NewReaderSize(c, maxLine))
	if err != nil {
		return engine.Info{}, fmt.Errorf("spamd: %w", err)
	}
	if !strings.HasPrefix(answer, "SPAMD/") || !strings.HasSuffix(answer, " PONG") {
		return engine.Info{}, fmt.Errorf("spamd: answered PING with %q", answer)
	}
	return engine.Info{Version: strings.Fields(answer)[0]}, nil
}
