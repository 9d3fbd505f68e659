package peer

import "testing"

// The instance takes a message and keeps it.
func TestOpenSMTPD(t *testing.T) {
	o, err := StartOpenSMTPD(t.TempDir(), Config{Domains: []string{"kept.example"}, Refused: []string{"refused"}})
	keeps(t, o, err, func() error { return send(o.SMTP) })
}
