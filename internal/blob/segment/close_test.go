package segment

import (
	"errors"
	"testing"
	"time"
)

// A slow FS lets a test act between a read's header and its record.
type slow struct {
	FS
	at func()
}

func (s slow) Open(name string) (File, error)   { return s.wrap(s.FS.Open(name)) }
func (s slow) Create(name string) (File, error) { return s.wrap(s.FS.Create(name)) }

func (s slow) wrap(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s.at}, nil
}

type slowFile struct {
	File
	at func()
}

func (f slowFile) ReadAt(b []byte, off int64) (int, error) {
	defer f.at()
	return f.File.ReadAt(b, off)
}

// Who reads while the log is closed may finish.
func TestCloseLetsReadersFinish(t *testing.T) {
	var log *Log
	reading := false
	fsys := slow{newDisk(1), func() {
		if reading {
			reading = false
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		}
	}}
	log, _, err := OpenLog(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := log.Append(t.Context(), kindContent, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	reading = true
	done := make(chan error, 1)
	go func() {
		record, _, err := log.Read(ref)
		if err == nil && string(record) != "hello" {
			err = errors.New(string(record))
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("read: %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the reader does not finish")
	}
	if _, _, err := log.Read(ref); !errors.Is(err, errClosed) {
		t.Errorf("after Close: got %v", err)
	}
}
