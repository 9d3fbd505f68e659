package config

import (
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
