package captcha

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestImage(t *testing.T) {
	tasks := fixed()
	k := made(t, tasks, "tx1", ann)
	b, err := tasks.Image(k.ID)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Bounds().Size(); s.X != Width || s.Y != Height {
		t.Errorf("got %v", s)
	}
	if _, _, _, alpha := m.At(0, 0).RGBA(); alpha != 0xffff {
		t.Error("the ground is not opaque")
	}
	again, err := tasks.Image(k.ID)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same image again: %v", err)
	}
	if _, err := tasks.Image("x"); !errors.Is(err, ErrOver) {
		t.Errorf("no task: got %v", err)
	}
	if err := answer(tasks, k, "tx1", "123450", "", ann); err != nil {
		t.Errorf("to look ended the task: %v", err)
	}
}

func TestAudio(t *testing.T) {
	tasks := fixed()
	k := made(t, tasks, "tx1", ann)
	for _, lang := range []string{"en", "fr", "no such"} {
		b, err := tasks.Audio(k.ID, lang)
		if err != nil {
			t.Fatal(err)
		}
		if string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || int(binary.LittleEndian.Uint32(b[4:]))+8 != len(b) {
			t.Errorf("%s: not a whole WAV: %q", lang, b[:16])
		}
		if seconds := len(b) / 8000; seconds < 8 || seconds > 30 {
			t.Errorf("%s: %d seconds", lang, seconds)
		}
		again, err := tasks.Audio(k.ID, lang)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: the same sound again: %v", lang, err)
		}
	}
}

func TestDrawingsAreBounded(t *testing.T) {
	tasks := fixed()
	k := made(t, tasks, "tx1", ann)
	seen := map[string]bool{}
	for n := 0; ; n++ {
		b, err := tasks.Image(k.ID)
		if errors.Is(err, ErrOver) {
			break
		}
		if n > 2*drawings || err != nil {
			t.Fatalf("drawing %d: %v", n, err)
		}
		seen[string(b)] = true
		tasks.sketches = nil // forgotten for others
	}
	if len(seen) != drawings {
		t.Errorf("%d drawings, want %d", len(seen), drawings)
	}
	if _, err := tasks.Audio(k.ID, "en"); err != nil {
		t.Errorf("a sound is drawn still: %v", err)
	}
	if err := answer(tasks, k, "tx1", "123450", "", ann); err != nil {
		t.Errorf("the task can't be done any more: %v", err)
	}
}

func TestSketchesAreBounded(t *testing.T) {
	var a album
	now := time.Now()
	for i := range 2 * maxSketches {
		a.put(drawn{sketch{task: fmt.Sprint(i)}, []byte{1}, fmt.Sprint(i), partyOf(client(i)).site, now.Add(Lifetime)})
	}
	if len(a) != maxSketches {
		t.Errorf("%d are kept, want %d", len(a), maxSketches)
	}
	if a.get(sketch{task: fmt.Sprint(2*maxSketches - 1)}, now) == nil || a.get(sketch{task: "0"}, now) != nil {
		t.Error("want the oldest forgotten, and no other")
	}
	if a.get(sketch{task: "300"}, now.Add(Lifetime)) != nil || len(a) > 0 {
		t.Error("want nothing kept beyond its time")
	}
}

// Whoever draws many, about one subject or from one network, pushes out no sound that
// somebody else is listening to.
func TestSketchesOfOthersStay(t *testing.T) {
	for name, other := range map[string]func(i int) (string, netip.Addr){
		"one link":    func(i int) (string, netip.Addr) { return "mine", client(1000 + i) },
		"one network": func(i int) (string, netip.Addr) { return fmt.Sprint("mine", i), client(1000) },
	} {
		t.Run(name, func(t *testing.T) {
			var a album
			now := time.Now()
			heard := sketch{task: "heard", kind: sound}
			a.put(drawn{heard, []byte{1}, "tx1", partyOf(ann).site, now.Add(Lifetime)})
			for i := range 4 * maxSketches {
				subject, from := other(i)
				a.put(drawn{sketch{task: fmt.Sprint(i)}, []byte{1}, subject, partyOf(from).site, now.Add(Lifetime)})
			}
			if a.get(heard, now) == nil {
				t.Error("the sound is forgotten")
			}
			if len(a) > sketchesOf+1 {
				t.Errorf("%d are kept", len(a))
			}
		})
	}
}

// TestMachine has a program for reading, as it comes, read images.
func TestMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	program, err := exec.LookPath("tesseract")
	if err != nil {
		t.Skip("tesseract is not installed")
	}
	const images = 50
	dir := t.TempDir()
	read, crashed := 0, 0
	for n := range images {
		answer := randomDigits()
		b, err := sketch{kind: image}.draw(answer)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strconv.Itoa(n)+".png")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), program, file, "-", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789")
		c.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := c.Output()
		switch {
		case crash(err):
			crashed++ // it divides by nought on some image: that is not read
		case err != nil:
			t.Fatal(err)
		case strings.TrimSpace(string(out)) == answer:
			read++
		}
	}
	t.Logf("tesseract read %d of %d, and crashed on %d", read, images, crashed)
	if read > images/10 {
		t.Errorf("tesseract read %d of %d", read, images)
	}
	if crashed > images/5 {
		t.Errorf("tesseract crashed on %d of %d: what it would read is not known", crashed, images)
	}
}

// crash reports whether a program died of a fault of its own.
func crash(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGILL}, status.Signal())
}

func TestCrash(t *testing.T) {
	for script, want := range map[string]bool{"true": false, "exit 1": false, "kill -FPE $$": true, "kill -SEGV $$": true, "kill -KILL $$": false} {
		if got := crash(exec.CommandContext(t.Context(), "sh", "-c", script).Run()); got != want {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, s := range []sketch{{kind: image}, {kind: sound, lang: "en"}, {kind: sound, lang: "fr"}} {
		b.Run(string(s.kind)+s.lang, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.draw("123450"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTasks fills the store, and reports what it takes.
func BenchmarkTasks(b *testing.B) {
	tasks := New(Config{})
	fill := func() {
		tasks.made, tasks.asked = newTally[struct{}](MadePerNode, minute), newParties(MadePerClient, minute)
		tasks.about = newTally[string](MadePerThing, minute)
		if _, err := tasks.Make("20261125T101112-abcdefgh", ann); err != nil {
			b.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range maxTasks {
		fill()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		fill()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/maxTasks, "octets/task")
}
