package peer

import (
	"errors"
	"os"
	"testing"
)

// The instance keeps what it was told, also when it is killed.
func TestPostgres(t *testing.T) {
	p, err := NewPostgres(true)
	if errors.Is(err, ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if _, err := p.Database(); err != nil {
		t.Fatal(err)
	}
	if err := p.Exec(t.Context(), "test1", "CREATE TABLE kept (n BIGINT); INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.Kill()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if err := p.Exec(t.Context(), "test1", "SELECT 1 / COUNT(*) FROM kept"); err != nil {
			t.Error(err)
		}
	}
	dsn, err := p.Copy("test1") // in a session anew: the first went with the server
	if err == nil {
		err = p.Exec(t.Context(), "test2", "SELECT 1 / COUNT(*) FROM kept")
	}
	if err == nil {
		err = p.Drop(dsn)
	}
	if err != nil {
		t.Error(err)
	}
	if err := p.Exec(t.Context(), "test2", "SELECT 1"); err == nil {
		t.Error("a database that was dropped answers")
	}
}
