package segment

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// fillThree fills three segments of 13 contents and kills them but for 1, 4 and 6.
func fillThree(t *testing.T, minFree int64) (*disk, *scene) {
	d := newDisk(1)
	c := newScene(t, d, Options{MaxSegment: 8 << 10, MinFree: minFree}, &blobtest.Register{})
	for i := range 40 {
		c.put(uint64(i), 600)
	}
	c.kill(func(i int) bool { return i%13 >= []int{1, 4, 6, 1}[i/13] })
	return d, c
}

// Nothing is copied where mail would be refused for it.
func TestCompactionLeavesRoomForMail(t *testing.T) {
	d, c := fillThree(t, 8000)
	d.mu.Lock()
	d.space = d.used() + 8000 + 500
	d.mu.Unlock()
	rep, err := c.s.Compact(t.Context(), c.r, 0)
	if rep.Files != 0 || !errors.Is(err, blob.ErrFull) || c.s.Full() != nil {
		t.Errorf("got %+v, %v", rep, err)
	}
	d.mu.Lock()
	d.space += 500 // the first one fits
	d.mu.Unlock()
	if rep, err := c.s.Compact(t.Context(), c.r, 0); rep.Files != 1 || !errors.Is(err, blob.ErrFull) {
		t.Errorf("with room for one: got %+v, %v", rep, err)
	}
	if rep := blobtest.Compact(t, c.s, c.r); rep.Files != 2 {
		t.Errorf("with its room: got %+v", rep)
	}
	sound(t, c.s, c.acked)
}

// While mail is refused all of the space that is kept free but an eighth is there for a
// compaction, which begins where it needs the least.
func TestCompactionWhileShort(t *testing.T) {
	d, c := fillThree(t, 32_000)
	d.mu.Lock()
	d.space = d.used() + 4000 + 1000 // what the first one keeps, and no more
	d.mu.Unlock()
	if rep := blobtest.Compact(t, c.s, c.r); rep.Files != 3 {
		t.Errorf("got %+v", rep)
	}
	sound(t, c.s, c.acked)
}

// Headers are read at a pace, but not while mail is refused.
func TestSurveyHurriesWhileShort(t *testing.T) {
	for _, short := range []bool{false, true} {
		d, c := fillThree(t, 32_000)
		d.mu.Lock()
		if short {
			d.space = d.used() + 31_000
		}
		d.mu.Unlock()
		waited := time.Duration(0)
		k := &compaction{Store: c.s, register: c.r, pace: pace{rate: 1000, wait: func(_ context.Context, d time.Duration) error {
			waited += d
			return nil
		}}}
		if err := k.surveys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if (waited == 0) != short {
			t.Errorf("short=%v: waited %s", short, waited)
		}
	}
}

// A lack of room does not hide what else is wrong.
func TestCompactionTellsMoreThanNoRoom(t *testing.T) {
	d, c := fillThree(t, 8000)
	c.close()
	d.space = d.used() + 8000 + 500
	d.unopened = "00000002.seg"
	c = newScene(t, d, Options{MinFree: 8000}, c.r)
	for _, want := range []error{syscall.EIO, blob.ErrFull} {
		if _, err := c.s.Compact(t.Context(), c.r, 0); !errors.Is(err, want) || want == syscall.EIO && errors.Is(err, blob.ErrFull) {
			t.Errorf("got %v, want %v", err, want)
		}
		d.mu.Lock()
		d.unopened = ""
		d.mu.Unlock()
	}
}

// A segment of tiny contents is full long before its size says so, since a plan takes
// memory for each; also when it was begun by an earlier process.
func TestSegmentEndsByFrames(t *testing.T) {
	d := newDisk(1)
	for range 4 {
		c := newScene(t, d, Options{maxFrames: 10}, &blobtest.Register{})
		for i := range 6 {
			c.put(uint64(i), 5)
		}
		c.close()
	}
	s, _ := openStore(t, d, Options{})
	frames := map[uint32]int{}
	for f, err := range s.log.Frames(t.Context(), true) {
		if err != nil || f.Damage != nil {
			t.Error(f, err)
		}
		frames[f.Ref.Segment]++
	}
	for n, k := range frames {
		if k > 10 {
			t.Errorf("segment %d has %d frames", n, k)
		}
	}
	if len(frames) != 3 {
		t.Errorf("got %v", frames)
	}
}
