package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"gatepost/pipeline"
)

// Policies and the gate are lists whose lines matter: each entry remembers where
// it stands, so that Compile can say where a setting is wrong. They don't go
// through viper, which would fold the case of their keys.

func (l *loader) gate(file string, n *yaml.Node) pipeline.Spec {
	return pipeline.Spec{Name: "gate", Line: n.Line, Entries: l.entries(file, "gate", n)}
}

func (l *loader) policies(file string, n *yaml.Node) (specs []pipeline.Spec) {
	l.bad["policies"] = n.Kind != yaml.SequenceNode
	for _, item := range l.items(file, "policies", n) {
		if item.Kind != yaml.MappingNode {
			l.problems.add(place{file, item.Line}, "a policy is a mapping with name and pipeline")
			continue
		}
		specs = append(specs, l.policy(file, item))
	}
	return specs
}

func (l *loader) policy(file string, n *yaml.Node) pipeline.Spec {
	s := pipeline.Spec{Line: n.Line}
	for key, value := range l.pairs(file, "a policy", n) {
		at := place{file, value.Line}
		switch key.Value {
		case "name":
			s.Name = l.text(at, "name", value)
		case "required_score":
			s.Required = l.score(at, key.Value, value)
		case "reject_score":
			s.RejectAt = l.score(at, key.Value, value)
		case "shadow":
			s.Shadow = l.text(at, "shadow", value)
		case "pipeline":
			s.Entries = l.entries(file, "pipeline", value)
		default:
			known := []string{"name", "required_score", "reject_score", "shadow", "pipeline"}
			l.problems.add(place{file, key.Line}, "unknown key %q in a policy%s", key.Value, pipeline.Suggest(key.Value, known))
		}
	}
	if s.Name == "" {
		l.problems.add(place{file, n.Line}, "a policy needs a name")
	}
	return s
}

func (l *loader) entries(file, list string, n *yaml.Node) (entries []pipeline.EntrySpec) {
	for _, item := range l.items(file, list, n) {
		switch {
		case item.Kind == yaml.MappingNode:
			entries = append(entries, l.entry(file, item))
		case item.Kind == yaml.ScalarNode && !empty(item):
			entries = append(entries, pipeline.EntrySpec{Filter: item.Value, Line: item.Line})
		default:
			l.problems.add(place{file, item.Line}, "an entry is the name of a filter, or a mapping with filter: NAME")
		}
	}
	return entries
}

// entry reads a filter with its settings: every key that is not the entry's own
// belongs to the filter.
func (l *loader) entry(file string, n *yaml.Node) pipeline.EntrySpec {
	e := pipeline.EntrySpec{Line: n.Line, Settings: map[string]any{}, Lines: map[string]int{}}
	for key, value := range l.pairs(file, "an entry", n) {
		at := place{file, key.Line}
		e.Lines[key.Value] = key.Line
		switch key.Value {
		case "filter":
			e.Filter = l.text(at, key.Value, value)
		case "name":
			e.Name = l.text(at, key.Value, value)
		case "on":
			e.On = l.effects(file, value, e.Lines)
		case "timeout":
			e.Timeout = convert(l, at, key.Value, value, ParseDuration)
		case "always":
			always := convert(l, at, key.Value, value, parseBool)
			e.Always = &always
		case "unless":
			e.Unless = l.text(at, key.Value, value)
		case "shadow":
			e.Shadow = convert(l, at, key.Value, value, parseBool)
		default:
			e.Settings[key.Value] = l.value(at, key.Value, value)
			linesWithin(e.Lines, key.Value, value)
		}
	}
	if e.Filter == "" {
		l.problems.add(place{file, n.Line}, "an entry needs a filter (filter: NAME)")
	}
	return e
}

// linesWithin notes where the items of a setting stand, as pipeline.SettingError names
// them: "rules[0].when". What an alias stands for is told by the alias.
func linesWithin(lines map[string]int, path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			within := fmt.Sprintf("%s[%d]", path, i)
			lines[within] = firstLine(item)
			linesWithin(lines, within, item)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			within := path + "." + n.Content[i].Value
			lines[within] = firstLine(n.Content[i+1])
			linesWithin(lines, within, n.Content[i+1])
		}
	}
}

