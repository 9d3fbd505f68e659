package directory

import (
	"fmt"
	"maps"
	"slices"

	"gatepost/internal/mail"
)

// A model is the directory's addresses in plain maps. A change of it is valid where
// the whole is valid afterwards, which it finds out from scratch.
type model struct {
	domains map[string]Domain
	boxes   map[mail.Path]Mailbox
	aliases map[mail.Path]Alias
}

func newModel() model {
	return model{domains: map[string]Domain{}, boxes: map[mail.Path]Mailbox{}, aliases: map[mail.Path]Alias{}}
}

func (m model) clone() model {
	return model{domains: maps.Clone(m.domains), boxes: maps.Clone(m.boxes), aliases: maps.Clone(m.aliases)}
}

// home finds a domain by any of its names.
func (m model) home(name string) (Domain, bool) {
	for _, d := range m.domains {
		if d.Name == name || slices.Contains(d.Names, name) {
			return d, true
		}
	}
	return Domain{}, false
}

func (m model) canonical(a mail.Path) mail.Path {
	if d, ok := m.home(a.Domain()); ok {
		return mail.Path(a.Local() + "@" + d.Name)
	}
	return a
}

// owner returns the mailbox or alias that an address belongs to, "" where none.
func (m model) owner(a mail.Path) mail.Path {
	for _, form := range []mail.Path{a.Fold(), a.Fold().Base()} {
		_, box := m.boxes[form]
		_, alias := m.aliases[form]
		if box || alias {
			return form
		}
	}
	return ""
}

// leads returns every lead of the whole directory by what has it; a catch-all is "*@".
func (m model) leads() map[mail.Path][]mail.Path {
	all := map[mail.Path][]mail.Path{}
	for _, b := range m.boxes {
		all[b.Address] = b.Copies
	}
	for _, a := range m.aliases {
		all[a.Address] = a.Targets
		if a.Owner != "" {
			all[a.Address] = append(slices.Clone(a.Targets), a.Owner)
		}
	}
	for _, d := range m.domains {
		if d.CatchAll != "" {
			all[mail.Path("*@"+d.Name)] = []mail.Path{d.CatchAll}
		}
	}
	return all
}

// valid reports whether nothing hangs loose or in a ring.
func (m model) valid() bool {
	leads := m.leads()
	for _, to := range leads {
		for _, t := range to {
			d, ours := m.home(t.Domain())
			if ours && d.Name != t.Domain() || ours && len(d.Hosts) == 0 && m.owner(t) == "" {
				return false
			}
		}
	}
	for start := range leads {
		reached := map[mail.Path]bool{}
		for more := []mail.Path{start}; len(more) > 0; more = more[1:] {
			for _, t := range leads[more[0]] {
				next := m.owner(t)
				if next == start {
					return false
				}
				if next != "" && !reached[next] {
					reached[next] = true
					more = append(more, next)
				}
			}
		}
	}
	return true
}

// led reports whether something leads to the address, or, where that is a domain's
// name, into it.
func (m model) led(to string) bool {
	for _, all := range m.leads() {
		for _, t := range all {
			if to == t.Domain() || to == string(t.Fold()) || to == string(t.Fold().Base()) {
				return true
			}
		}
	}
	return false
}

// resolve answers as full does.
func (m model) resolve(rcpt mail.Path) string {
	d, ok := m.home(rcpt.Domain())
	if !ok {
		return "no domain"
	}
	w := &modelWalk{m: m, met: map[mail.Path]bool{}}
	w.to(mail.Path(rcpt.Fold().Local()+"@"+d.Name), "", "")
	if w.boxes == nil && w.remotes == nil && !w.closed {
		switch {
		case len(d.Hosts) > 0:
			w.remotes = append(w.remotes, fmt.Sprintf("%s@%s>%s<!", rcpt.Local(), d.Name, d.Name))
		case d.CatchAll != "":
			w.to(d.CatchAll, mail.Path("*@"+d.Name), "")
		}
	}
	switch {
	case w.boxes == nil && w.remotes == nil && w.closed:
		return "closed"
	case w.boxes == nil && w.remotes == nil:
		return "nobody"
	}
	words := ""
	for _, word := range append(w.boxes, w.remotes...) {
		words += " " + word
	}
	return words[1:]
}

type modelWalk struct {
	m              model
	met            map[mail.Path]bool
	boxes, remotes []string
	closed         bool
}

func (w *modelWalk) to(a, by, bounces mail.Path) {
	at := w.m.owner(a)
	if at == "" {
		if by != "" && !w.met[a] {
			home := ""
			if d, ours := w.m.home(a.Domain()); ours {
				home = d.Name
			}
			w.remotes = append(w.remotes, fmt.Sprintf("%s>%s<%s!%s", a, home, by, bounces))
		}
		w.met[a] = true
		return
	}
	if w.met[at] {
		return
	}
	w.met[at] = true
	var next []mail.Path
	if box, ok := w.m.boxes[at]; ok {
		if box.State == Closed {
			w.closed = true
			return
		}
		word := string(at)
		if bounces != "" {
			word += "!" + string(bounces)
		}
		w.boxes, next = append(w.boxes, word), box.Copies
	} else {
		alias := w.m.aliases[at]
		next = alias.Targets
		if alias.Kind == Distribution {
			bounces = alias.Owner
		}
	}
	for _, t := range next {
		w.to(t, at, bounces)
	}
}
