package app

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// senderPages is who sends without a person, as people see it on the pages.
type senderPages struct{ app *App }

var _ web.Senders = senderPages{}

// Senders implements web.Senders.
func (p senderPages) Senders(part string, most int, may func(web.Sender) bool) (list []web.Sender) {
	part = strings.ToLower(string(spelled(part)))
	for _, n := range p.app.directory.Snapshot().Senders("") {
		if len(list) == most {
			break
		}
		if strings.Contains(string(n.Name), part) && may(shownSender(n)) {
			list = append(list, shownSender(n))
		}
	}
	return list
}

// Sender implements web.Senders.
func (p senderPages) Sender(name string) (web.Sender, bool) {
	address, err := path(name)
	if err != nil {
		return web.Sender{}, false
	}
	n, ok := p.app.directory.Snapshot().Sender(address)
	return shownSender(n), ok
}

func shownSender(n directory.Sender) web.Sender {
	s := web.Sender{Name: n.Name, Domains: n.Domains(), Login: n.SCRAM != "", Keys: n.Keys, Off: n.Off, Barred: n.Barred, Created: n.Created}
	for _, network := range n.Networks {
		s.Networks = append(s.Networks, network.String())
	}
	return s
}

// AddSender implements web.Senders.
func (p senderPages) AddSender(ctx context.Context, f web.SenderForm, by web.Keeper) (string, error) {
	n := directory.Sender{Off: f.Off, Barred: f.Barred && by.Wide}
	name, err := path(f.Name)
	if err != nil {
		return "", &web.SenderFault{Field: "name", Why: "bad"}
	}
	if d, ok := p.app.directory.Snapshot().Domain(name.Domain()); !ok || !by.May(d.Name) {
		return "", &web.SenderFault{Field: "name", Why: "not"}
	}
	n.Name = name
	if err := p.fill(&n, f, by); err != nil {
		return "", err
	}
	_, password, err := p.app.makeSender(control.WithPerson(ctx, by.Name), n, f.Login == "new")
	return password, senderFault(err)
}

// ChangeSender implements web.Senders.
func (p senderPages) ChangeSender(ctx context.Context, f web.SenderForm, by web.Keeper) (string, error) {
	name, err := path(f.Name)
	if err != nil {
		return "", web.ErrNoSender
	}
	_, password, err := p.app.changeSender(control.WithPerson(ctx, by.Name), name, f.Login == "new", func(n *directory.Sender) error {
		if err := notBarred(*n, by); err != nil {
			return err
		}
		had := *n
		n.Off, n.Barred = f.Off, f.Barred && by.Wide
		if f.Login == "none" {
			n.SCRAM = ""
		}
		if err := p.fill(n, f, by); err != nil {
			return err
		}
		if (f.Login == "new" || provesMore(*n, had)) && !by.MayAll(n.Domains()) {
			return &web.SenderFault{Why: "foreign"}
		}
		return nil
	})
	return password, senderFault(err)
}

// provesMore tells whether a sender is known by a certificate or a network by which it was not known before: whoever has that sends as
// all its domains.
func provesMore(n, had directory.Sender) bool {
	return slices.ContainsFunc(n.Keys, func(k string) bool { return !slices.Contains(had.Keys, k) }) ||
		slices.ContainsFunc(n.Networks, func(p netip.Prefix) bool { return !slices.Contains(had.Networks, p) })
}

// fill gives a sender what a form says. What it had before stays whoever changes it; what is new has to be the keeper's.
func (p senderPages) fill(n *directory.Sender, f web.SenderForm, by web.Keeper) (err error) {
	had := *n
	if n.Also, err = p.domains(f.Also, had.Also, by); err != nil {
		return err
	}
	if n.Keys, err = directory.ReadKeys(f.Keys); err != nil {
		return &web.SenderFault{Field: "keys", Why: "bad"}
	}
	networks, err := p.app.senderNetworks(listed(f.Networks))
	if err != nil {
		return &web.SenderFault{Field: "networks", Why: "bad"}
	}
	for _, network := range networks {
		if wide(network) != "" && !by.Wide && !slices.Contains(had.Networks, network) {
			return &web.SenderFault{Field: "networks", Why: "wide"}
		}
	}
	n.Networks = networks
	if networks == nil {
		n.Networks = []netip.Prefix{}
	}
	return nil
}

// domains reads further domains. Another's is as good as none.
func (p senderPages) domains(text string, had []string, by web.Keeper) (list []string, err error) {
	for _, name := range listed(text) {
		d, ok := p.app.directory.Snapshot().Domain(spelledDomain(name))
		if !ok || !by.May(d.Name) && !slices.Contains(had, d.Name) {
			return nil, &web.SenderFault{Field: "also", Why: "not"}
		}
		list = append(list, d.Name)
	}
	return list, nil
}

// listed are words with blanks, lines or commas between.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) })
}

// senderFault is what the directory says of a sender, for the pages: not whose something is.
func senderFault(err error) error {
	var fault *directory.SenderFault
	switch {
	case errors.Is(err, directory.ErrNoSender):
		return web.ErrNoSender
	case !errors.As(err, &fault):
		return err
	case errors.Is(err, directory.ErrExists):
		return &web.SenderFault{Field: fault.Field, Why: "taken"}
	}
	return &web.SenderFault{Field: fault.Field, Why: "bad"}
}

// RemoveSender implements web.Senders.
func (p senderPages) RemoveSender(ctx context.Context, name mail.Path, by web.Keeper) error {
	return senderFault(p.app.dropSender(control.WithPerson(ctx, by.Name), name, func(n directory.Sender) error { return notBarred(n, by) }))
}

// notBarred keeps a sender that an operator has switched off as it is, but for operators.
func notBarred(n directory.Sender, by web.Keeper) error {
	if n.Barred && !by.Wide {
		return &web.SenderFault{Why: "barred"}
	}
	return nil
}
