package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// A reader is a mail program as cheap as can be, since it runs beside the server: it looks at
// each line's beginning, and passes over literals.
type reader struct {
	conn   net.Conn
	r      *bufio.Reader
	w      *bufio.Writer
	tag    int
	octets int64 // of literals
}

// patience is how long an answer is waited for.
const patience = 5 * time.Minute

// dialReader connects from an address of loopback and waits for the greeting.
func dialReader(addr, from string) (*reader, error) {
	d := net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: c, r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 32<<10)}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := r.line(); err != nil {
		c.Close()
		return nil, err
	}
	return r, nil
}

// login is a connection that has logged in.
func login(addr, from, user, password string) (*reader, error) {
	r, err := dialReader(addr, from)
	if err != nil {
		return nil, err
	}
	if err := r.do(nil, "LOGIN %q %q", user, password); err != nil {
		r.conn.Close()
		return nil, err
	}
	return r, nil
}

// line reads an answer up to its line's end that is no literal's, and returns what is
// before the first literal. It is good until the next read.
func (r *reader) line() ([]byte, error) {
	var first []byte
	for {
		l, err := r.r.ReadSlice('\n')
		for err == bufio.ErrBufferFull {
			l, err = r.r.ReadSlice('\n')
		}
		if err != nil {
			return nil, err
		}
		n, ok := literal(l)
		if !ok && first == nil {
			return l, nil
		}
		if !ok {
			return first, nil
		}
		if first == nil {
			first = bytes.Clone(l[:min(len(l), 40)])
		}
		if _, err := r.r.Discard(n); err != nil {
			return nil, err
		}
		r.octets += int64(n)
	}
}

// literal is the size that a line's end announces.
func literal(l []byte) (int, bool) {
	l = bytes.TrimRight(l, "\r\n")
	if len(l) == 0 || l[len(l)-1] != '}' {
		return 0, false
	}
	n, err := strconv.Atoi(string(l[bytes.LastIndexByte(l, '{')+1 : len(l)-1]))
	return n, err == nil
}

// do sends a command, hands each untagged line to f and waits for OK.
func (r *reader) do(f func(line []byte), format string, args ...any) error {
	r.tag++
	fmt.Fprintf(r.w, "a%d "+format+"\r\n", append([]any{r.tag}, args...)...)
	return r.wait(f)
}

func (r *reader) wait(f func(line []byte)) error {
	if err := r.w.Flush(); err != nil {
		return err
	}
	r.conn.SetDeadline(time.Now().Add(patience))
	tag := []byte("a" + strconv.Itoa(r.tag) + " ")
	for {
		l, err := r.line()
		switch {
		case err != nil:
			return err
		case bytes.HasPrefix(l, tag) && bytes.HasPrefix(l[len(tag):], []byte("OK")):
			return nil
		case bytes.HasPrefix(l, tag):
			return fmt.Errorf("imap: %s", strings.TrimSpace(string(l)))
		}
		if f != nil {
			f(l)
		}
	}
}

// append delivers a message without waiting to be asked for it.
func (r *reader) append(folder string, message []byte) error {
	r.tag++
	fmt.Fprintf(r.w, "a%d APPEND %s {%d+}\r\n", r.tag, folder, len(message))
	r.w.Write(message)
	r.w.WriteString("\r\n")
	return r.wait(nil)
}

// open selects a folder and returns how many messages it has.
func (r *reader) open(folder string) (n int, err error) {
	err = r.do(func(l []byte) {
		if bytes.HasSuffix(l, []byte(" EXISTS\r\n")) {
			n, _ = strconv.Atoi(string(bytes.Fields(l)[1]))
		}
	}, "SELECT %s", folder)
	return n, err
}

// idle begins IDLE and returns once the server has said so.
func (r *reader) idle() error {
	r.tag++
	fmt.Fprintf(r.w, "a%d IDLE\r\n", r.tag)
	if err := r.w.Flush(); err != nil {
		return err
	}
	for {
		if l, err := r.line(); err != nil || l[0] == '+' {
			return err
		}
	}
}

// close ends the connection without a word.
func (r *reader) close() { r.conn.Close() }
