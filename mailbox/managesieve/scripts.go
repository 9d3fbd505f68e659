package managesieve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// told turns what the store refuses into what the client hears.
func (s *session) told(what string, err error) error {
	switch {
	case err == nil || errors.As(err, new(fault)):
		return err
	case errors.Is(err, mailbox.ErrNoScript):
		return fault{code: "NONEXISTENT", text: "There is no script of that name"}
	case errors.Is(err, mailbox.ErrScriptExists):
		return fault{code: "ALREADYEXISTS", text: "There is a script of that name"}
	case errors.Is(err, mailbox.ErrScriptActive):
		return fault{code: "ACTIVE", text: "The script is active: deactivate it first"}
	case errors.Is(err, mailbox.ErrScriptQuota):
		return fault{code: "QUOTA", text: fmt.Sprintf("There are %d scripts at most, of %d octets in all", mailbox.MaxScripts, mailbox.MaxScript)}
	case errors.Is(err, mailbox.ErrScriptName):
		return fault{text: "That is no name for a script"}
	}
	return s.failed(what, err)
}

// done answers a command that has nothing to say.
func (s *session) done(what string, err error, text string) error {
	if err = s.told(what, err); err == nil {
		s.answer("OK", "", text)
	}
	return err
}

// space says why a script of that size has no place.
func (s *session) space(ctx context.Context, name string, size uint64) error {
	if size > sieve.MaxScript {
		return fault{code: "QUOTA/MAXSIZE", text: fmt.Sprintf("A script has %d octets at most", sieve.MaxScript)}
	}
	list, err := s.srv.Scripts.Scripts(ctx, s.box)
	if err != nil {
		return s.failed("HAVESPACE", err)
	}
	used := uint64(0)
	for _, other := range list {
		if other.Name == name {
			continue
		}
		one, err := s.srv.Scripts.Script(ctx, s.box, other.Name)
		if err != nil && !errors.Is(err, mailbox.ErrNoScript) { // somebody deleted it meanwhile
			return s.failed("HAVESPACE", err)
		}
		used += uint64(len(one.Content))
	}
	is := func(o mailbox.Script) bool { return o.Name == name }
	switch {
	case len(list) >= mailbox.MaxScripts && !slices.ContainsFunc(list, is):
		return fault{code: "QUOTA/MAXSCRIPTS", text: fmt.Sprintf("There are %d scripts at most", mailbox.MaxScripts)}
	case used+size > mailbox.MaxScript:
		return fault{code: "QUOTA/MAXSIZE", text: fmt.Sprintf("Scripts have %d octets in all at most", mailbox.MaxScript)}
	}
	return nil
}

// haveSpace: RFC 5804 §2.5.
func (s *session) haveSpace(ctx context.Context, args []argument) error {
	err := mailbox.CheckScriptName(args[0].text)
	if err == nil {
		err = s.space(ctx, args[0].text, args[1].number)
	}
	return s.done("HAVESPACE", err, "There is room")
}

// compile refuses a script that can't run, and tells what is odd about one that can.
func (s *session) compile(ctx context.Context, name, content string) (warnings string, err error) {
	script, err := sieve.Compile(content)
	if err != nil {
		return "", fault{text: strings.ReplaceAll(err.Error(), "\n", "\r\n")}
	}
	var odd []string
	for _, other := range script.Includes() {
		_, err := s.srv.Scripts.Script(ctx, s.box, other.Name)
		switch {
		case other.Name == name:
			odd = append(odd, fmt.Sprintf("the script includes itself, %q", name))
		case errors.Is(err, mailbox.ErrNoScript) && !other.Optional:
			odd = append(odd, fmt.Sprintf("there is no script %q to include yet", other.Name))
		case errors.Is(err, mailbox.ErrNoScript):
		case err != nil:
			return "", s.failed("PUTSCRIPT", err)
		}
	}
	return strings.Join(odd, "\r\n"), nil
}

// accepted answers for a script that can run.
func (s *session) accepted(warnings, text string) {
	if warnings != "" {
		s.answer("OK", "WARNINGS", warnings)
		return
	}
	s.answer("OK", "", text)
}

// putScript: RFC 5804 §2.6.
func (s *session) putScript(ctx context.Context, args []argument) error {
	name, content := args[0].text, args[1].text
	if err := mailbox.CheckScriptName(name); err != nil {
		return s.told("PUTSCRIPT", err)
	}
	warnings, err := s.compile(ctx, name, content)
	if err != nil {
		return err
	}
	err = s.srv.Scripts.PutScript(ctx, s.box, mailbox.Script{Name: name, Content: content, Changed: s.srv.now()})
	if errors.Is(err, mailbox.ErrScriptQuota) { // which of the two it is
		if why := s.space(ctx, name, uint64(len(content))); why != nil {
			err = why
		}
	}
	if err = s.told("PUTSCRIPT", err); err != nil {
		return err
	}
	s.log.Info("script put", "octets", len(content))
	s.accepted(warnings, "Stored")
	return nil
}

// checkScript: RFC 5804 §2.12.
func (s *session) checkScript(ctx context.Context, args []argument) error {
	warnings, err := s.compile(ctx, "", args[0].text)
	if err == nil {
		s.accepted(warnings, "It can run")
	}
	return err
}

// listScripts: RFC 5804 §2.7.
func (s *session) listScripts(ctx context.Context, _ []argument) error {
	list, err := s.srv.Scripts.Scripts(ctx, s.box)
	if err != nil {
		return s.failed("LISTSCRIPTS", err)
	}
	for _, one := range list {
		s.out.WriteString(quote(one.Name))
		if one.Active {
			s.out.WriteString(" ACTIVE")
		}
		s.out.WriteString("\r\n")
	}
	s.answer("OK", "", fmt.Sprintf("%d scripts", len(list)))
	return nil
}

// setActive: RFC 5804 §2.8. "" is none.
func (s *session) setActive(ctx context.Context, args []argument) error {
	return s.done("SETACTIVE", s.srv.Scripts.ActivateScript(ctx, s.box, args[0].text), "Done")
}

// getScript: RFC 5804 §2.9.
func (s *session) getScript(ctx context.Context, args []argument) error {
	one, err := s.srv.Scripts.Script(ctx, s.box, args[0].text)
	if err != nil {
		return s.told("GETSCRIPT", err)
	}
	fmt.Fprintf(s.out, "{%d}\r\n%s\r\n", len(one.Content), one.Content)
	s.answer("OK", "", "That is it")
	return nil
}

// deleteScript: RFC 5804 §2.10.
func (s *session) deleteScript(ctx context.Context, args []argument) error {
	return s.done("DELETESCRIPT", s.srv.Scripts.DeleteScript(ctx, s.box, args[0].text), "Deleted")
}

// renameScript: RFC 5804 §2.11.
func (s *session) renameScript(ctx context.Context, args []argument) error {
	return s.done("RENAMESCRIPT", s.srv.Scripts.RenameScript(ctx, s.box, args[0].text, args[1].text), "Renamed")
}
