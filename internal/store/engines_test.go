package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gatepost/test/peer"
)

// serverOnce is the PostgreSQL of this run, started by the first test that wants it.
var serverOnce = sync.OnceValues(func() (*peer.Postgres, error) { return peer.NewPostgres(false) })

// wanted notes that the server was started, for TestMain to end it.
var wanted sync.Once

func TestMain(m *testing.M) {
	code := m.Run()
	started := true
	wanted.Do(func() { started = false })
	if started {
		if p, err := serverOnce(); err == nil {
			p.Stop()
		}
	}
	os.Exit(code)
}

// modelOnce is a database with the schema and no rows, of which others are copies: to make
// the schema takes longer than most tests.
var modelOnce = sync.OnceValues(func() (string, error) {
	p, err := serverOnce()
	if err != nil {
		return "", err
	}
	const name = "model"
	if err := p.Exec(context.Background(), "postgres", "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	db, err := OpenServer(context.Background(), p.DSN(name), Node{Host: "model.example"}, nil)
	if err != nil {
		return "", err
	}
	return name, db.Close()
})

// emptyFile is a SQLite file with the schema and no rows.
var emptyFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatepost-store-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "gatepost.db")
	db, err := Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func openTest(t *testing.T) *DB {
	t.Helper()
	b, err := emptyFile()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gatepost.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// emptyDatabase returns the DSN of a database of its own, with the schema and no rows. Without
// the server the test is skipped, but in "make test", which installs it.
func emptyDatabase(t testing.TB) string {
	t.Helper()
	wanted.Do(func() {})
	p, err := serverOnce()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	model, err := modelOnce()
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := p.Copy(model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Drop(dsn); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

func openPostgres(t *testing.T) *DB {
	t.Helper()
	return openDSN(t, emptyDatabase(t))
}

func openDSN(t testing.TB, dsn string) *DB {
	t.Helper()
	db, err := OpenServer(t.Context(), dsn, Node{Host: "test.example", PID: os.Getpid(), Data: t.Name()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// onEngines runs a test on each engine; open is a new, empty store.
func onEngines(t *testing.T, f func(t *testing.T, open func(*testing.T) *DB)) {
	t.Run("sqlite", func(t *testing.T) { f(t, openTest) })
	t.Run("postgres", func(t *testing.T) { f(t, openPostgres) })
}

// onBoth is onEngines for tests that want one store.
func onBoth(t *testing.T, f func(t *testing.T, db *DB)) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) { f(t, open(t)) })
}

// checked has the store's own check find nothing when the test is over.
func checked(t *testing.T, db *DB) *DB {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Check(context.WithoutCancel(t.Context()), func(format string, args ...any) { t.Errorf("check: %s", fmt.Sprintf(format, args...)) }); err != nil {
			t.Error(err)
		}
	})
	return db
}
