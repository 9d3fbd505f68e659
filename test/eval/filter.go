package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gatepost/test/peer"
)

// A learner is a filter that learns, as one run has it: started empty, stopped at the end.
type learner interface {
	// classify returns the filter's own score at full resolution, higher for spam, and whether it
	// takes the message for spam at its default threshold.
	classify(path string) (score float64, spam bool, err error)
	learn(path string, spam bool) error
	// cpu returns the processor time, user and system, of all processes that did the work so far.
	cpu() (time.Duration, error)
	// stop ends it and returns the octets of its model on disk.
	stop() (size int64, err error)
}

// A batch is a learner that can be given many messages at once.
type batch interface {
	classifyAll(paths []string) ([]verdict, error) // truth is left open
	learnAll(paths []string, spam bool) error
}

// A kind is one of the filters that are compared.
type kind struct {
	name  string
	as    string // how it is run, and what its default threshold is
	start func(dir string) (learner, error)
}

func kinds() []kind {
	return []kind{
		{"gatepost", "`gatepost learn --stream`, one process; spam at 7.5 (level 4)", startGatepost},
		{"bogofilter", "one process a message (halves: -b, one for all); spam at 0.99, its unsure ones are none", startBogofilter},
		{"spamprobe", "one process a message; spam at 0.7", startSpamprobe},
		{"spamassassin", "its Bayes alone, in one Perl process, from the first message (bayes_min_spam_num 1); spam at 0.5", startSpamassassin},
		{"rspamd", "its Bayes alone, one worker and Redis, from the first message (min_learns 1); spam where BAYES_SPAM is", startRspamd},
	}
}

// A command runs a program once a message and adds up what it used.
type command struct {
	used time.Duration
}

// run returns what the program printed and its exit status, an error where that is above worst.
func (c *command) run(worst int, stdin string, name string, args ...string) (string, int, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if stdin == "" {
		cmd.Stdin = nil
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, fmt.Errorf("%s: %w", name, err)
	}
	c.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	status := cmd.ProcessState.ExitCode()
	if status < 0 || status > worst {
		return "", status, fmt.Errorf("%s %s: status %d: %s", name, strings.Join(args, " "), status, errs.Bytes())
	}
	return string(out), status, nil
}

func (c *command) cpu() (time.Duration, error) { return c.used, nil }

// sizeOf adds up the files below dir whose name is none of but.
func sizeOf(dir string, but ...string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, name := range but {
			if ok, _ := filepath.Match(name, d.Name()); ok {
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}

// missing is the error for a filter that is not on this machine.
func missing(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w: %s", peer.ErrMissing, program)
	}
	return nil
}

func mkdir(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(path, 0o755)
}
