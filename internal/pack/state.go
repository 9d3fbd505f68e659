package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Version is one text of a pack that was good.
type Version struct {
	Number   int       `json:"number"` // counted here, from 1 on
	Sum      string    `json:"sum"`    // SHA-256, hexadecimal
	Came     time.Time `json:"came"`
	Version  string    `json:"version"` // as its author calls it
	Title    string    `json:"title"`
	Patterns int       `json:"patterns"`
	Rules    int       `json:"rules"`
	Bad      bool      `json:"bad,omitempty"` // rolled back
}

// state is what is written of a pack beside its versions' texts.
type state struct {
	From     string    `json:"from"` // where the versions came from
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"`
	Current  int       `json:"current"` // number of the version in force, 0: none
	Last     int       `json:"last"`    // the highest number that was given
	Versions []Version `json:"versions"`
}

const stateFile = "state.json"

func readState(dir string) (s state, err error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return state{}, fmt.Errorf("pack: read state: %w", err)
	}
	return s, nil
}

func (s state) write(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, stateFile), text)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("pack: write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// has reports whether a text is the one in force, or was rolled back: it is not taken anew.
func (s *state) has(sum string) bool {
	return slices.ContainsFunc(s.Versions, func(v Version) bool { return v.Sum == sum && (v.Bad || v.Number == s.Current) })
}

// take puts a version in force.
func (s *state) take(v Version) {
	s.Versions = append(slices.Clone(s.Versions), v)
	s.Current, s.Last = v.Number, v.Number
}

// back makes the last good version before the one in force the one that is; it returns its
// number.
func (s *state) back() (number int, ok bool) {
	now := slices.IndexFunc(s.Versions, func(v Version) bool { return v.Number == s.Current })
	for i := now - 1; i >= 0; i-- {
		if !s.Versions[i].Bad {
			s.Versions[now].Bad = true
			s.Current = s.Versions[i].Number
			return s.Current, true
		}
	}
	return 0, false
}

// drop forgets the oldest versions that are too many; it returns their numbers.
func (s *state) drop() (gone []int) {
	for len(s.Versions) > maxVersions {
		i := 0
		if s.Versions[0].Number == s.Current {
			i = 1
		}
		gone = append(gone, s.Versions[i].Number)
		s.Versions = slices.Delete(slices.Clone(s.Versions), i, i+1)
	}
	return gone
}
