package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gatepost/pipeline"
)

// A Pack says where patterns and rules come from that filters name: exactly one of URL and File
// is set.
type Pack struct {
	Name  string // letters, digits, - and _
	URL   string // https
	File  string
	Every time.Duration // between two looks for a new version
}

// maxPacks bounds how many packs there are.
const maxPacks = 100

// packs reads the list; what is wrong is told with its line.
func (l *loader) packs(file string, n *yaml.Node) (list []Pack) {
	for _, item := range l.items(file, "packs", n) {
		at := place{file, item.Line}
		if item.Kind != yaml.MappingNode {
			l.problems.add(at, "a pack is a mapping with name and url or file")
			continue
		}
		p := l.pack(file, item)
		switch {
		case slices.ContainsFunc(list, func(other Pack) bool { return other.Name == p.Name }):
			l.problems.add(at, "a pack named %q is there already", p.Name)
		case len(list) == maxPacks:
			l.problems.add(at, "more than %d packs", maxPacks)
		}
		list = append(list, p)
	}
	return list
}

func (l *loader) pack(file string, n *yaml.Node) Pack {
	p := Pack{Every: 6 * time.Hour}
	for key, value := range l.pairs(file, "a pack", n) {
		at := place{file, key.Line}
		switch key.Value {
		case "name":
			p.Name = l.text(at, key.Value, value)
		case "url":
			p.URL = l.text(at, key.Value, value)
		case "file":
			p.File = l.text(at, key.Value, value)
		case "every":
			p.Every = convert(l, at, key.Value, value, ParseDuration)
		default:
			l.problems.add(at, "unknown key %q in a pack%s", key.Value, pipeline.Suggest(key.Value, []string{"name", "url", "file", "every"}))
		}
	}
	l.checkPack(place{file, n.Line}, p)
	return p
}

func (l *loader) checkPack(at place, p Pack) {
	u, err := url.Parse(p.URL)
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	switch {
	case p.Name == "" || len(p.Name) > 64 || strings.ContainsFunc(p.Name, odd):
		l.problems.add(at, "a pack needs a name of letters, digits, - and _, not %q", p.Name)
	case (p.URL == "") == (p.File == ""):
		l.problems.add(at, "pack %s: name one of url and file", p.Name)
	case p.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil):
		l.problems.add(at, "pack %s: url: %q is not an https address", p.Name, p.URL)
	case p.Every < time.Minute || p.Every > 30*24*time.Hour:
		l.problems.add(at, "pack %s: every: %v is not between 1m and 30d", p.Name, p.Every)
	}
}
