package config

import (
	"cmp"
	"errors"
	"fmt"
	"gatepost/pipeline"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file reads one YAML document and lays it over what is there: a setting replaces
// the one below, a list as a whole.
func (l *loader) file(name string, raw []byte) {
	root, at, err := document(name, raw)
	if err != nil {
		l.problems.add(at, "%v", err)
		return
	}
	if root == nil {
		return
	}
	if bad := alias(root); bad != nil {
		l.problems.add(place{name, bad.Line}, "anchors and aliases (&, *) are not supported: write it out")
		return
	}
	settings := l.section(name, "", l.shape, root)
	if err := l.viper.MergeConfigMap(settings); err != nil {
		l.problems.add(place{file: name}, "%v", err)
	}
}

// document parses the bytes; a nil node is an empty document. The place is that
// of the error.
func document(name string, raw []byte) (*yaml.Node, place, error) {
	at := place{file: name}
	if len(raw) > maxFile {
		return nil, at, errors.New("too long for a configuration")
	}
	var doc, next yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(raw)))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, at, nil
	} else if err != nil {
		at.line, err = syntax(err)
		return nil, at, err
	}
	if err := d.Decode(&next); !errors.Is(err, io.EOF) {
		at.line = next.Line
		return nil, at, errors.New("only one YAML document can stand in the file")
	}
	if empty(doc.Content[0]) {
		return nil, at, nil
	}
	return doc.Content[0], at, nil
}

// syntax takes the line out of the parser's message: "yaml: line 3: text".
func syntax(err error) (line int, text error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if n, _ := fmt.Sscanf(message, "line %d:", &line); n == 1 {
		_, message, _ = strings.Cut(message, ": ")
	}
	return line, errors.New("not valid YAML: " + message)
}

// alias finds a node that refers to another one. They are refused: a few of them
// can blow a short file up to gigabytes, and none is needed.
func alias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if bad := alias(c); bad != nil {
			return bad
		}
	}
	return nil
}

// section reads a mapping against its shape and returns the values under the keys
// that exist.
func (l *loader) section(file, path string, s shape, n *yaml.Node) map[string]any {
	values := map[string]any{}
	for key, value := range l.pairs(file, strings.TrimSuffix(path, "."), n) {
		name, at := path+key.Value, place{file, key.Line}
		below, known := s[key.Value]
		switch {
		case path == "" && key.Value == "gate":
			l.cfg.Gate, l.cfg.gateFile = l.gate(file, value), file
		case path == "" && key.Value == "policies":
			l.cfg.Policies, l.cfg.policiesFile = l.policies(file, value), file
		case path == "" && key.Value == "lookups":
			l.cfg.Lookups = l.lookups(file, value)
		case path == "" && key.Value == "packs":
			l.cfg.Packs = l.packs(file, value)
		case path == "" && key.Value == identityList:
			l.cfg.IdentityProviders = l.identityProviders(file, value)
		case path == "" && key.Value == sendingList:
			l.cfg.SendingAddresses = l.sendingAddresses(file, value)
		case name == tlsCertificates:
			l.cfg.TLS.Certificates = l.certificates(file, value)
		case !known:
			l.problems.add(at, "unknown key %q%s%s", key.Value, within(path), pipeline.Suggest(key.Value, s.names(path)))
		case empty(value) && below != nil: // a section with all its lines commented out
		case below != nil:
			values[key.Value] = l.section(file, name+".", below, value)
		case path == "listen.":
			l.from[name] = at
			values[key.Value] = l.listenerList(file, key.Value, value)
		default:
			l.from[name] = at
			values[key.Value] = l.value(at, name, value)
		}
	}
	return values
}

// names returns the keys that may stand in s, the section at path.
func (s shape) names(path string) []string {
	names := slices.Collect(maps.Keys(s))
	if path == "" {
		names = append(names, "gate", identityList, "lookups", "packs", "policies", sendingList)
	}
	return names
}

func within(path string) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf(" in %q", strings.TrimSuffix(path, "."))
}

// value decodes a node of any kind; a null is the same as an empty text.
func (l *loader) value(at place, name string, n *yaml.Node) any {
	var v any
	if err := n.Decode(&v); err != nil {
		_, err = syntax(err)
		l.problems.add(at, "%s: %v", name, err)
	}
	if v == nil {
		return ""
	}
	return v
}

// pairs returns the keys of a mapping with their values, in order; a key that
// stands there twice, or is not a plain word, is a problem. name is what the
// mapping is called.
func (l *loader) pairs(file, name string, n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			l.problems.add(place{file, n.Line}, "%s is not a mapping (key: value)", cmp.Or(name, "the file"))
			return
		}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if first := seen[key.Value]; first > 0 {
				l.problems.add(place{file, key.Line}, "key %q stands there twice, first in line %d", key.Value, first)
				continue
			}
			seen[key.Value] = key.Line
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				l.problems.add(place{file, key.Line}, "a key must be a plain word")
				continue
			}
			if !yield(key, value) {
				return
			}
		}
	}
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
