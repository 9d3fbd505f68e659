package config

import (
	"errors"
	"fmt"
	"gatepost/pipeline"
	"os"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"gatepost"
)

// BuiltIn is how messages name the config.yaml inside the program.
const BuiltIn = "built-in config.yaml"

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Find returns the file that is read when none is named: config.yaml here, or the
// system's, or "" for the built-in one alone.
func Find() string {
	for _, path := range []string{"config.yaml", "/etc/gatepost/config.yaml"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Load reads the file at path ("": none), then what env, in the form of
// os.Environ, and sets, each "key=value", change. A list in either of the two is
// comma-separated; empty is off. The error is Problems but for a file that can't
// be read.
func Load(path string, sets []string, env []string) (*Config, error) {
	var raw []byte
	if path != "" {
		var err error
		if raw, err = readFile(path); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	return load(path, raw, sets, env)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes are too long for a configuration", path, info.Size())
	}
	return os.ReadFile(path)
}

func load(path string, raw []byte, sets, env []string) (*Config, error) {
	l := loader{
		shape: shapeOf(reflect.TypeFor[Config]()),
		viper: viper.NewWithOptions(viper.KeyDelimiter(delimiter)),
		from:  map[string]place{},
		bad:   map[string]bool{},
		cfg:   &Config{},
	}
	l.file(BuiltIn, gatepost.Config())
	if path != "" {
		l.file(path, raw)
	}
	l.environment(env)
	l.flags(sets)
	l.decode()
	l.check()
	if err := l.problems.sorted().err(); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

// delimiter parts the levels of viper's keys; with its usual "." it would take a
// domain name for levels.
const delimiter = "::"

// A loader gathers one configuration: viper lays the sources one over the other
// and is thrown away afterwards; from remembers where each setting was written.
type loader struct {
	shape    shape
	viper    *viper.Viper
	from     map[string]place // by path: "listen.smtp"
	bad      map[string]bool  // paths whose value could not be read
	cfg      *Config
	problems Problems
}

// set lays a flag's or variable's text over what is known for the setting at path.
func (l *loader) set(path, value string, at place) {
	l.viper.Set(strings.ReplaceAll(path, ".", delimiter), value)
	l.from[path] = at
}

// environment takes the variables that are ours. One that we don't know is a
// mistake: it was meant for us.
func (l *loader) environment(env []string) {
	paths := map[string]string{}
	var names []string
	for _, path := range l.shape.settings() {
		paths[variable(path)] = path
		names = append(names, strings.TrimPrefix(variable(path), prefix))
	}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		at := place{file: name}
		switch path := paths[name]; {
		case path != "":
			l.set(path, value, at)
		case strings.HasPrefix(name, prefix):
			l.problems.add(at, "no setting has this name%s", pipeline.Suggest(strings.TrimPrefix(name, prefix), names))
		}
	}
}

// flags takes what --set was given.
func (l *loader) flags(sets []string) {
	known := l.shape.settings()
	for _, pair := range sets {
		path, value, ok := strings.Cut(pair, "=")
		at := place{file: setFlag + " " + path}
		section, exists := l.shape.find(path)
		switch {
		case !ok:
			l.problems.add(at, "not of the form key=value")
		case path == "gate" || path == "policies" || path == "lookups" || path == "packs" || path == identityList || path == sendingList || path == tlsCertificates:
			l.problems.add(at, "this list can only be set in the file")
		case section != nil:
			l.problems.add(at, "a section, not a setting; its settings are %s", strings.Join(section.settings(), ", "))
		case !exists:
			l.problems.add(at, "unknown setting%s", pipeline.Suggest(path, known))
		default:
			l.set(path, value, at)
		}
	}
}

// decode fills the struct from viper's layers.
func (l *loader) decode() {
	err := l.viper.UnmarshalExact(l.cfg, func(c *mapstructure.DecoderConfig) {
		c.TagName = "key"
		c.WeaklyTypedInput = false
		c.DecodeHook = mapstructure.DecodeHookFuncType(decode)
	})
	for _, e := range leaves(err) {
		var at *mapstructure.DecodeError
		var bad badValue
		if !errors.As(e, &at) {
			l.problems.add(place{file: "config"}, "%v", e)
			continue
		}
		path, _, _ := strings.Cut(at.Name(), "[")
		l.bad[path] = true
		text := at.Unwrap().Error()
		if errors.As(e, &bad) {
			text = bad.text
		}
		l.problems.add(l.from[path], "%s: %s", path, text)
	}
}

// leaves returns the single errors of which err is joined.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if inner := errors.Unwrap(err); inner != nil && !isDecodeError(err) {
			return leaves(inner)
		}
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

func isDecodeError(err error) bool {
	_, ok := err.(*mapstructure.DecodeError)
	return ok
}
