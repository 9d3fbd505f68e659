package peer

import (
	"errors"
	"net/textproto"
	"os"
	"testing"
)

// A mailbox of either format is opened over both doors, and no other.
func TestDovecotMail(t *testing.T) {
	d, err := StartDovecotMail(t.TempDir(), "maildir-0", "sdbox-0")
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop()
	for _, c := range []struct{ addr, login, want string }{
		{d.IMAP, "a LOGIN maildir-0 " + DovecotPassword, "a OK"},
		{d.IMAP, "a LOGIN sdbox-0 " + DovecotPassword, "a OK"},
		{d.POP3, "USER sdbox-0\r\nPASS " + DovecotPassword, "+OK Logged"},
		{d.IMAP, "a LOGIN other-0 " + DovecotPassword, "a NO"},
	} {
		conn, err := textproto.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.PrintfLine("%s", c.login); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := conn.ReadLine()
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.login, err, d.Log())
			}
			if len(line) >= len(c.want) && line[:len(c.want)] == c.want {
				break
			}
		}
		conn.Close()
	}
}
