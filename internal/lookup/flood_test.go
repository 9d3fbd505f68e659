package lookup

import (
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// somebody is an SQLite file with bob@a.example in it, whose password is "kite-rope é", and a connection to it.
func somebody(t *testing.T) (string, *sql.DB) {
	file := t.TempDir() + "/people.db"
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE people (address TEXT, hash TEXT); INSERT INTO people VALUES ('bob@a.example', '{SSHA}vVmFtA28og/HGjc/mnB67MGyk0jg865Z')`); err != nil {
		t.Fatal(err)
	}
	return file, db
}

// asksPeople are look-ups that ask a file for recipients and passwords.
func asksPeople(t *testing.T, file string) *Lookups {
	l, err := New(Config{Sources: []Source{{
		Name: "people", SQL: file, Query: `SELECT 1 FROM people WHERE address = ?`, PasswordQuery: `SELECT hash FROM people WHERE address = ?`, Timeout: 20 * time.Second,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Log-ins that wait until their hash is computed don't keep recipients from being asked about.
func TestFloodOfLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, _ := somebody(t)
		l := asksPeople(t, file)
		computing := l.sources["people"].asker.(*database).computing
		for range hashesAtOnce {
			computing <- struct{}{}
		}
		const flood = maxAsked + 4
		done := make(chan error, flood)
		for range flood {
			go func() {
				right, err := l.Verify(t.Context(), "people", "bob@a.example", "kite-rope é")
				if err == nil && !right {
					err = errors.New("the password is wrong")
				}
				done <- err
			}()
		}
		synctest.Wait()
		if got, err := l.Exists(t.Context(), "people", "bob@a.example"); !got || err != nil {
			t.Errorf("a recipient meanwhile: %v, %v", got, err)
		}
		for range hashesAtOnce {
			<-computing
		}
		for range flood {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// Another program that writes to an SQLite file is waited for.
func TestLockedSQLite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, db := somebody(t)
		l := asksPeople(t, file)
		if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { db.Exec("COMMIT") })
		if right, err := l.Verify(t.Context(), "people", "bob@a.example", "kite-rope é"); !right || err != nil {
			t.Errorf("while another writes: %v, %v", right, err)
		}
	})
}
