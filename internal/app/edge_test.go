package app

import (
	"errors"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/door"
)

// Whose mailbox is suspended or closed, or has the service shut, hears that at each door, and only with the right password: to come
// again is no use.
func TestShutIsTold(t *testing.T) {
	n := openPages(t)
	text := func(s directory.State) *string { v := string(s); return &v }
	at := client("198.51.100.7")
	for _, c := range []struct {
		name             string
		set              ops.MailboxSet
		imap, submission error
	}{
		{"open", ops.MailboxSet{}, nil, nil},
		{"submission shut", ops.MailboxSet{Shut: &[]string{"submission"}}, nil, door.ErrShut},
		{"imap shut", ops.MailboxSet{Shut: &[]string{"imap"}}, door.ErrShut, nil},
		{"suspended", ops.MailboxSet{Shut: &[]string{}, State: text(directory.Suspended)}, door.ErrShut, door.ErrShut},
		{"closed", ops.MailboxSet{State: text(directory.Closed)}, door.ErrShut, door.ErrShut},
	} {
		c.set.Address = "ann@test.example"
		n.must2(n.setMailbox(t.Context(), c.set))
		all := logins{d: n.directory, g: n.guard}
		for _, l := range []struct {
			name string
			door.Authenticator
			want error
		}{
			{"imap", doorLogins{all, directory.ServiceIMAP}, c.imap},
			{"submission", submissionLogins{doorLogins{all, directory.ServiceSubmission}, n.allowance}, c.submission},
		} {
			if _, _, err := l.Login(t.Context(), "ann@test.example", pagesPassword, at); !errors.Is(err, l.want) {
				t.Errorf("%s, %s: %v, want %v", c.name, l.name, err, l.want)
			}
			if _, _, err := l.Login(t.Context(), "ann@test.example", "wrong", at); !errors.Is(err, door.ErrLogin) {
				t.Errorf("%s, %s, wrong password: %v", c.name, l.name, err)
			}
		}
	}
}
