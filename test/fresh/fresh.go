// Package fresh makes stores for tests. The schema is the work of many changes, which take
// longer than most tests: it is made once in a process, and copied.
package fresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gatepost/internal/store"
)

// name is what the program calls its store in its data directory.
const name = "gatepost.db"

// A file is what a file has, or why it could not be made.
type file struct {
	octets []byte
	err    error
}

// empty is a SQLite file with the schema and no rows.
var empty = sync.OnceValue(func() file {
	octets, err := makeEmpty()
	return file{octets, err}
})

func makeEmpty() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatepost-fresh-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	db, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // all that it wrote is in the one file then
		return nil, err
	}
	return os.ReadFile(path)
}

// In puts a store without rows into a data directory, as the program would make it there,
// unless there is one, and returns the path of its file.
func In(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f := empty()
	if f.err != nil {
		t.Fatal(f.err)
	}
	if err := os.WriteFile(path, f.octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Open opens a store without rows, until the test ends.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), In(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
