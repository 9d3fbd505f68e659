package main

import (
	"fmt"
	"strconv"
	"strings"
)

// bogofilter is run as a delivery agent runs it: a process that classifies (-TT: the score to 16
// digits), a process that learns (-s, -n). It learns nothing by itself (no -u), and reads no
// configuration.
type bogofilter struct {
	command
	dir   string
	knows bool // it has learnt: before that it is in error
}

func startBogofilter(dir string) (learner, error) {
	if err := missing("bogofilter"); err != nil {
		return nil, err
	}
	dir, err := mkdir(dir, "bogofilter")
	return &bogofilter{dir: dir}, err
}

func (b *bogofilter) classify(path string) (float64, bool, error) {
	if !b.knows {
		return 0.5, false, nil
	}
	out, status, err := b.run(2, "", "bogofilter", "-C", "-d", b.dir, "-TT", "-I", path)
	if err != nil {
		return 0, false, err
	}
	score, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	return score, status == 0, err
}

func (b *bogofilter) learn(path string, spam bool) error {
	_, _, err := b.run(2, "", "bogofilter", "-C", "-d", b.dir, b.flag(spam), "-I", path)
	b.knows = b.knows || err == nil
	return err
}

func (b *bogofilter) flag(spam bool) string {
	if spam {
		return "-s"
	}
	return "-n"
}

func (b *bogofilter) learnAll(paths []string, spam bool) error {
	_, _, err := b.run(2, strings.Join(paths, "\n")+"\n", "bogofilter", "-C", "-d", b.dir, b.flag(spam), "-b")
	return err
}

func (b *bogofilter) classifyAll(paths []string) ([]verdict, error) {
	out, _, err := b.run(2, strings.Join(paths, "\n")+"\n", "bogofilter", "-C", "-d", b.dir, "-TT", "-b")
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(paths) {
		return nil, fmt.Errorf("bogofilter -b: %d lines for %d messages", len(lines), len(paths))
	}
	verdicts := make([]verdict, len(lines))
	for i, line := range lines { // path, score
		if verdicts[i].score, err = strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); err != nil {
			return nil, fmt.Errorf("bogofilter -b: %w", err)
		}
		verdicts[i].spam = verdicts[i].score >= 0.99 // its spam_cutoff
	}
	return verdicts, nil
}

func (b *bogofilter) stop() (int64, error) { return sizeOf(b.dir) }
