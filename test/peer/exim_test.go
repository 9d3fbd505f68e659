package peer

import "testing"

// The instance takes a message and keeps it.
func TestExim(t *testing.T) {
	e, err := StartExim(t.TempDir(), Config{Domains: []string{"kept.example"}})
	keeps(t, e, err, func() error { return send(e.SMTP) })
}
