// Package ocr reads the text in pictures by Tesseract, a program of its own: a few at a time,
// each within a time and a share of memory, after which it is killed. It is handed plain shades
// of gray that were decoded here, never the file that a stranger sent, so that nothing but its own
// recognition ever meets what was made to break it.
//
//	pool := ocr.NewPool(ocr.Config{})
//	text, err := pool.Text(ctx, "tesseract", "eng+fra", gray)
//
// What was read is remembered by the picture, since the same picture comes in many messages.
package ocr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Config has the bounds of a Pool; zero is the usual.
type Config struct {
	Workers int           // programs that run at once; 1
	Limit   time.Duration // for one picture, after which the program is killed; 5 s
	Memory  uint64        // octets of address space a program may have; 1 GiB
	Cached  int           // pictures whose text is remembered; 4,096
}

// MaxText bounds the text of a picture, in octets; MaxPixels the picture.
const (
	MaxText   = 16 << 10
	MaxPixels = 4 << 20
)

// ErrBusy is the cause where all workers had pictures until ctx ended.
var ErrBusy = errors.New("all workers are busy")

// A Pool reads pictures. It may be used by many goroutines.
type Pool struct {
	limit   time.Duration
	memory  uint64
	places  chan struct{}
	mu      sync.Mutex
	now     map[key]string // the newer half of what is remembered
	before  map[key]string // the older half
	halfway int
}

type key [sha256.Size]byte

// NewPool makes a Pool, which starts nothing before it is asked.
func NewPool(c Config) *Pool {
	p := &Pool{limit: 5 * time.Second, memory: 1 << 30, places: make(chan struct{}, max(c.Workers, 1)), now: map[key]string{}, halfway: 2048}
	if c.Limit > 0 {
		p.limit = c.Limit
	}
	if c.Memory > 0 {
		p.memory = c.Memory
	}
	if c.Cached > 0 {
		p.halfway = (c.Cached + 1) / 2
	}
	return p
}

// Text returns the text that command, tesseract or what is like it, reads in a picture, in the
// languages given as "eng+fra". Its errors name the command and what it said.
func (p *Pool) Text(ctx context.Context, command, languages string, g *image.Gray) (string, error) {
	if n := g.Rect.Dx() * g.Rect.Dy(); n == 0 || n > MaxPixels {
		return "", fmt.Errorf("ocr: picture of %d × %d pixels", g.Rect.Dx(), g.Rect.Dy())
	}
	k := keyOf(command, languages, g)
	if text, ok := p.recall(k); ok {
		return text, nil
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return "", fmt.Errorf("ocr: %w: %w", ErrBusy, context.Cause(ctx))
	}
	if text, ok := p.recall(k); ok { // somebody read it while this waited
		return text, nil
	}
	text, err := p.run(ctx, command, languages, g)
	if err != nil {
		return "", fmt.Errorf("ocr: %s: %w", command, err)
	}
	p.remember(k, text)
	return text, nil
}

func keyOf(command, languages string, g *image.Gray) (k key) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d %d\n", command, languages, g.Rect.Dx(), g.Rect.Dy())
	writePixels(h, g)
	h.Sum(k[:0])
	return k
}

func (p *Pool) recall(k key) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text, ok := p.now[k]; ok {
		return text, true
	}
	text, ok := p.before[k]
	return text, ok
}

// remember drops the older half when the newer one is full.
func (p *Pool) remember(k key, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.now) >= p.halfway {
		p.before, p.now = p.now, map[key]string{}
	}
	p.now[k] = text
}

// run has the program read one picture.
func (p *Pool) run(ctx context.Context, command, languages string, g *image.Gray) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	c := exec.CommandContext(ctx, command, "stdin", "stdout", "-l", languages, "--psm", "11")
	c.Env = []string{"OMP_THREAD_LIMIT=1", "PATH=/usr/local/bin:/usr/bin:/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	var out, said limited
	out.room, said.room = MaxText, 1<<10
	c.Stdout, c.Stderr = &out, &said
	in, err := c.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	limit := unix.Rlimit{Cur: p.memory, Max: p.memory}
	_ = unix.Prlimit(c.Process.Pid, unix.RLIMIT_AS, &limit, nil) // one that is gone already needs none
	fmt.Fprintf(in, "P5 %d %d 255\n", g.Rect.Dx(), g.Rect.Dy())
	writePixels(in, g)
	in.Close()
	switch err := c.Wait(); {
	case ctx.Err() != nil && err != nil:
		return "", fmt.Errorf("killed after %v", p.limit)
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(said.kept.String()), " "))
	}
	return strings.ToValidUTF8(out.kept.String(), ""), nil
}

// writePixels writes the rows of a picture; that w took them all is seen elsewhere.
func writePixels(w io.Writer, g *image.Gray) {
	for y := range g.Rect.Dy() {
		if _, err := w.Write(g.Pix[y*g.Stride:][:g.Rect.Dx()]); err != nil {
			return
		}
	}
}

// limited keeps the start of what is written to it.
type limited struct {
	kept bytes.Buffer // not embedded: its ReadFrom would know no room
	room int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.room)
	l.room -= n
	l.kept.Write(b[:n])
	return len(b), nil
}
