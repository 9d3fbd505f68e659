package store

import (
	"bytes"
	"path/filepath"
	"sync"
	"testing"
)

// A secret is made once, whoever asks first, and is there after a restart.
func TestSecret(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "secret.db")
	db, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	got := make([][]byte, 8)
	for i := range got {
		asking.Go(func() { got[i], _ = db.Secret(ctx, "srs") })
	}
	asking.Wait()
	other, err := db.Secret(ctx, "other")
	if err != nil || bytes.Equal(other, got[0]) {
		t.Errorf("another secret: got %x, %v", other, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(ctx, path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	again, err := db.Secret(ctx, "srs")
	if err != nil || len(again) != secretSize {
		t.Fatalf("got %x, %v", again, err)
	}
	for i, s := range got {
		if !bytes.Equal(s, again) {
			t.Errorf("asked at once, %d: got %x, want %x", i, s, again)
		}
	}
}
