package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A shape is a level of the file as the structs have it: the keys that may stand
// there, each a setting (nil) or a section with a shape of its own.
type shape map[string]shape

// shapeOf reads the shape off a struct's `key` tags.
func shapeOf(t reflect.Type) shape {
	s := shape{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch name := f.Tag.Get("key"); {
		case name == "" || name == "-":
		case f.Type.Kind() == reflect.Struct:
			s[name] = shapeOf(f.Type)
		default:
			s[name] = nil
		}
	}
	return s
}

// settings returns the paths of all settings, sorted: "limits.errors".
func (s shape) settings() (paths []string) {
	for name, section := range s {
		if section == nil {
			paths = append(paths, name)
		}
		for _, below := range section.settings() {
			paths = append(paths, name+"."+below)
		}
	}
	slices.Sort(paths)
	return paths
}

// find returns the section at path, nil for a setting, and whether there is either.
func (s shape) find(path string) (section shape, exists bool) {
	section, exists = s, true
	for _, name := range strings.Split(path, ".") {
		if section, exists = section[name]; !exists {
			return nil, false
		}
	}
	return section, true
}

// variable is the name in the environment of the setting at path.
func variable(path string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// prefix begins the name of every variable that is meant for us.
const prefix = "GATEPOST_"

// suggest names the known word that was probably meant, or nothing.
func suggest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", len(word)/2+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := edits(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits counts the letters to insert, delete or change to make b of a.
func edits(a, b string) int {
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		line := append(make([]int, 0, len(b)+1), i+1)
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			line = append(line, min(change, above[j+1]+1, line[j]+1))
		}
		above = line
	}
	return above[len(b)]
}
