package peer

import (
	"bytes"
	"errors"
	"net/smtp"
	"os"
	"testing"
	"time"
)

// A mailer is what all peers that keep mail have in common.
type mailer interface {
	Stop()
	Log() string
	Mails(each func(content []byte)) error
}

// The instance takes a message and keeps it.
func TestPostfix(t *testing.T) {
	p, err := StartPostfix(t.TempDir(), PostfixConfig{Domains: []string{"kept.example"}})
	keeps(t, p, err, func() error { return send(p.SMTP) })
}

// keeps sends a message to what was started, if it was, and waits until it is kept.
func keeps(t *testing.T, p mailer, err error, send func() error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := send(); err != nil {
		t.Fatal(err, p.Log())
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		found := false
		if err := p.Mails(func(b []byte) { found = found || bytes.HasSuffix(b, []byte("hello\n")) }); err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
	}
	t.Fatalf("not delivered:\n%s", p.Log())
}

// send waits for each reply: not every peer speaks PIPELINING.
func send(addr string) error {
	c, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Mail("a@b.example"), c.Rcpt("any@kept.example")); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write([]byte("Subject: x\r\n\r\nhello\r\n"))
	return errors.Join(err, w.Close())
}
