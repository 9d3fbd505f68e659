package peer

import (
	"net/textproto"
	"testing"
)

// The instance takes a message for one recipient, which it keeps, and refuses
// another.
func TestDovecot(t *testing.T) {
	d, err := StartDovecot(t.TempDir(), "any@kept.example")
	keeps(t, d, err, func() error {
		c, err := textproto.Dial("tcp", d.LMTP)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, step := range []struct {
			code int
			line string
		}{
			{220, ""}, {250, "LHLO client.example"}, {250, "MAIL FROM:<a@b.example>"}, {250, "RCPT TO:<any@kept.example>"},
			{550, "RCPT TO:<other@kept.example>"}, {354, "DATA"}, {250, "Subject: x\r\n\r\nhello\r\n."},
		} {
			if step.line != "" {
				if err := c.PrintfLine("%s", step.line); err != nil {
					return err
				}
			}
			if _, _, err := c.ReadResponse(step.code); err != nil {
				return err
			}
		}
		return nil
	})
}
