// Package backup keeps copies of a node in a directory.
//
//	backup-20261126T134500.000Z.json   what one copy consists of, with checksums
//	objects/SHA256                     the octets, named by what they are
//	tmp/                               what is being written
//
// A copy is a Manifest, which names files of the data directory and the objects that
// are their octets. An object is never changed once it has its name, and a manifest
// gets its name last, when all that it needs is on disk. So a Writer that is killed
// leaves the copies before it as they were, and objects that the next one uses or
// removes. What has not changed since the copy before costs no more than a look at the
// ends of the files.
//
// The package knows neither what a node's files are nor when they fit together: who
// writes says so. Nor does it lock the directory.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Errors that callers decide by.
var (
	// ErrNone: there is no whole copy in the directory.
	ErrNone = errors.New("no backup is there")
	// ErrDamaged: what is there is not what was written.
	ErrDamaged = errors.New("the backup is damaged")
)

// A Manifest is one copy.
type Manifest struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"`   // when the rows were read, UTC
	Host   string    `json:"host"`   // of the node
	Engine string    `json:"engine"` // of the rows: "sqlite", "postgresql"
	Files  []File    `json:"files"`
}

// A File is one file of the data directory.
type File struct {
	Path   string `json:"path"` // below the data directory, with "/"
	Size   int64  `json:"size"` // octets
	SHA256 string `json:"sha256"`
	// Tail is the checksum of the last octets of a file that only grows, or is replaced
	// by a shorter one: with it and the size it is known again without being read.
	Tail string `json:"tail,omitempty"`
}

// format is what this program writes and reads.
const format = 1

// Names in the directory.
const (
	objects  = "objects"
	tmp      = "tmp"
	prefix   = "backup-"
	suffix   = ".json"
	timeForm = "20060102T150405.000Z"
)

// maxManifest bounds a manifest, in octets: some millions of files.
const maxManifest = 1 << 30

// List returns the names of the copies in dir, the newest last.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	var names []string
	for _, e := range entries {
		if when, ok := strings.CutPrefix(e.Name(), prefix); ok && strings.HasSuffix(when, suffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Newest reads the newest copy in dir, or returns ErrNone.
func Newest(dir string) (*Manifest, error) {
	names, err := List(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(names) == 0 {
		return nil, fmt.Errorf("backup: %s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	return Read(dir, names[len(names)-1])
}

// Read reads one copy by its name.
func Read(dir, name string) (*Manifest, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxManifest {
		err = fmt.Errorf("%d octets: %w", info.Size(), ErrDamaged)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("backup: %s: %w: %w", name, ErrDamaged, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("backup: %s has format %d, this program knows %d", name, m.Format, format)
	}
	return m, m.check(name)
}

// check refuses names that lead out of a directory.
func (m *Manifest) check(name string) error {
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Path) || !isSum(f.SHA256) || f.Size < 0 {
			return fmt.Errorf("backup: %s: %w: it names %.80q", name, ErrDamaged, f.Path)
		}
	}
	return nil
}

func isSum(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Octets is how long all files are together.
func (m *Manifest) Octets() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}
