package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func openShared(t *testing.T, dsn, host string) (*DB, error) {
	t.Helper()
	return OpenServer(t.Context(), dsn, Node{Host: host, PID: 4711, Data: "/var/lib/" + host, Shared: true}, nil)
}

// Nodes that share contents have one database together; a node that does not is kept out, and
// keeps them out, also where it does not know yet that it was cut off.
func TestNodesShare(t *testing.T) {
	dsn := emptyDatabase(t)
	alone, err := openAs(t, dsn, "alone.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openShared(t, dsn, "one.example"); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("one, beside a node that keeps its own: got %v, want ErrTaken", err)
	}
	alone.engine.(*server).node.release() // cut off: it does not know
	one, err := openShared(t, dsn, "one.example")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := openShared(t, dsn, "two.example")
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	for name, db := range map[string]*DB{"a": one, "b": two, "c": one, "d": two} {
		if err := db.Update(t.Context(), insertBlob(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := alone.Update(t.Context(), insertBlob("late")); !errors.Is(err, ErrTaken) {
		t.Errorf("the one that was cut off: got %v, want ErrTaken", err)
	}
	alone.Close()
	if _, err := openAs(t, dsn, "other.example"); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "content.s3") {
		t.Errorf("a node that does not share: got %v, want ErrTaken", err)
	}
	endSession(t, two) // all nodes' sessions
	if err := two.Update(t.Context(), insertBlob("e")); err != nil {
		t.Errorf("without its session: %v", err)
	}
	for _, db := range []*DB{one, two} {
		until(t, "the lock is taken again", func() bool { db.engine.(*server).node.look(); return db.Err() == nil })
	}
}

// A lease is one holder's until he gives it back or its time is over.
func TestLease(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		want := func(what, holder string, length time.Duration, want bool) {
			t.Helper()
			if got, err := db.Lease(t.Context(), "work", holder, length); got != want || err != nil {
				t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
			}
		}
		want("the first", "a", time.Hour, true)
		want("another", "b", time.Hour, false)
		want("the first again", "a", time.Hour, true)
		if err := db.Unlease(t.Context(), "work", "b"); err != nil {
			t.Error(err)
		}
		want("given back by who has it not", "b", time.Hour, false)
		if err := db.Unlease(t.Context(), "work", "a"); err != nil {
			t.Error(err)
		}
		want("given back", "b", -time.Second, true)
		want("over", "a", time.Hour, true)
	})
}

// A store whose contents are in one place is not opened with another.
func TestPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		one, err1 := db.Place(t.Context(), "s3 mail a/")
		two, err2 := db.Place(t.Context(), "") // nothing is anywhere yet
		if err1 != nil || err2 != nil || one == two {
			t.Fatalf("empty: %d, %v, %d, %v", one, err1, two, err2)
		}
		if _, err := db.Place(t.Context(), "s3 mail a/"); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(t.Context(), insertBlob("x")); err != nil {
			t.Fatal(err)
		}
		for place, ok := range map[string]bool{"s3 mail a/": true, "s3 mail b/": false, "": false} {
			if _, err := db.Place(t.Context(), place); errors.Is(err, ErrPlace) == ok {
				t.Errorf("%q: got %v", place, err)
			}
		}
	})
}
