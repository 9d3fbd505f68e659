package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A Sender is a user's mail program set up for a server, which it greets and asks for
// TLS, whatever the certificate. Send hands in one message with CRLF line ends and
// returns what went wrong in the program's words.
type Sender struct {
	Addr     string // of the server, host:port
	User     string // to log in as; "" does not
	Password string
	UTF8     bool // asks for SMTPUTF8 (RFC 6531), where the program can

	send func(s Sender, from string, to []string, content []byte) *exec.Cmd
}

// Send sends, within a minute.
func (s Sender) Send(from string, to []string, content []byte) error {
	cmd := s.send(s, from, to, content)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	limited := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	limited.WaitDelay = 5 * time.Second
	limited.Stdin, limited.Env = cmd.Stdin, append(os.Environ(), cmd.Env...)
	out, err := limited.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return fmt.Errorf("peer: %s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

// Swaks returns Swaks, https://jetmore.org/john/code/swaks/: it sends what it is
// told to.
func Swaks(s Sender) Sender {
	s.send = func(s Sender, from string, to []string, content []byte) *exec.Cmd {
		args := []string{"--server", s.Addr, "--helo", "swaks.peer.example", "--tls", "--from", from, "--to", strings.Join(to, ","),
			"--data", "-", "--no-data-fixup", "--silent", "2"}
		if from == "" {
			args[6] = "<>"
		}
		if s.User != "" {
			args = append(args, "--auth", "PLAIN,LOGIN", "--auth-user", s.User, "--auth-password", s.Password)
		}
		cmd := exec.Command("swaks", args...)
		// With its fixup it would replace tokens in the text; without, it wants all as on the wire.
		cmd.Stdin = bytes.NewReader(stuffed(content))
		return cmd
	}
	return s
}

// Msmtp returns msmtp, a sendmail that logs in at a server.
func Msmtp(s Sender) Sender {
	s.send = func(s Sender, from string, to []string, content []byte) *exec.Cmd {
		host, port, _ := net.SplitHostPort(s.Addr)
		args := []string{"--file=/dev/null", "--host=" + host, "--port=" + port, "--domain=msmtp.peer.example", "--tls=on", "--tls-starttls=on", "--tls-certcheck=off",
			"--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off", "--undisclosed-recipients=off", "--remove-bcc-headers=off", "--from=" + from}
		if s.User != "" {
			args = append(args, "--auth=plain", "--user="+s.User, "--passwordeval=echo \"$PEER_PASSWORD\"")
		}
		cmd := exec.Command("msmtp", append(append(args, "--"), to...)...)
		cmd.Env = []string{"PEER_PASSWORD=" + s.Password}
		cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
		return cmd
	}
	return s
}

// Smtplib returns Python's smtplib.
func Smtplib(s Sender) Sender {
	s.send = func(s Sender, from string, to []string, content []byte) *exec.Cmd {
		host, port, _ := net.SplitHostPort(s.Addr)
		options := "BODY=8BITMIME"
		if s.UTF8 {
			options += " SMTPUTF8"
		}
		cmd := exec.Command("python3", append([]string{"-c", smtplib, host, port, s.User, from, options}, to...)...)
		cmd.Env = []string{"PEER_PASSWORD=" + s.Password}
		cmd.Stdin = bytes.NewReader(content)
		return cmd
	}
	return s
}

const smtplib = `
import os, smtplib, ssl, sys
host, port, user, sender, options, *to = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP(host, int(port), "smtplib.peer.example", timeout=50) as s:
    s.starttls(context=context)
    if user:
        s.login(user, os.environ["PEER_PASSWORD"])
    s.sendmail(sender, to, sys.stdin.buffer.read(), mail_options=options.split())
`

// stuffed is content as it stands on the wire (RFC 5321 §4.5.2).
func stuffed(content []byte) []byte {
	content = bytes.ReplaceAll(append([]byte("\r\n"), content...), []byte("\r\n."), []byte("\r\n.."))
	return append(content[2:], ".\r\n"...)
}
