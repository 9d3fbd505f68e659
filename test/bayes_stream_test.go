package test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A stream is one run of `learn --stream`.
type stream struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func openStream(t *testing.T, model string) *stream {
	t.Helper()
	cmd := runs(t, bin, "learn", "--stream", "--model", model)
	cmd.Dir = t.TempDir() // where no configuration is
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &stream{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(s.kill)
	return s
}

// kill ends it with SIGKILL.
func (s *stream) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// end closes its input and waits for it.
func (s *stream) end() {
	s.t.Helper()
	if err := s.in.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatal(err)
	}
}

// say writes one line and returns the answer, which comes before any other line is written.
func (s *stream) say(line string) string {
	s.t.Helper()
	fmt.Fprintln(s.in, line)
	answer, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatalf("%s: no answer: %v", line, err)
	}
	return strings.TrimSuffix(answer, "\n")
}

func (s *stream) score(path string) float64 {
	s.t.Helper()
	answer := s.say("classify " + path)
	text, ok := strings.CutPrefix(answer, path+" ")
	score, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || score <= 0 || score >= 15 {
		s.t.Fatalf("classify %s: %q", path, answer)
	}
	return score
}

// A stream answers each line at once, needs no node and no configuration, and a kill loses no more than the last moments of
// what it learnt.
func TestBayesStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	model := filepath.Join(dir, "a model")
	s := openStream(t, model)
	for i := range 60 {
		for word, spam := range map[string]bool{"spam ": true, "ham ": false} {
			path := file(fmt.Sprintf("%smail %d.eml", word, i), strings.ReplaceAll(written(spam, i), "\r\n", "\n"))
			if got := s.say("train " + word + path); got != "ok" {
				t.Fatalf("train %s: %q", path, got)
			}
		}
	}
	spam, ham := file("s.eml", written(true, 2000)), file("h.eml", written(false, 2001))
	before := s.score(spam)
	if h := s.score(ham); before <= 7.5 || h >= 7.5 {
		t.Errorf("spam scores %g, ham %g", before, h)
	}
	for line, want := range map[string]string{
		"classify " + dir + "/none.eml": dir + "/none.eml error: ", "classify " + dir: dir + " error: ", "classify -": "- error: ", "teach me": "teach me error: ",
	} {
		if got := s.say(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	until(t, time.Minute, "what was learnt is on disk", func() bool { // while the first goes on
		image := filepath.Join(t.TempDir(), "image")
		if err := os.CopyFS(image, os.DirFS(model)); err != nil {
			return false
		}
		o := openStream(t, image)
		defer o.end()
		return o.score(spam) == before
	})
	s.kill()
	s = openStream(t, model)
	if got := s.score(spam); got != before {
		t.Errorf("after a kill: %g, was %g", got, before)
	}
	if got := s.say("train spam " + ham); got != "ok" {
		t.Error(got)
	}
	changed := s.score(spam)
	s.end()
	if got := openStream(t, model).score(spam); got != changed {
		t.Errorf("after its end: %g, was %g", got, changed)
	}
}
