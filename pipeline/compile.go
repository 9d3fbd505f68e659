package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
)

// A Spec is a policy, or the gate, as the admin wrote it.
type Spec struct {
	Name     string
	Required float64
	RejectAt float64
	Shadow   string // name of a policy to walk beside it
	Entries  []EntrySpec
	Line     int
}

// An EntrySpec is one line of a list as the admin wrote it.
type EntrySpec struct {
	Filter   string
	Name     string // defaults to Filter
	On       map[string]string
	Timeout  time.Duration
	Always   *bool // nil: the filter's default
	Shadow   bool
	Unless   string // name of an entry above
	Settings map[string]any
	Line     int
	Lines    map[string]int // line of a setting, of an item in it ("rules[0].when"), or of a result under "on." + result
}

// A SettingError is a filter's (Kind.New) about an item within its settings, so that the
// Problem has its line. Several may be joined.
type SettingError struct {
	Path string // "patterns[3]", "rules[0].when"
	Line int    // within the item's text, from 1 on; 0 where it has but one
	Err  error
}

// Error is that of Err: the place is told beside it.
func (e SettingError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e SettingError) Unwrap() error { return e.Err }

// A Problem is a mistake in the configuration, told so that it can be mended.
type Problem struct {
	Line int // 0 where the place is not known
	Text string
}

// Compile makes policies of specs: an unknown filter, setting, result or effect, a
// need that is not met, two entries of one name are Problems, all of them told at
// once. The policies are of use only when there are none.
func Compile(catalog []Kind, specs []Spec) (map[string]*Policy, []Problem) {
	c := compiler{kinds: index(catalog)}
	policies := map[string]*Policy{}
	for _, s := range specs {
		if policies[s.Name] != nil {
			c.problem(s.Line, "two policies are named %q", s.Name)
		}
		policies[s.Name] = c.policy(s, false)
	}
	for _, s := range specs {
		if s.Shadow == "" {
			continue
		}
		other := policies[s.Shadow]
		if other == nil || s.Shadow == s.Name {
			c.problem(s.Line, "policy %q: shadow %q is not another policy", s.Name, s.Shadow)
		}
		policies[s.Name].Shadow = other
	}
	return policies, c.problems
}

// CompileGate makes the gate of its spec: only filters that need no recipient may
// stand in it.
func CompileGate(catalog []Kind, s Spec) (*Policy, []Problem) {
	c := compiler{kinds: index(catalog)}
	s.Name = "gate"
	return c.policy(s, true), c.problems
}

type compiler struct {
	kinds    map[string]*Kind
	problems []Problem
}

func index(catalog []Kind) map[string]*Kind {
	m := map[string]*Kind{}
	for i := range catalog {
		m[catalog[i].Name] = &catalog[i]
	}
	return m
}

func (c *compiler) problem(line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{Line: line, Text: fmt.Sprintf(format, args...)})
}

func (c *compiler) policy(s Spec, gate bool) *Policy {
	p := &Policy{Name: s.Name, Required: s.Required, RejectAt: s.RejectAt}
	above := map[string]string{} // entry name -> filter
	for _, es := range s.Entries {
		kind := c.kinds[es.Filter]
		if kind == nil {
			c.problem(es.Line, "unknown filter %q%s", es.Filter, Suggest(es.Filter, slices.Collect(maps.Keys(c.kinds))))
			continue
		}
		if gate && !kind.Gate {
			c.problem(es.Line, "filter %q can't stand in the gate: it needs a recipient", kind.Name)
		}
		e := c.entry(kind, es)
		if gate && kind.Gate {
			c.gateEffects(e, es)
		}
		if above[e.Name] != "" {
			c.problem(es.Line, "two entries are named %q: give one a name of its own (name: …)", e.Name)
		}
		e.Needs = c.needs(e, above)
		c.refers(e, above)
		c.compares(e, es, above)
		e.Unless = c.unless(e, es, above, gate)
		above[e.Name] = kind.Name
		p.Entries = append(p.Entries, e)
	}
	p.Unknown = p.part(func(e *Entry) bool { return e.Kind.Unknown })
	p.Roles = p.part(func(e *Entry) bool { return e.Kind.Roles })
	p.Users = p.part(func(e *Entry) bool { return e.Kind.Users || e.Always && e.Kind.Stage == Data })
	p.Repeats = slices.ContainsFunc(p.Entries, func(e *Entry) bool { return e.Kind.repeats() && !e.Shadow })
	return p
}

