package filters

import (
	"errors"
	"fmt"
	"slices"

	"gatepost/pipeline"
	"gatepost/rules"
)

// Packs have patterns and rules that come from elsewhere.
type Packs interface {
	// Pack returns a pack as it is now: nil where it has not come yet. An error means that none
	// has that name.
	Pack(name string) (*rules.Pack, error)
	// File reads a pack from a file that an entry names, rules.MaxPack octets at most.
	File(path string) (string, error)
}

// AcceptedPack is the pack of patterns that an operator accepted of what was proposed. No pack of the
// configuration can have the name.
const AcceptedPack = "(accepted)"

// sources are packs of an entry: files are read once, those by name as they are at each
// message.
type sources struct {
	packs Packs
	files []*rules.Pack
	names []string
}

// newSources reads files and looks names up; what is wrong with a file is told with its line.
func newSources(packs Packs, files, names []string) (sources, error) {
	s := sources{packs: packs, names: names}
	if packs == nil && len(files)+len(names) > 0 {
		return s, errors.New("no packs can be read here")
	}
	var errs []error
	for i, path := range files {
		p, err := readPack(packs, path)
		if err != nil {
			errs = append(errs, pipeline.SettingError{Path: fmt.Sprintf("files[%d]", i), Err: err})
			continue
		}
		s.files = append(s.files, p)
	}
	for i, name := range names {
		if _, err := packs.Pack(name); err != nil {
			errs = append(errs, pipeline.SettingError{Path: fmt.Sprintf("packs[%d]", i), Err: err})
		}
	}
	return s, errors.Join(errs...)
}

func readPack(packs Packs, path string) (*rules.Pack, error) {
	text, err := packs.File(path)
	if err != nil {
		return nil, err
	}
	p, err := rules.ParsePack(text)
	if err != nil {
		return nil, packErrors(path, err)
	}
	return p, nil
}

// packErrors puts a pack's name before the line of each mistake in it.
func packErrors(name string, err error) error {
	var errs []error
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			errs = append(errs, fmt.Errorf("%s:%w", name, err))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s:%w", name, err)
}

// all are the packs as they are now.
func (s sources) all() []*rules.Pack {
	list := slices.Clone(s.files)
	for _, name := range s.names {
		if p, err := s.packs.Pack(name); err == nil && p != nil {
			list = append(list, p)
		}
	}
	return list
}

// findings are the entries that rules in files ask for.
func (s sources) findings() (names []string) {
	for _, p := range s.files {
		for _, r := range p.Rules {
			names = append(names, r.Condition.Findings()...)
		}
	}
	return names
}
