package app

import (
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// Where mail is sent a log-in stands until what opened the mailbox, or sender, when it began is changed or taken away, or may send no more.
func TestStanding(t *testing.T) {
	n := openPages(t)
	ctx := t.Context()
	name := mail.Path("sends@test.example")
	n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: name}, "a long pass phrase"))
	n.must2(n.directory.AddApp(ctx, name, "phone"))
	printer, _, err := n.directory.AddSender(ctx, directory.Sender{Name: "printer@test.example"}, true)
	n.must(err)
	set := func(change func(*directory.Mailbox)) error {
		_, err := n.directory.ChangeMailbox(ctx, name, func(m *directory.Mailbox) error { change(m); return nil })
		return err
	}
	for _, one := range []struct {
		what   string
		login  mail.Path
		act    func() error
		stands bool
	}{
		{"one more application", name, func() error { _, err := n.directory.AddApp(ctx, name, "tablet"); return err }, true},
		{"another quota", name, func() error { return set(func(m *directory.Mailbox) { m.Limits.Bytes = 1 << 30 }) }, true},
		{"an application is taken away", name, func() error { return n.directory.RemoveApp(ctx, name, "phone") }, false},
		{"another password", name, func() error { return n.directory.SetPassword(ctx, name, "another pass phrase", "root", "") }, false},
		{"submission is shut", name, func() error {
			return set(func(m *directory.Mailbox) { m.Shut = []directory.Service{directory.ServiceSubmission} })
		}, false},
		{"and open", name, func() error { return set(func(m *directory.Mailbox) { m.Shut = nil }) }, true},
		{"suspended", name, func() error { return set(func(m *directory.Mailbox) { m.State = directory.Suspended }) }, false},
		{"active again, and closed", name, func() error { return set(func(m *directory.Mailbox) { m.State = directory.Closed }) }, false},
		{"a sender's other domain", printer.Name, func() error {
			_, _, err := n.directory.ChangeSender(ctx, printer.Name, false, func(s *directory.Sender) error { s.Off = false; return nil })
			return err
		}, true},
		{"a sender's other password", printer.Name, func() error {
			_, _, err := n.directory.ChangeSender(ctx, printer.Name, true, func(*directory.Sender) error { return nil })
			return err
		}, false},
		{"a sender that is off", printer.Name, func() error {
			_, _, err := n.directory.ChangeSender(ctx, printer.Name, false, func(s *directory.Sender) error { s.Off = true; return nil })
			return err
		}, false},
	} {
		in, late := n.sendingLogin(), n.sendingLogin()
		in.Entered(one.login)
		n.must(one.act())
		late.Entered(one.login) // its password was asked before
		if got := in.Stands(); got != one.stands {
			t.Errorf("%s: the log-in stands: %v", one.what, got)
		}
		if got := late.Stands(); got != one.stands {
			t.Errorf("%s while somebody logs in: the log-in stands: %v", one.what, got)
		}
	}
	n.must(set(func(m *directory.Mailbox) { m.State = directory.Active }))
	in := n.sendingLogin()
	in.Entered(name)
	n.must(set(func(m *directory.Mailbox) { m.State = directory.Suspended }))
	if in.Stands() {
		t.Error("suspended, and the log-in stands")
	}
	n.must(set(func(m *directory.Mailbox) { m.State = directory.Active }))
	if in.Stands() {
		t.Error("a log-in that has ended stands again")
	}
}