// part returns some of the entries of p, nil where there are none.
func (p *Policy) part(of func(*Entry) bool) *Policy {
	u := &Policy{Name: p.Name}
	for _, e := range p.Entries {
		if of(e) {
			u.Entries = append(u.Entries, e)
		}
	}
	if len(u.Entries) == 0 {
		return nil
	}
	return u
}

// gateEffects refuses what the gate can't do: there is no message yet to be put
// anywhere, and no sum of scores.
func (c *compiler) gateEffects(e *Entry, es EntrySpec) {
	for _, word := range slices.Sorted(maps.Keys(e.On)) {
		switch e.On[word].Action {
		case None, Accept, Defer, Reject:
		default:
			c.problem(es.line("on."+word), "%s: on %s: the gate can accept, defer or reject, not %s", e.Name, word, e.On[word])
		}
	}
}

// needs finds the entries above that e relies on.
func (c *compiler) needs(e *Entry, above map[string]string) (names []string) {
	for _, need := range e.Kind.Needs {
		found := false
		for name, filter := range above {
			if filter == need {
				names, found = append(names, name), true
			}
		}
		if !found {
			c.problem(e.Line, "filter %q needs %q above it in the list", e.Kind.Name, need)
		}
	}
	return names
}

// refers checks the names that e's settings have of entries above.
func (c *compiler) refers(e *Entry, above map[string]string) {
	r, ok := e.Filter.(Referrer)
	if !ok {
		return
	}
	for _, name := range r.Refers() {
		known := func(other string) bool { return strings.EqualFold(name, other) }
		if names := slices.Sorted(maps.Keys(above)); !slices.ContainsFunc(names, known) {
			c.problem(e.Line, "%s: no entry above is named %q%s", e.Name, name, Suggest(name, names))
		}
	}
}

// compares checks the words that e's settings compare results with: of one that an entry
// never says nothing would follow, and nobody be told.
func (c *compiler) compares(e *Entry, es EntrySpec, above map[string]string) {
	r, ok := e.Filter.(Comparer)
	if !ok {
		return
	}
	for _, w := range r.Compares() {
		for name, filter := range above {
			kind := c.kinds[filter]
			if kind == nil || !strings.EqualFold(name, w.Entry) {
				continue
			}
			words := append(kind.words(), Skipped)
			if w.Word != "" && !slices.ContainsFunc(words, func(s string) bool { return strings.EqualFold(s, w.Word) }) {
				c.problem(es.line(w.Path)+max(0, w.Line-1), "%s: %s: %s has no result %q%s; it answers %s", e.Name, w.Where, name, w.Word,
					Suggest(w.Word, words), strings.Join(words, ", "))
			}
		}
	}
}

// unless finds the entry above that may spare the message e. In the gate those above may
// speak later than those below.
func (c *compiler) unless(e *Entry, es EntrySpec, above map[string]string, gate bool) string {
	kind := c.kinds[above[es.Unless]]
	switch {
	case es.Unless == "":
		return ""
	case gate:
		c.problem(es.line("unless"), "%s: unless: the gate knows no exceptions", e.Name)
	case e.Always:
		c.problem(es.line("unless"), "%s: unless: it runs always, so nothing spares a message it", e.Name)
	case kind == nil:
		c.problem(es.line("unless"), "%s: unless: no entry above is named %q%s", e.Name, es.Unless, Suggest(es.Unless, slices.Collect(maps.Keys(above))))
	case !slices.ContainsFunc(kind.Results, func(r Result) bool { return r.Spares }):
		c.problem(es.line("unless"), "%s: unless: %s has no result that spares a message other entries", e.Name, es.Unless)
	}
	return es.Unless
}

func (c *compiler) entry(kind *Kind, es EntrySpec) *Entry {
	e := &Entry{Name: es.Name, Kind: kind, Always: kind.Always, Shadow: es.Shadow, Timeout: es.Timeout, Line: es.Line}
	if e.Name == "" {
		e.Name = kind.Name
	}
	if es.Always != nil {
		e.Always = *es.Always
	}
	e.On = c.effects(kind, es)
	options := c.options(kind, es)
	if es.Timeout < 0 {
		c.problem(es.line("timeout"), "%s: timeout %s is negative", e.Name, es.Timeout)
	}
	if f, err := kind.New(options); err != nil {
		c.refused(e, es, err)
	} else {
		e.Filter = f
	}
	key, err := key(kind, options, e.timeout())
	if err != nil {
		c.problem(es.Line, "%s: %v", e.Name, err)
	}
	e.Key = key
	return e
}

