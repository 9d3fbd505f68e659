package main

import (
	"fmt"
	"strconv"
	"strings"
)

// spamprobe is run as its manual tells a delivery agent to: a process that scores, a process that
// learns every message (spam, good). It prints seven digits of a score.
type spamprobe struct {
	command
	dir string
}

func startSpamprobe(dir string) (learner, error) {
	if err := missing("spamprobe"); err != nil {
		return nil, err
	}
	dir, err := mkdir(dir, "spamprobe")
	if err != nil {
		return nil, err
	}
	s := &spamprobe{dir: dir}
	_, err = s.do("create-db")
	return s, err
}

// do has it do something with files, each of which is one message (-M).
func (s *spamprobe) do(verb string, paths ...string) (string, error) {
	out, _, err := s.run(0, "", "spamprobe", append([]string{"-c", "-d", s.dir, "-M", verb}, paths...)...)
	return out, err
}

func (s *spamprobe) classify(path string) (float64, bool, error) {
	verdicts, err := s.classifyAll([]string{path})
	if err != nil {
		return 0, false, err
	}
	return verdicts[0].score, verdicts[0].spam, nil
}

func (s *spamprobe) classifyAll(paths []string) ([]verdict, error) {
	out, err := s.do("score", paths...)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(out) // SPAM 0.9999999 digest, after the path where there are several
	width := len(fields) / len(paths)
	if width < 3 || len(fields) != width*len(paths) {
		return nil, fmt.Errorf("spamprobe: %d words on %d messages: %.100q", len(fields), len(paths), out)
	}
	verdicts := make([]verdict, len(paths))
	for i := range verdicts {
		line := fields[i*width:][width-3 : width]
		verdicts[i].spam = line[0] == "SPAM"
		if verdicts[i].score, err = strconv.ParseFloat(line[1], 64); err != nil {
			return nil, fmt.Errorf("spamprobe: %w", err)
		}
	}
	return verdicts, nil
}

func (s *spamprobe) learn(path string, spam bool) error { return s.learnAll([]string{path}, spam) }

func (s *spamprobe) learnAll(paths []string, spam bool) error {
	verb := "good"
	if spam {
		verb = "spam"
	}
	_, err := s.do(verb, paths...)
	return err
}

func (s *spamprobe) stop() (int64, error) { return sizeOf(s.dir, "__db.*", "lock") }
