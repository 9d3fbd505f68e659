// Package command has a program look at a message, as scanners without a daemon want it. The
// message is a file in a directory that nobody else can read and that is gone afterwards, or
// the program's standard input. The program is a process group of its own with limits to
// its memory, processor time and files, which /bin/sh sets before it becomes the program; when the
// time is over the whole group is killed.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

const (
	maxOutput = 4 << 10 // octets of what the program writes that are looked at
	maxFile   = 2 << 30 // octets of a file that it may write, such as an unpacked archive
	maxFiles  = 256     // that it may have open
	lastWords = time.Second
	shell     = "/bin/sh"
)

// Scan has the command look at a message. virus is the first line that it writes where its
// exit code is one of Infected. A code of Unscanned is engine.ErrDeclined. dir is where the
// directory for the message is made.
func Scan(ctx context.Context, dir string, c engine.Command, m *mail.Message) (virus string, err error) {
	own, err := os.MkdirTemp(dir, "scan-")
	if err != nil {
		return "", fmt.Errorf("command: %w", err)
	}
	defer os.RemoveAll(own)
	args, input, err := arguments(own, c.Run, m)
	if err != nil {
		return "", fmt.Errorf("command: copy message: %w", err)
	}
	said, code, err := run(ctx, own, args, input, c.Memory)
	if err != nil {
		return "", fmt.Errorf("command: %w", err)
	}
	line := firstLine(said)
	switch {
	case slices.Contains(c.Infected, code):
		return firstOf(line, "something that it does not name"), nil
	case slices.Contains(c.Clean, code):
		return "", nil
	case slices.Contains(c.Unscanned, code):
		return "", fmt.Errorf("command: ended with %d, %s: %w", code, firstOf(line, "without a word"), engine.ErrDeclined)
	}
	return "", fmt.Errorf("command: ended with %d: %s", code, firstOf(line, "without a word"))
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// arguments writes the message where the command looks for it.
func arguments(dir string, run []string, m *mail.Message) (args []string, input io.Reader, err error) {
	path := filepath.Join(dir, "message")
	args = slices.Clone(run)
	file := false
	for i, a := range args {
		if a == "{}" {
			args[i], file = path, true
		}
	}
	if !file {
		return args, m.Reader(), nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.Copy(f, m.Reader()); err != nil {
		f.Close()
		return nil, nil, err
	}
	return args, nil, f.Close()
}

// run runs a program to its end and returns what it wrote and its exit code. An error says
// that it has none: it did not begin, or was killed.
func run(ctx context.Context, dir string, args []string, input io.Reader, memory int64) (said []byte, code int, err error) {
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, 0, err
	}
	if args, err = bounded(args, limits(ctx, memory)); err != nil {
		return nil, 0, fmt.Errorf("set limits: %w", err)
	}
	out := &head{}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, input, out, out
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + dir, "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	group := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel, cmd.WaitDelay = group, lastWords
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	err = cmd.Wait()
	group() // what it left behind; mostly there is nothing
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case errors.As(err, &exit) && exit.Exited():
		return out.b, exit.ExitCode(), nil
	case err != nil && errors.Is(err, syscall.EPIPE): // it did not read all: its code counts
		return out.b, cmd.ProcessState.ExitCode(), nil
	}
	return out.b, 0, err
}

// A limit is what a process, and all that it begins, may take of something.
type limit struct {
	of   int    // RLIMIT_…
	flag string // of the shell's ulimit,
	unit uint64 // which counts in so many
	most uint64
}

func limits(ctx context.Context, memory int64) []limit {
	if memory == 0 {
		memory = engine.DefaultMemory
	}
	list := []limit{
		{unix.RLIMIT_AS, "-v", 1 << 10, uint64(memory)}, {unix.RLIMIT_FSIZE, "-f", 512, maxFile},
		{unix.RLIMIT_NOFILE, "-n", 1, maxFiles}, {unix.RLIMIT_CORE, "-c", 512, 0},
	}
	if end, ok := ctx.Deadline(); ok {
		list = append(list, limit{unix.RLIMIT_CPU, "-t", 1, uint64(time.Until(end)/time.Second) + 1})
	}
	return list
}

// bounded has a shell set the limits and become the program then, so that nothing runs without them. They are no higher
// than our own, which it could not raise; where it can't set one it is killed, and does not become the program.
func bounded(args []string, list []limit) ([]string, error) {
	var script strings.Builder
	for _, l := range list {
		var own unix.Rlimit
		if err := unix.Getrlimit(l.of, &own); err != nil {
			return nil, err
		}
		fmt.Fprintf(&script, "ulimit %s %d && ", l.flag, min(l.most, own.Max)/l.unit)
	}
	script.WriteString(`exec "$@"; kill -9 $$`)
	return append([]string{shell, "-c", script.String(), "sh"}, args...), nil
}

// A head keeps the first octets that are written to it, and drops the rest.
type head struct{ b []byte }

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), maxOutput-len(h.b))]...)
	return len(p), nil
}

// firstLine returns the first line that says something, printable and short.
func firstLine(b []byte) string {
	const most = 200
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return '_'
				}
				return r
			}, string(line[:min(len(line), most)]))
		}
	}
	return ""
}

// Probe reports whether the program, and the shell that sets its limits, are there and may be run.
func Probe(program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("command: %s is not a whole path", program)
	}
	for _, needed := range []string{program, shell} {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("command: %w", err)
		}
	}
	return nil
}
