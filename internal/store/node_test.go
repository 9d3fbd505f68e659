package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/test/peer"
)

// until waits for a condition that a goroutine of the store brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}

func openAs(t *testing.T, dsn, host string) (*DB, error) {
	t.Helper()
	return OpenServer(t.Context(), dsn, Node{Host: host, PID: 4711, Data: "/var/lib/" + host}, nil)
}

// endSession ends the session that has the node's lock, and returns once it is gone.
func endSession(t *testing.T, db *DB) {
	t.Helper()
	err := db.View(t.Context(), func(tx *Tx) error {
		var n int
		return tx.Row(`SELECT COUNT(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'gatepost node' AND datname = current_database()`, nil, &n)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A second node is told who has the database, and gets it when that one is done.
func TestSecondNodeIsRefused(t *testing.T) {
	dsn := emptyDatabase(t)
	one, err := openAs(t, dsn, "one.example")
	if err != nil {
		t.Fatal(err)
	}
	_, err = openAs(t, dsn, "two.example")
	if !errors.Is(err, ErrTaken) {
		t.Fatalf("got %v, want ErrTaken", err)
	}
	for _, part := range []string{"one.example", "4711", "/var/lib/one.example", "since 2"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not tell %q", err, part)
		}
	}
	if err := one.Update(t.Context(), insertBlob("a")); err != nil {
		t.Errorf("the first: %v", err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	two, err := openAs(t, dsn, "two.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
}

// A node whose session was cut goes on and takes its lock again.
func TestNodeTakesItsLockAgain(t *testing.T) {
	dsn := emptyDatabase(t)
	db := openDSN(t, dsn)
	endSession(t, db)
	if err := db.Update(t.Context(), insertBlob("a")); err != nil {
		t.Errorf("without its session: %v", err)
	}
	until(t, "the lock is taken again", func() bool {
		db.engine.(*server).node.look()
		n := 0
		err := db.View(t.Context(), func(tx *Tx) error {
			return tx.Row(`SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, nil, &n)
		})
		return err == nil && n == 1 && db.Err() == nil
	})
	if _, err := openAs(t, dsn, "two.example"); !errors.Is(err, ErrTaken) {
		t.Errorf("a second node: got %v, want ErrTaken", err)
	}
	if err := db.Update(t.Context(), insertBlob("b")); err != nil {
		t.Error(err)
	}
}

// A node that lost the database to another ends what it has begun, which the other
// waits for, and stores nothing any more.
func TestNodeThatLostTheDatabase(t *testing.T) {
	dsn := emptyDatabase(t)
	one := openDSN(t, dsn)
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- one.Update(context.Background(), func(tx *Tx) error {
			close(begun)
			<-end
			return insertBlob("begun")(tx)
		})
	}()
	<-begun
	// The one does not look meanwhile: it is as good as cut off from its session.
	one.engine.(*server).node.stop()
	one.engine.(*server).node.ended.Wait()
	endSession(t, one)
	type opened struct {
		db  *DB
		err error
	}
	other := make(chan opened, 1)
	go func() {
		db, err := OpenServer(context.Background(), dsn, Node{Host: "two.example"}, nil)
		other <- opened{db, err}
	}()
	until(t, "two has said who it is", func() bool {
		host := ""
		err := one.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT host FROM store_node`, nil, &host) })
		return err == nil && host == "two.example"
	})
	select {
	case o := <-other:
		t.Fatalf("two did not wait for what one had begun: %v", o.err)
	default:
	}
	if err := one.Update(t.Context(), insertBlob("late")); !errors.Is(err, ErrTaken) {
		t.Errorf("one, afterwards: got %v, want ErrTaken", err)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Errorf("what was begun: %v", err)
	}
	o := <-other
	if o.err != nil {
		t.Fatal(o.err)
	}
	defer o.db.Close()
	if got := countBlobs(t, o.db); got != 1 {
		t.Errorf("two sees %d rows, want 1", got)
	}
	one.engine.(*server).node.watch()
	until(t, "one knows", func() bool { one.engine.(*server).node.look(); return errors.Is(one.Err(), ErrTaken) })
	if err := o.db.Close(); err != nil {
		t.Error(err)
	}
	if err := one.Update(t.Context(), insertBlob("late")); !errors.Is(err, ErrTaken) || !errors.Is(one.Err(), ErrTaken) {
		t.Errorf("one, when two is gone: got %v, want ErrTaken", err)
	}
}

// A node waits for all that was begun before it, not by its predecessor alone: that
// one may have ended while it waited.
func TestThirdNodeWaitsForTheFirst(t *testing.T) {
	dsn := emptyDatabase(t)
	one := openDSN(t, dsn)
	begun, hold, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	end := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(end)
	go func() {
		ended <- one.Update(context.Background(), func(tx *Tx) error {
			close(begun)
			<-hold
			return insertBlob("begun")(tx)
		})
	}()
	<-begun
	one.engine.(*server).node.stop()
	one.engine.(*server).node.ended.Wait()
	var last *DB
	for _, host := range []string{"two.example", "three.example"} {
		endSession(t, one) // of one, then of two
		opened := make(chan error, 1)
		go func() {
			db, err := OpenServer(context.Background(), dsn, Node{Host: host}, nil)
			if host == "three.example" {
				last = db
			}
			opened <- err
		}()
		until(t, host+" waits", func() bool {
			n := 0
			err := one.View(t.Context(), func(tx *Tx) error {
				return tx.Row(`SELECT COUNT(*) FROM pg_locks, store_node WHERE locktype = 'advisory' AND NOT granted AND host = ?`, []any{host}, &n)
			})
			select {
			case err := <-opened:
				t.Fatalf("%s did not wait: %v", host, err)
			default:
			}
			return err == nil && n == 1
		})
		if host == "three.example" {
			end()
		} else {
			endSession(t, one)
		}
		if err := <-opened; (err != nil) != (host == "two.example") {
			t.Fatalf("%s: got %v", host, err)
		}
	}
	defer last.Close()
	if err := <-ended; err != nil {
		t.Errorf("what was begun: %v", err)
	}
	if got := countBlobs(t, last); got != 1 {
		t.Errorf("three sees %d rows, want 1", got)
	}
}

// While the server is gone all work fails at once, and Err says so; when it is back
// everything is as it was.
func TestServerGoesAndComes(t *testing.T) {
	p, err := peer.NewPostgres(false)
	if errors.Is(err, peer.ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	dsn, err := p.Database()
	if err != nil {
		t.Fatal(err)
	}
	db := openDSN(t, dsn)
	for round := range 2 {
		if err := db.Update(t.Context(), insertBlob(string(rune('a'+round)))); err != nil {
			t.Fatal(err)
		}
		p.Kill()
		if err := db.Update(t.Context(), insertBlob("lost")); !errors.Is(err, mail.ErrAway) || errors.Is(err, ErrUnknown) {
			t.Errorf("without a server: got %v", err)
		}
		if err := db.View(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, mail.ErrAway) {
			t.Errorf("a view without a server: got %v", err)
		}
		until(t, "Err says so", func() bool { return db.Err() != nil })
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if got := countBlobs(t, db); got != round+1 {
			t.Errorf("rows: got %d, want %d", got, round+1)
		}
		until(t, "Err is over", func() bool { return db.Err() == nil })
	}
	lostByFallOfServer(t, db, func() {
		p.Kill()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "Err is over", func() bool { db.engine.(*server).node.look(); return db.Err() == nil })
	})
	serverThatStartsLater(t, p)
}

// Work that waits for a connection or a row gives up with its caller, or at its own
// limit.
func TestWaitsEnd(t *testing.T) {
	db := openDSN(t, emptyDatabase(t)+"&pool_max_conns=2")
	hold, held := make(chan struct{}), make(chan struct{}, 2)
	ended := make(chan error, 2)
	for _, work := range []func(context.Context, func(*Tx) error) error{db.View, db.Update} {
		go func() {
			ended <- work(context.Background(), func(*Tx) error { held <- struct{}{}; <-hold; return nil })
		}()
	}
	<-held
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := db.Update(ctx, insertBlob("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no connection: got %v", err)
	}
	close(hold)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := db.View(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`SELECT pg_sleep(60)`)
		return err
	})
	if err == nil {
		t.Error("a long statement was waited for")
	}
	if got := countBlobs(t, db); got != 0 {
		t.Errorf("rows: got %d", got)
	}
}

// However many read, and however slowly, mail finds a connection.
func TestViewsLeaveRoom(t *testing.T) {
	const size = 4
	db := openDSN(t, emptyDatabase(t)+"&pool_max_conns=4")
	ctx, cancel := context.WithCancel(t.Context())
	hold, held := make(chan struct{}), make(chan struct{}, size)
	var ended sync.WaitGroup
	for range size {
		ended.Go(func() { db.View(ctx, func(*Tx) error { held <- struct{}{}; <-hold; return nil }) })
	}
	for range size - 1 {
		<-held
	}
	short, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := db.Update(short, insertBlob("a")); err != nil {
		t.Errorf("an update beside %d views: %v", size-1, err)
	}
	if len(held) != 0 {
		t.Error("a view took the last connection")
	}
	cancel() // who waits leaves
	close(hold)
	ended.Wait()
	if err := db.View(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}

// andOneMore is the program's own schema and one change more.
func andOneMore(t *testing.T, text string) schema {
	t.Helper()
	files := fstest.MapFS{"migrations/9000_next.sql": {Data: []byte(text)}}
	list, err := ownSchema().changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range list {
		files[ch.name] = &fstest.MapFile{Data: []byte(ch.text)}
	}
	return schema{files}
}

// A newer program widens the schema under an older one that works; the older one goes
// on, and can be started again, as far as the newer says so.
func TestNewerProgramBesideAnOlder(t *testing.T) {
	dsn := emptyDatabase(t)
	db := openDSN(t, dsn)
	knownBoxes(t, db, 1)
	stop, stopped := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		defer func() { stopped <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := db.Commit(context.Background(), letterTo(n, 1)); err != nil {
				t.Errorf("the older program, commit %d: %v", n, err)
			}
		}
	}()
	pool := db.engine.(*server).pool
	newer := func(text string) {
		t.Helper()
		c, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := andOneMore(t, text).migrate(t.Context(), c, postgresDialect); err != nil {
			t.Fatal(err)
		}
	}
	newer("-- compatible from 0011\nALTER TABLE mailbox_message ADD COLUMN thread TEXT NOT NULL DEFAULT '';\nALTER TABLE blob ADD COLUMN home BIGINT NOT NULL DEFAULT 0;\nCREATE TABLE next (n BIGINT);")
	for n := range 20 {
		if err := db.Commit(t.Context(), &intake.Commit{Row: &journal.Row{ID: "after" + string(rune('a'+n)), Lines: []journal.Line{{}}}}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if n := <-stopped; n == 0 {
		t.Error("the older program did nothing meanwhile")
	}
	db.Close()
	again, err := openAs(t, dsn, "older.example")
	if err != nil {
		t.Fatalf("the older program, started again: %v", err)
	}
	err = again.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE schema_compatible SET since = 9000 WHERE version = 9000`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := openAs(t, dsn, "older.example"); err == nil || !strings.Contains(err.Error(), "9000") {
		t.Errorf("a change that an older program can't bear: got %v", err)
	}
}

// Nodes that start at the same time over an empty database take turns.
func TestMigrationsTakeTurns(t *testing.T) {
	db := openPostgres(t)
	pool := db.engine.(*server).pool
	failed := make(chan error, 6)
	for range cap(failed) {
		go func() {
			c, err := pool.Conn(t.Context())
			if err == nil {
				defer c.Close()
				err = andOneMore(t, "CREATE TABLE next (n BIGINT);").migrate(t.Context(), c, postgresDialect)
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// A change only adds, so that an older program can go on beside a newer one. An index may
// go: only how long something takes depends on it.
func TestMigrationsOnlyAdd(t *testing.T) {
	list, err := ownSchema().changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range list {
		for line := range strings.Lines(ch.text) {
			word := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(line)), "DROP INDEX ")
			for _, bad := range []string{"DROP ", "DELETE ", "UPDATE ", "RENAME ", "ALTER COLUMN "} {
				if !strings.HasPrefix(word, "--") && strings.Contains(word, bad) {
					t.Errorf("%s: %s", ch.name, line)
				}
			}
			if strings.Contains(word, "ADD COLUMN") && strings.Contains(word, "NOT NULL") && !strings.Contains(word, "DEFAULT") {
				t.Errorf("%s: a column without a default: %s", ch.name, line)
			}
		}
	}
}
