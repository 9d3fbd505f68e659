package sieve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// A Kind is what an Action does.
type Kind uint8

const (
	Keep     Kind = iota // into the inbox
	FileInto             // into Folder
	Redirect             // on to Address
	Reject               // back, with Reason (RFC 5429)
	Vacation             // an answer to the sender (RFC 5230)
)

// String returns the action's name.
func (k Kind) String() string {
	return [...]string{"keep", "fileinto", "redirect", "reject", "vacation"}[k]
}

// An Action is one thing that is to be done with a message.
type Action struct {
	Kind    Kind
	Folder  string   // of FileInto
	Create  bool     // make Folder if it is missing (RFC 5490 §3.2); without it the inbox is meant
	Use     string   // the special use by which Folder was asked for, "" if not (RFC 8579)
	Flags   []string // of Keep and FileInto, each once, as IMAP writes them
	Address mail.Path
	Reason  string
	During  bool    // of Reject: it asks for a refusal while SMTP goes on (ereject)
	Away    *Answer // of Vacation
	// Line is that of the command, in the script that runs or, where In is not "", in the included
	// script of that name; 0 of the implicit keep.
	Line int
	In   string
	// Header is the message's header as editheader left it, with its empty line; nil where it is
	// as it came.
	Header []byte
}

// actionCommands are those of RFC 5228 §4 and of the extensions that add to them.
func actionCommands() map[string]commandSpec {
	copies := tagSpec{name: ":copy", needs: "copy"}
	flags := tagSpec{name: ":flags", takes: 'S', needs: "imap4flags"}
	return map[string]commandSpec{
		"keep":    {signature{tags: []tagSpec{flags}}, makeKeep},
		"discard": {signature{}, makeDiscard},
		"fileinto": {signature{needs: []string{"fileinto"}, args: "s", tags: []tagSpec{copies, flags,
			{name: ":create", needs: "mailbox"}, {name: ":specialuse", takes: 's', needs: "special-use"}}}, makeFileInto},
		"redirect": {signature{args: "s", tags: []tagSpec{copies}}, makeRedirect},
		"reject":   {signature{needs: []string{"reject"}, args: "s"}, makeReject},
		"ereject":  {signature{needs: []string{"ereject"}, args: "s"}, makeReject},
	}
}

// add keeps an action; the same again is done once (§2.10.3).
func (r *run) add(a Action) error {
	same := func(b Action) bool {
		return a.Kind == b.Kind && a.Kind != Vacation && (a.Kind != FileInto || a.Folder == b.Folder) && (a.Kind != Redirect || a.Address.Fold() == b.Address.Fold())
	}
	if at := slices.IndexFunc(r.actions, same); at >= 0 && a.Kind != Reject {
		if a.Kind == Keep || a.Kind == FileInto { // the later flags count
			r.actions[at].Flags = a.Flags
		}
		return nil
	}
	if err := r.fits(a); err != nil {
		return err
	}
	a.Header, a.Line, a.In = r.header.octets(), r.line, r.in
	r.actions = append(r.actions, a)
	return nil
}

// fits says why an action can't stand beside those there are.
func (r *run) fits(a Action) error {
	if len(r.actions) >= r.limits.Actions {
		return fmt.Errorf("there are more than %d actions", r.limits.Actions)
	}
	redirects := 0
	for _, b := range r.actions {
		switch {
		case a.Kind == Reject || b.Kind == Reject: // RFC 5429 §2.3
			return fmt.Errorf("%s can't stand beside %s", a.Kind, b.Kind)
		case a.Kind == Vacation && b.Kind == Vacation: // RFC 5230 §4.7
			return errors.New("there are two vacations")
		case b.Kind == Redirect:
			redirects++
		}
	}
	if a.Kind == Redirect && redirects >= r.limits.Redirects {
		return fmt.Errorf("there are more than %d redirects", r.limits.Redirects)
	}
	return nil
}

