package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"gatepost/test/machine"
	"gatepost/test/peer"
)

// lines is a filter that one process is for the whole run, which answers each line with a line.
type lines struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	train string // "learn" or "train"
	spam  float64
	model string // the directory of its model
}

func startLines(cmd *exec.Cmd) (*lines, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &lines{cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

func (l *lines) ask(line string) (string, error) {
	if _, err := io.WriteString(l.in, line+"\n"); err != nil {
		return "", fmt.Errorf("%s: %w", l.cmd.Path, err)
	}
	answer, err := l.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", l.cmd.Path, line, err)
	}
	return strings.TrimSuffix(answer, "\n"), nil
}

// classify takes the last word of the answer for the score.
func (l *lines) classify(path string) (float64, bool, error) {
	answer, err := l.ask("classify " + path)
	if err != nil {
		return 0, false, err
	}
	score, err := strconv.ParseFloat(answer[strings.LastIndexByte(answer, ' ')+1:], 64)
	if err != nil {
		return 0, false, fmt.Errorf("%s: classify %s: %q", l.cmd.Path, path, answer)
	}
	return score, score >= l.spam, nil
}

func (l *lines) learn(path string, spam bool) error {
	word := " ham "
	if spam {
		word = " spam "
	}
	answer, err := l.ask(l.train + word + path)
	if err == nil && answer != "ok" {
		err = fmt.Errorf("%s: %s%s%s: %q", l.cmd.Path, l.train, word, path, answer)
	}
	return err
}

func (l *lines) cpu() (time.Duration, error) { return machine.CPU(l.cmd.Process.Pid) }

func (l *lines) stop() (int64, error) {
	l.in.Close()
	if err := l.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w", l.cmd.Path, err)
	}
	return sizeOf(l.model)
}

//go:embed spamassassin.pl
var spamassassinProgram string

func startSpamassassin(dir string) (learner, error) {
	if err := exec.Command("perl", "-MMail::SpamAssassin", "-e", "1").Run(); err != nil {
		return nil, fmt.Errorf("%w: Perl's Mail::SpamAssassin", peer.ErrMissing)
	}
	dir, err := mkdir(dir, "spamassassin")
	if err != nil {
		return nil, err
	}
	l, err := startLines(exec.Command("perl", "-e", spamassassinProgram, dir))
	if err != nil {
		return nil, err
	}
	l.train, l.spam, l.model = "learn", 0.5, dir
	return l, nil
}
