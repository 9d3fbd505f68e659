package store

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// emptyDatabase returns the DSN of a database of its own. Without the server the test is
// skipped, but in "make test", which installs it.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	wanted.Do(func() {})
	p, err := serverOnce()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := p.Database()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

func openPostgres(t *testing.T) *DB {
	t.Helper()
	return openDSN(t, emptyDatabase(t))
}

func openDSN(t *testing.T, dsn string) *DB {
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