// finish adds the implicit keep (§2.10.2).
func (r *run) finish() error {
	if !r.keep {
		return nil
	}
	r.line, r.in = 0, ""
	return r.add(Action{Kind: Keep, Flags: r.flags})
}

func makeDiscard(*compiler, *call) op {
	return func(r *run) error {
		r.keep, r.discard = false, r.line
		return nil
	}
}

func makeKeep(c *compiler, a *call) op {
	flags := c.flagsOf(a)
	return func(r *run) error {
		list, err := flags(r)
		if err != nil {
			return err
		}
		r.keep = false
		return r.add(Action{Kind: Keep, Flags: list})
	}
}

// flagsOf returns the flags that :flags names, or those of the internal variable (RFC 5232 §2).
func (c *compiler) flagsOf(a *call) func(r *run) ([]string, error) {
	v, ok := a.tags[":flags"]
	if !ok {
		return func(r *run) ([]string, error) { return r.flags, nil }
	}
	return func(r *run) ([]string, error) {
		list, err := expandAll(r, v.strings)
		return merge(nil, split(list)), err
	}
}

func makeFileInto(c *compiler, a *call) op {
	if s, ok := a.args[0].strings[0].literal(); ok {
		if err := folderName(s); err != nil {
			c.fail(a.at, "%v", err)
		}
	}
	flags := c.flagsOf(a)
	use := a.tags[":specialuse"]
	return func(r *run) error {
		name, err := a.args[0].strings[0].expand(r)
		if err == nil {
			err = folderName(name)
		}
		if err != nil {
			return err
		}
		act := Action{Kind: FileInto, Folder: name, Create: a.has(":create")}
		if act.Flags, err = flags(r); err != nil {
			return err
		}
		if a.has(":specialuse") {
			if act.Use, err = use.strings[0].expand(r); err != nil {
				return err
			}
			if special, err := r.special(act.Use); err != nil {
				return err
			} else if special != "" {
				act.Folder = special
			}
		}
		if !a.has(":copy") {
			r.keep = false
		}
		if strings.EqualFold(act.Folder, "INBOX") {
			return r.add(Action{Kind: Keep, Flags: act.Flags})
		}
		return r.add(act)
	}
}

// maxFolder bounds a folder's name, in octets.
const maxFolder = 1000

func folderName(s string) error {
	switch {
	case s == "":
		return errors.New("a folder has no name")
	case len(s) > maxFolder:
		return fmt.Errorf("the folder's name %s is longer than %d octets", quote(s), maxFolder)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("the folder's name %s holds a control character", quote(s))
	}
	return nil
}

func makeRedirect(c *compiler, a *call) op {
	if s, ok := a.args[0].strings[0].literal(); ok {
		if _, err := address(s); err != nil {
			c.fail(a.at, "redirect: %v", err)
		}
	}
	return func(r *run) error {
		s, err := a.args[0].strings[0].expand(r)
		if err != nil {
			return err
		}
		to, err := address(s)
		if err != nil {
			return fmt.Errorf("redirect: %w", err)
		}
		if !a.has(":copy") {
			r.keep = false
		}
		return r.add(Action{Kind: Redirect, Address: to})
	}
}

// address reads one address, with or without a name beside it.
func address(s string) (mail.Path, error) {
	list := mail.ParseAddressList(s)
	if len(list) == 1 && list[0].Mark == mail.Mailbox {
		if p, ok := list[0].Path(); ok && !p.IsNull() {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is no address", quote(s))
}

// maxReason bounds what a refusal says, in octets.
const maxReason = 4 << 10

func makeReject(_ *compiler, a *call) op {
	return func(r *run) error {
		reason, err := a.args[0].strings[0].expand(r)
		if err != nil {
			return err
		}
		if len(reason) > maxReason {
			return fmt.Errorf("the reason has more than %d octets", maxReason)
		}
		r.keep = false
		return r.add(Action{Kind: Reject, Reason: reason, During: a.name == "ereject"})
	}
}
