package peer

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"gatepost/test/load"
)

// The instance takes a message and keeps it.
func TestPostfix(t *testing.T) {
	p, err := StartPostfix(t.TempDir(), PostfixConfig{Domains: []string{"kept.example"}})
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	c, err := load.Dial(p.SMTP, "client.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	code, text, err := c.Send("a@b.example", []string{"any@kept.example"}, []byte("Subject: x\r\n\r\nhello\r\n"))
	if err != nil || code != 250 {
		t.Fatal(code, text, err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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
