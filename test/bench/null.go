package main

import (
	"bufio"
	"bytes"
	"net"
	"strings"
)

// serveNull speaks SMTP and does nothing else: what client and loopback allow.
func serveNull(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go null(c, nothing{})
	}
}

// A witness is told of each message taken, and says whether to go on.
type witness interface {
	shut() bool
	took()
}

// nothing is the witness of those who want none.
type nothing struct{}

func (nothing) shut() bool { return false }
func (nothing) took()      {}

// null serves one connection.
func null(c net.Conn, to witness) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	w := bufio.NewWriter(c)
	w.WriteString("220 null\r\n")
	for {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "DATA":
			w.WriteString("354 go on\r\n")
			if w.Flush() != nil || !swallow(r) {
				return
			}
			to.took()
			w.WriteString("250 2.0.0 gone\r\n")
		case "MAIL":
			if to.shut() {
				w.WriteString("421 4.3.2 come back later\r\n")
				w.Flush()
				return
			}
			w.WriteString("250 ok\r\n")
		case "QUIT":
			w.WriteString("221 bye\r\n")
			w.Flush()
			return
		case "EHLO":
			w.WriteString("250-null\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
		default:
			w.WriteString("250 ok\r\n")
		}
	}
}

// swallow reads up to the line that is a dot alone.
func swallow(r *bufio.Reader) bool {
	whole := true // the line read so far began here
	for {
		line, err := r.ReadSlice('\n')
		if err == nil && whole && bytes.Equal(line, []byte(".\r\n")) {
			return true
		}
		whole = err == nil
		if err != nil && err != bufio.ErrBufferFull {
			return false
		}
	}
}
