package app

import (
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/smtpd"
)

// A standing is what opened a mailbox, or a sender, as its log-in began, where mail is sent.
type standing struct {
	directory *directory.Directory
	then      *directory.Snapshot // until the log-in has succeeded
	login     mail.Path
	keys      []uint64
	looked    int64 // the revision of the last look
	over      bool
}

var _ smtpd.Standing = (*standing)(nil)

func (a *App) sendingLogin() smtpd.Standing {
	return &standing{directory: a.directory, then: a.directory.Snapshot()}
}

// Entered implements smtpd.Standing.
func (o *standing) Entered(login mail.Path) {
	o.login, o.keys, o.looked = login, sendingKeys(o.then, login), o.then.Revision()
	o.then = nil
}

// Stands implements smtpd.Standing.
func (o *standing) Stands() bool {
	s := o.directory.Snapshot()
	if o.over || s.Revision() == o.looked {
		return !o.over
	}
	now := sendingKeys(s, o.login)
	o.looked, o.over = s.Revision(), len(now) == 0 || gone(o.keys, now)
	return !o.over
}

// sendingKeys are what lets a log-in send: none where it may not.
func sendingKeys(s *directory.Snapshot, login mail.Path) []uint64 {
	if m, person := s.Mailbox(login); person {
		if !s.Serves(m.ID, directory.ServiceSubmission) {
			return nil
		}
		return keysOf(s, m.ID)
	}
	n, ok := s.Sender(login)
	if !ok || n.Off {
		return nil
	}
	list := []uint64{numbered("sender", n.SCRAM)}
	for _, k := range n.Keys {
		list = append(list, numbered("key", k))
	}
	return list
}