// refused tells what a filter says of its settings, each item that is wrong at its line.
func (c *compiler) refused(e *Entry, es EntrySpec, err error) {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			c.refused(e, es, err)
		}
		return
	}
	line := es.Line
	if at := (SettingError{}); errors.As(err, &at) {
		line = es.line(at.Path) + max(0, at.Line-1)
	}
	c.problem(line, "%s: %v", e.Name, err)
}

// key is equal for entries whose findings can be shared.
func key(kind *Kind, options any, limit time.Duration) (string, error) {
	settings, err := json.Marshal(options)
	if err != nil { // a number that is none: .inf, .nan
		return "", fmt.Errorf("settings: %w", err)
	}
	return kind.Name + " " + string(settings) + " " + limit.String(), nil
}

// effects returns the defaults with the admin's changes.
func (c *compiler) effects(kind *Kind, es EntrySpec) map[string]Effect {
	on := map[string]Effect{}
	for _, r := range kind.Results {
		effect, err := ParseEffect(r.Effect)
		if err != nil {
			panic(fmt.Sprintf("pipeline: catalogue: %s: %s: %v", kind.Name, r.Word, err))
		}
		on[r.Word] = effect
	}
	for _, word := range slices.Sorted(maps.Keys(es.On)) {
		line := es.line("on." + word)
		if !kind.knows(word) {
			c.problem(line, "%s: no result %q%s; it answers %s", kind.Name, word, Suggest(word, kind.words()), strings.Join(kind.words(), ", "))
			continue
		}
		effect, err := ParseEffect(es.On[word])
		if err != nil {
			c.problem(line, "%s: on %s: %v", kind.Name, word, err)
			continue
		}
		on[word] = effect
	}
	return on
}

func (k *Kind) words() (words []string) {
	for _, r := range k.Results {
		words = append(words, r.Word)
	}
	if !slices.Contains(words, TempError) {
		words = append(words, TempError)
	}
	return words
}

// line returns where a setting, or an item within one, is written: else where what it is
// in is.
func (s EntrySpec) line(key string) int {
	for key != "" {
		if n := s.Lines[key]; n > 0 {
			return n
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return s.Line
}

// options decodes the settings strictly into a copy of the defaults.
func (c *compiler) options(kind *Kind, es EntrySpec) any {
	var options any = &struct{}{}
	if kind.Options != nil {
		options = kind.Options()
	}
	known := settingNames(options)
	for _, name := range slices.Sorted(maps.Keys(es.Settings)) {
		if !slices.Contains(known, name) {
			c.problem(es.line(name), "filter %q has no setting %q%s", kind.Name, name, Suggest(name, known))
			continue
		}
		if err := decodeInto(options, map[string]any{name: es.Settings[name]}); err != nil {
			c.problem(es.line(name), "%s: %s: %v%s", kind.Name, name, err, within(options, name))
		}
	}
	return options
}

// within tells what each item of a setting that is a list can have.
func within(options any, name string) string {
	t := reflect.TypeOf(options).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("setting") == name && f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			return " (there are " + strings.Join(settingNames(reflect.New(f.Type.Elem()).Interface()), ", ") + ")"
		}
	}
	return ""
}

func decodeInto(options any, settings map[string]any) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: options, TagName: "setting", ErrorUnused: true, ZeroFields: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	})
	if err != nil {
		return err
	}
	err = d.Decode(settings)
	var field *mapstructure.DecodeError
	if errors.As(err, &field) { // without the library's preamble
		return field.Unwrap()
	}
	return err
}

// A Setting describes one option of a filter, for docs and forms.
type Setting struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default any    `json:"default"`
	Doc     string `json:"doc"`
}

// Settings lists what an admin can set in an entry of this kind.
func (k *Kind) Settings() []Setting {
	list := []Setting{}
	if k.Options == nil {
		return list
	}
	v := reflect.ValueOf(k.Options()).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("setting")
		if name == "" {
			continue
		}
		value := v.Field(i).Interface()
		if d, ok := value.(time.Duration); ok {
			value = d.String()
		}
		list = append(list, Setting{Name: name, Type: f.Type.String(), Default: value, Doc: f.Tag.Get("doc")})
	}
	return list
}

func settingNames(options any) (names []string) {
	t := reflect.TypeOf(options).Elem()
	for i := range t.NumField() {
		if n := t.Field(i).Tag.Get("setting"); n != "" {
			names = append(names, n)
		}
	}
	return names
}
