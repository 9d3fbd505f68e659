package desk_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/test/rounds"
)

// SIGKILL at random moments, while lessons are kept, while the model is kept whole and while old entries go: no lesson
// that was answered is lost, and the model is what the lessons in the rows taught, in their order.
func TestKill(t *testing.T) {
	if dir := os.Getenv("DESK_CHILD"); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for round := range rounds.Of(t, 3) {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		c.Env = append(os.Environ(), "DESK_CHILD="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kept, lines := 0, bufio.NewScanner(out)
		for n := r.IntN(60); n >= 0 && lines.Scan(); n-- {
			fmt.Sscanf(lines.Text(), "kept %d", &kept)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			fmt.Sscanf(lines.Text(), "kept %d", &kept)
		}
		_ = c.Wait() // it was killed
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) { afterKill(t, dir, kept) })
	}
}

// child teaches where the lessons end, and says what is kept.
func child(t *testing.T, dir string) {
	s := siteIn(t, dir)
	d := s.node("child")
	done, err := d.Lessons(t.Context(), desk.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if len(done) > 0 {
		fmt.Sscanf(done[0].Message, "m%d", &n)
	}
	for n++; ; n++ {
		s.teach(d, s.numbered(n))
		fmt.Printf("kept %d\n", n)
		if n%5 == 0 {
			s.now = s.now.AddDate(0, 0, 1)
			if err := d.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// numbered is the nth of a row of lessons that is always the same.
func (s *site) numbered(n int) desk.Lesson {
	kind := []string{"pill", "work"}[n%2]
	return s.lesson(fmt.Sprint("m", n), newWriter(uint64(n)).letter(kind, 40), kind == "pill", fmt.Sprintf("p%d@d.example", n%7))
}

func afterKill(t *testing.T, dir string, kept int) {
	t.Helper()
	s := siteIn(t, dir)
	d := s.node("after")
	var all []desk.Lesson
	for {
		q := desk.Query{}
		if len(all) > 0 {
			q.After = all[len(all)-1].ID
		}
		list, err := d.Lessons(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, list...); len(list) == 0 {
			break
		}
	}
	want := bayes.New()
	for i, l := range slices.Backward(all) {
		own := s.numbered(len(all) - i)
		if own.Message != l.Message {
			t.Fatalf("lesson %d is %s", len(all)-i, l.Message)
		}
		want.Learn(own.Features, l.Domain, l.Spam)
	}
	if len(all) < kept || !bytes.Equal(octetsOf(t, want), octets(t, d)) {
		t.Fatalf("%d lessons were answered, %d are in the rows, and the model is not theirs", kept, len(all))
	}
}
