package segment

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// A stuck FS lets nobody through who opens or removes a file of that name, until it is
// told to go on.
type stuck struct {
	FS
	name    string
	entered chan string
	goOn    chan error
}

func (s *stuck) stop(what, name string) error {
	if name != s.name {
		return nil
	}
	s.entered <- what
	return <-s.goOn
}

func (s *stuck) Open(name string) (File, error) {
	if err := s.stop("open", name); err != nil {
		return nil, err
	}
	return s.FS.Open(name)
}

func (s *stuck) Remove(name string) error {
	if err := s.stop("remove", name); err != nil {
		return err
	}
	return s.FS.Remove(name)
}

// limited ends a test where f does not end.
func limited(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s waits for the disk", what)
	}
}

// Who opens or removes a file holds up nobody who puts, or reads elsewhere.
func TestSlowNamesHoldNobody(t *testing.T) {
	d, c := fillThree(t, 0)
	if rep := blobtest.Compact(t, c.s, c.r); rep.Files != 3 {
		t.Fatalf("got %+v", rep)
	}
	c.close()
	disk := &stuck{FS: d, name: "00000001.kept", entered: make(chan string, 9), goOn: make(chan error, 2)}
	acked := c.acked
	c = newScene(t, disk, Options{}, c.r)
	t.Cleanup(func() { close(disk.goOn) })
	c.acked = acked
	first := blob.ID("00000001-0000000000")
	goesOn := func(during string) {
		limited(t, "a put during "+during, func() {
			if !c.put(1, 10) {
				t.Error("nothing is taken")
			}
		})
		for id, b := range acked {
			if !strings.HasPrefix(string(id), "00000001") {
				limited(t, "a read during "+during, func() { blobtest.Want(t, c.s, id, b) })
			}
		}
	}
	results := make(chan error, 2)
	for range 2 { // the second one waits for the first
		go func() {
			_, err := blobtest.Read(t.Context(), c.s, first)
			results <- err
		}()
	}
	goesOn(<-disk.entered)
	disk.goOn <- nil
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	c.kill(func(i int) bool { return i == 0 })
	go func() {
		_, err := c.s.Compact(t.Context(), c.r, 0)
		results <- err
	}()
	goesOn(<-disk.entered)
	limited(t, "who looks for what goes", func() {
		if _, err := c.s.Open(t.Context(), first); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("what is being removed: got %v, want ErrNotFound", err)
		}
	})
	disk.goOn <- nil
	if err := <-results; err != nil {
		t.Error(err)
	}
}

// A file that goes while it is opened is not there, and that is no error of the disk's.
func TestRemovedWhileOpened(t *testing.T) {
	d := newDisk(1)
	log, _, err := OpenLog(d, Options{MaxSegment: 1})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := log.Append(t.Context(), kindContent, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Turn(t.Context()), log.Close()); err != nil {
		t.Fatal(err)
	}
	disk := &stuck{FS: d, name: "00000001.seg", entered: make(chan string, 9), goOn: make(chan error, 2)}
	if log, _, err = OpenLog(disk, Options{}); err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	defer close(disk.goOn)
	result := make(chan error, 1)
	go func() {
		_, _, err := log.Read(ref)
		result <- err
	}()
	<-disk.entered // open
	pruned := make(chan error, 1)
	go func() { pruned <- log.Prune(func(string) bool { return true }) }()
	limited(t, "who removes", func() { <-disk.entered })
	disk.goOn <- fs.ErrNotExist
	disk.goOn <- fs.ErrNotExist
	if err := <-result; !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("read: got %v, want ErrNotFound", err)
	}
	if err := <-pruned; err != nil {
		t.Error(err)
	}
}
