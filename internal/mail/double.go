package mail

import (
	"slices"
	"strings"
)

// Mail programs differ in which of several fields, or of several parameters in one, they
// take. A Part has the first; what follows here tells all of them.

// contentParams returns the parameters of each field of that name, as written.
func (p *Part) contentParams(name string) (fields [][]parameter) {
	for _, value := range p.Header.All(name) {
		fields = append(fields, paramsOf(value))
	}
	return fields
}

// paramsOf reads the parameters behind the first semicolon of a value, doubles included.
func paramsOf(value string) (list []parameter) {
	_, s, _ := strings.Cut(value, ";")
	for len(list) < maxParams {
		one, rest, ok := nextParam(s)
		if !ok {
			break
		}
		list, s = append(list, one), rest
	}
	return list
}

// Names returns all names that a part's Content-Disposition and Content-Type give it, decoded and each
// once, Filename first.
func (p *Part) Names() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(p.Filename)
	for field, param := range map[string]string{"Content-Disposition": "filename", "Content-Type": "name"} {
		for _, list := range p.contentParams(field) {
			var pieces []parameter
			for _, one := range list {
				switch {
				case one.name == param:
					add(decodeWords(one.value))
				case strings.HasPrefix(one.name, param+"*"):
					pieces = append(pieces, one)
				}
			}
			add(joinExtended(pieces)[param])
		}
	}
	slices.Sort(names[min(len(names), 1):])
	return names
}

// Boundaries returns the boundaries that a value of Content-Type names, decoded and each once.
func Boundaries(value string) (list []string) {
	var pieces []parameter
	for _, one := range paramsOf(value) {
		switch {
		case one.name == "boundary":
			list = append(list, decodeWords(one.value))
		case strings.HasPrefix(one.name, "boundary*"):
			pieces = append(pieces, one)
		}
	}
	list = append(list, joinExtended(pieces)["boundary"])
	list = slices.DeleteFunc(list, func(b string) bool { return b == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

// Doubles says what a part's header has twice: Content fields, and parameters in them; in lower
// case, "content-type", "filename".
func (p *Part) Doubles() (words []string) {
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"} {
		if p.Header.Count(name) > 1 {
			words = append(words, strings.ToLower(name))
		}
		for _, list := range p.contentParams(name) {
			seen := map[string]bool{}
			for _, one := range list {
				if seen[one.name] && !slices.Contains(words, one.name) {
					words = append(words, one.name)
				}
				seen[one.name] = true
			}
		}
	}
	return words
}
