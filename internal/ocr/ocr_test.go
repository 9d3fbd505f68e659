package ocr

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// page draws lines of text, black on white.
func page(t testing.TB, lines ...string) *image.Gray {
	t.Helper()
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 30, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	g := image.NewGray(image.Rect(0, 0, 700, 60*len(lines)+40))
	draw.Draw(g, g.Rect, image.White, image.Point{}, draw.Src)
	for i, line := range lines {
		d := font.Drawer{Dst: g, Src: image.Black, Face: face, Dot: fixed.P(30, 60*(i+1))}
		d.DrawString(line)
	}
	return g
}

// script is a program in the place of tesseract.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reader")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTesseract(t *testing.T) {
	if _, err := exec.LookPath("tesseract"); err != nil {
		t.Skip("no tesseract here")
	}
	p := NewPool(Config{Limit: time.Minute}) // a loaded machine
	text, err := p.Text(context.Background(), "tesseract", "eng", page(t, "Buy cheap watches now", "limited offer"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ToLower(strings.Join(strings.Fields(text), " ")); got != "buy cheap watches now limited offer" {
		t.Errorf("read %q", got)
	}
	if _, err := p.Text(context.Background(), "tesseract", "klingon", page(t, "x")); err == nil || !strings.Contains(err.Error(), "klingon") {
		t.Errorf("unknown language: %v", err)
	}
}

func TestRemembered(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	command := script(t, "cat >/dev/null; echo x >>"+count+"; echo said")
	p := NewPool(Config{Cached: 4})
	ask := func(n int) {
		t.Helper()
		g := image.NewGray(image.Rect(0, 0, 10+n, 10))
		if text, err := p.Text(context.Background(), command, "eng", g); err != nil || text != "said\n" {
			t.Fatalf("%q, %v", text, err)
		}
	}
	ran := func() int {
		b, _ := os.ReadFile(count)
		return strings.Count(string(b), "x")
	}
	ask(0)
	ask(0)
	if n := ran(); n != 1 {
		t.Errorf("the same picture was read %d times", n)
	}
	for n := range 20 {
		ask(n)
	}
	if n := len(p.now) + len(p.before); n > 4 {
		t.Errorf("%d are remembered", n)
	}
	if ask(0); ran() != 21 {
		t.Errorf("read %d times, want 21: what is old is forgotten", ran())
	}
}

func TestBadPrograms(t *testing.T) {
	g := image.NewGray(image.Rect(0, 0, 300, 300))
	for _, c := range []struct{ name, command, want string }{
		{"missing", "/nonexistent/tesseract", "no such file"},
		{"fails", script(t, "cat >/dev/null; echo 'no   such data' >&2; exit 3"), "exit status 3: no such data"},
		{"never ends", script(t, "sleep 100 & sleep 100"), "killed after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewPool(Config{Limit: 300 * time.Millisecond})
			if text, err := p.Text(context.Background(), c.command, "eng", g); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("text %q, error %v, want %q", text, err, c.want)
			}
		})
	}
	p := NewPool(Config{Limit: time.Minute})
	text, err := p.Text(context.Background(), script(t, "head -c 1000000 /dev/zero | tr '\\0' a"), "eng", g) // reads nothing, and says much
	if err != nil || len(text) != MaxText {
		t.Errorf("%d octets, error %v", len(text), err)
	}
	if _, err := p.Text(context.Background(), script(t, "cat >/dev/null; ulimit -v"), "eng", image.NewGray(image.Rect(0, 0, 9000, 9000))); err == nil {
		t.Error("took a picture of 81 million pixels")
	}
	memory, err := p.Text(context.Background(), script(t, "cat >/dev/null; ulimit -v"), "eng", g)
	if want := fmt.Sprintln(1 << 20); err != nil || memory != want {
		t.Errorf("memory %q, error %v, want %q", memory, err, want)
	}
}

func TestBusy(t *testing.T) {
	p := NewPool(Config{})
	p.places <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Text(ctx, "tesseract", "eng", page(t, "x")); !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