// firstLine is the line in which a value begins; in a block (| or >) that is the next one.
func firstLine(n *yaml.Node) int {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Line + 1
	}
	return n.Line
}

// effects reads `on: {result: effect}`.
func (l *loader) effects(file string, n *yaml.Node, lines map[string]int) map[string]string {
	on := map[string]string{}
	for key, value := range l.pairs(file, "on", n) {
		on[key.Value] = l.text(place{file, value.Line}, "on "+key.Value, value)
		lines["on."+key.Value] = key.Line
	}
	return on
}

// items returns the elements of a list.
func (l *loader) items(file, name string, n *yaml.Node) []*yaml.Node {
	if empty(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.problems.add(place{file, n.Line}, "%s is not a list (- …)", name)
		return nil
	}
	return n.Content
}

// text returns a scalar as it was written.
func (l *loader) text(at place, name string, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || empty(n) {
		l.problems.add(at, "%s is not a text", name)
		return ""
	}
	return n.Value
}

func (l *loader) score(at place, name string, n *yaml.Node) float64 {
	score := convert(l, at, name, n, parseScore)
	if score != score || score < 0 || score > 1e6 {
		l.problems.add(at, "%s: %s is not between 0 (off) and 1000000", name, n.Value)
	}
	return score
}

func parseScore(s string) (float64, error) {
	score, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, badValue{strconv.Quote(s) + " is not a number"}
	}
	return score, nil
}

func parseBool(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, badValue{strconv.Quote(s) + " is neither true nor false"}
	}
	return s == "true", nil
}

// convert reads a scalar with parse.
func convert[T any](l *loader, at place, name string, n *yaml.Node, parse func(string) (T, error)) T {
	v, err := parse(l.text(at, name, n))
	if err != nil && n.Kind == yaml.ScalarNode && !empty(n) {
		l.problems.add(at, "%s: %v", name, err)
	}
	return v
}

// Strange says which filters of a policy are for strangers, and have no place in one for people who have
// logged in; "" for none.
func (c *Config) Strange(policy string) string {
	at := slices.IndexFunc(c.Policies, func(p pipeline.Spec) bool { return p.Name == policy })
	if at < 0 {
		return ""
	}
	harmful, idle := forStrangers()
	var harm, rest []string
	for _, e := range c.Policies[at].Entries {
		switch {
		case slices.Contains(harmful, e.Filter) && !slices.Contains(harm, e.Filter):
			harm = append(harm, e.Filter)
		case slices.Contains(idle, e.Filter) && !slices.Contains(rest, e.Filter):
			rest = append(rest, e.Filter)
		}
	}
	var why []string
	if len(harm) > 0 {
		why = append(why, strings.Join(harm, ", ")+" can refuse your users' mail, since a telephone is no mail server")
	}
	if len(rest) > 0 {
		why = append(why, strings.Join(rest, ", ")+" look at nobody who has logged in")
	}
	if why == nil {
		return ""
	}
	return "policy " + policy + " judges what people send who have logged in, and has filters for strangers: " + strings.Join(why, "; ") + ": take them out"
}

// forStrangers are filters that ask who the client is, or whether a domain lets it send: those that do so of who
// has logged in as well, and those that don't.
func forStrangers() (harmful, idle []string) {
	return []string{"dnsbl", "rdns", "spf"}, []string{"dhap", "dmarc", "early-talker", "greylist", "helo", "honeypot", "ip-complaint", "mx"}
}

// unguarded tells of entries that look for what is dangerous, and are told to let pass what
// an entry above has accepted, or put elsewhere: an allowed sender could send a virus, and who
// releases a message could release one.
func unguarded(p pipeline.Spec) (texts []string) {
	for _, e := range p.Entries {
		if e.Always != nil && !*e.Always && slices.Contains([]string{"antivirus", "attachment"}, e.Filter) {
			name := e.Filter
			if e.Name != "" {
				name = e.Name
			}
			texts = append(texts, fmt.Sprintf("policy %s: %s does not run after an ending (always: false): an allowed sender can send what it looks for", p.Name, name))
		}
	}
	return texts
}
