// Package load is the client side of tests and measurements: an SMTP client that
// does no more than is asked of it, and many of them at once.
package load

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"
)

// A Client is one SMTP connection.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer

	patient bool // each command waits for the reply to the one before
}

// limit is how long a reply may take.
const limit = 60 * time.Second

// Dial connects and says EHLO.
func Dial(addr, helo string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, r: bufio.NewReader(conn), w: bufio.NewWriterSize(conn, 64<<10)}
	if err = c.want(220, ""); err == nil {
		err = c.want(250, "EHLO %s\r\n", helo)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Send does one transaction and returns the last reply. The message has CRLF line
// ends and is not dot-stuffed yet. An error means that the connection is lost and
// nothing is known about the message.
func (c *Client) Send(from string, to []string, message []byte) (code int, text string, err error) {
	commands := []string{"MAIL FROM:<" + from + ">\r\n"}
	for _, rcpt := range to {
		commands = append(commands, "RCPT TO:<"+rcpt+">\r\n")
	}
	commands = append(commands, "DATA\r\n")
	if !c.patient { // RFC 2920: all in one write
		c.w.WriteString(strings.Join(commands, ""))
	}
	refused, why := 0, ""
	for _, command := range commands {
		if c.patient {
			c.w.WriteString(command)
		}
		if code, text, err = c.reply(); err != nil {
			return 0, "", err
		}
		if code/100 > 3 && refused == 0 {
			refused, why = code, text
		}
	}
	if code != 354 {
		c.Reset()
		return refused, why, nil
	}
	if _, err := c.w.Write(Stuff(message)); err != nil {
		return 0, "", err
	}
	return c.reply()
}

// XClient tells a server that believes us that we are another client, and says EHLO again
// (https://www.postfix.org/XCLIENT_README.html).
func (c *Client) XClient(addr, helo string) error {
	if err := c.want(220, "XCLIENT ADDR=%s NAME=[UNAVAILABLE]\r\n", addr); err != nil {
		return err
	}
	return c.want(250, "EHLO %s\r\n", helo)
}

// Reset sends RSET.
func (c *Client) Reset() error { return c.want(250, "RSET\r\n") }

// Close says QUIT and closes.
func (c *Client) Close() {
	c.want(221, "QUIT\r\n")
	c.conn.Close()
}

func (c *Client) want(code int, format string, args ...any) error {
	if format != "" {
		fmt.Fprintf(c.w, format, args...)
	}
	got, text, err := c.reply()
	if err == nil && got != code {
		err = fmt.Errorf("got %s, want %d", text, code)
	}
	return err
}

func (c *Client) reply() (code int, text string, err error) {
	c.conn.SetDeadline(time.Now().Add(limit))
	if err := c.w.Flush(); err != nil {
		return 0, "", err
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		if len(line) < 4 {
			return 0, "", fmt.Errorf("reply %q", line)
		}
		if line[3] != '-' {
			_, err := fmt.Sscanf(line[:3], "%d", &code)
			return code, strings.TrimSpace(line), err
		}
	}
}

// Stuff doubles leading dots and ends the message with the dot line (RFC 5321
// §4.5.2).
func Stuff(message []byte) []byte {
	out := make([]byte, 0, len(message)+64)
	if bytes.HasPrefix(message, []byte(".")) {
		out = append(out, '.')
	}
	out = append(out, bytes.ReplaceAll(message, []byte("\r\n."), []byte("\r\n.."))...)
	if !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...)
}

// Lines returns content with every kind of line end turned into CRLF, and one at
// its end: the form in which a client sends a file.
func Lines(content []byte) []byte {
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	content = bytes.ReplaceAll(content, []byte("\r"), []byte("\n"))
	content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
	if !bytes.HasSuffix(content, []byte("\r\n")) {
		content = append(content, "\r\n"...)
	}
	return content
}
