package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"gatepost/test/peer"
)

// setReadOnly makes a database refuse writes, as a standby does, or take them again.
// Its sessions are ended, as those of a server that is demoted.
func setReadOnly(t *testing.T, dsn, value string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	c, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, text := range []string{
		`ALTER DATABASE ` + name + ` SET default_transaction_read_only = ` + value,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `'`,
	} {
		if _, err := c.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that has become read-only is as good as gone, and Err says so.
func TestReadOnlyServer(t *testing.T) {
	dsn := emptyDatabase(t)
	db := openDSN(t, dsn)
	setReadOnly(t, dsn, "on")
	if err := db.Update(t.Context(), insertBlob("a")); err == nil || !strings.Contains(err.Error(), "read only") {
		t.Errorf("an update: got %v", err)
	}
	until(t, "Err says so", func() bool { return db.Err() != nil && strings.Contains(db.Err().Error(), "read only") })
	if _, err := openAs(t, dsn, "two.example"); err == nil || !strings.Contains(err.Error(), "read only") {
		t.Errorf("a second: got %v", err)
	}
	setReadOnly(t, dsn, "off")
	until(t, "Err is over", func() bool { db.engine.(*server).node.look(); return db.Err() == nil })
	if err := db.Update(t.Context(), insertBlob("a")); err != nil {
		t.Errorf("an update, afterwards: %v", err)
	}
}

// A session that became read-only under way makes place for one that is not.
func TestReadOnlySession(t *testing.T) {
	db := openPostgres(t)
	for _, c := range []string{"a", "b"} {
		runs := 0
		err := db.Update(t.Context(), func(tx *Tx) error {
			if runs++; runs == 1 {
				if _, err := tx.Exec(`SET TRANSACTION READ ONLY`); err != nil {
					return err
				}
			}
			return insertBlob(c)(tx)
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: %v after %d runs", c, err, runs)
		}
	}
}

// Of two hosts the one that takes writes is used, wherever it stands.
func TestSecondHostTakesWrites(t *testing.T) {
	second, err := url.Parse(emptyDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.NewPostgres(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	name := strings.TrimPrefix(second.Path, "/")
	if err := p.Exec(t.Context(), "postgres", `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	first, err := url.Parse(p.DSN(name))
	if err != nil {
		t.Fatal(err)
	}
	setReadOnly(t, first.String(), "on")
	second.Host = first.Host + "," + second.Host
	db := openDSN(t, second.String())
	if err := db.Update(t.Context(), insertBlob("a")); err != nil {
		t.Error(err)
	}
}

// serverThatStartsLater is waited for, as long as who opens it wants.
func serverThatStartsLater(t *testing.T, p *peer.Postgres) {
	dsn, err := p.Database()
	if err != nil {
		t.Fatal(err)
	}
	waited := false
	if _, err := OpenServer(t.Context(), p.DSN("missing"), Node{}, func(error) { waited = true }); err == nil || waited {
		t.Errorf("a database that is not there: got %v, waited for: %v", err, waited)
	}
	p.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	if _, err := OpenServer(ctx, dsn, Node{}, func(error) { cancel() }); err == nil || time.Since(began) >= startPatience {
		t.Errorf("given up: got %v", err)
	}
	waiting, opened := make(chan error, 1), make(chan error, 1)
	go func() {
		db, err := OpenServer(t.Context(), dsn, Node{}, func(err error) { waiting <- err })
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	select {
	case <-waiting:
	case err := <-opened:
		t.Errorf("it was not waited for: %v", err)
		return
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// What is worth waiting for is no answer, or that of a server that starts.
func TestUnreachable(t *testing.T) {
	for err, want := range map[error]bool{
		&pgconn.PgError{Code: "57P03"}:                                  true,
		fmt.Errorf("dial: %w", &net.OpError{Err: syscall.ECONNREFUSED}): true,
		&net.DNSError{IsNotFound: true}:                                 true,
		io.ErrUnexpectedEOF:                                             true,
		&pgconn.PgError{Code: "28P01"}:                                  false,
		&pgconn.PgError{Code: "3D000"}:                                  false,
		errors.New("read only connection"):                              false,
		ErrTaken:                                                        false,
	} {
		if got := unreachable(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}
