package collector

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What is wrong is called by the name of the flag that sets it.
func TestCheckNamesTLS(t *testing.T) {
	s := Settings{Name: "a", Protocol: "imap", Security: "ssl", User: "ann", Interval: time.Hour, Messages: 1, Octets: 1}
	if err := s.Check(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `tls "ssl": tls, starttls, none or clear`) {
		t.Errorf("got %v", err)
	}
	if s.Security = "tls"; s.Check() != nil {
		t.Errorf("got %v", s.Check())
	}
}
