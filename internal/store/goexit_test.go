package store

import (
	"errors"
	"runtime"
	"testing"
)

// Whose goroutine ends within his own job (as a test's does that gives up) does not keep all others from writing for ever, nor the
// file from being closed: they are told that writing has ended.
func TestGoroutineEndsWithinAJob(t *testing.T) {
	db := openTest(t)
	f := db.engine.(*file)
	began, goes := make(chan struct{}), make(chan struct{})
	go f.update(t.Context(), func(*Tx) error {
		close(began)
		<-goes
		runtime.Goexit()
		return nil
	})
	<-began
	waits := make(chan error, 1)
	go func() { waits <- db.Update(t.Context(), insertBlob("waits")) }()
	close(goes)
	if err := <-waits; !errors.Is(err, ErrBroken) {
		t.Errorf("who waits: %v", err)
	}
	if err := db.Update(t.Context(), insertBlob("later")); !errors.Is(err, ErrBroken) {
		t.Errorf("later: %v", err)
	}
}
