// Package command has a program look at a message, as scanners without a daemon want it. The
// message is a file in a directory that nobody else can read and that is gone afterwards, or
// the program's standard input. The program is a process group of its own with limits to
// its memory, processor time and files; when the time is over the whole group is killed.
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
	limited := limit(ctx, cmd.Process.Pid, memory)
	if limited != nil {
		group() // fails where it has ended, which is why the limits failed then
	}
	err = cmd.Wait()
	group() // what it left behind; mostly there is nothing
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case limited != nil && !errors.Is(limited, unix.ESRCH):
		return nil, 0, fmt.Errorf("set limits: %w", limited)
	case errors.As(err, &exit) && exit.Exited():
		return out.b, exit.ExitCode(), nil
	case err != nil && errors.Is(err, syscall.EPIPE): // it did not read all: its code counts
		return out.b, cmd.ProcessState.ExitCode(), nil
	}
	return out.b, 0, err
}

// limit bounds what a process, and all that it begins, may take.
func limit(ctx context.Context, pid int, memory int64) error {
	if memory == 0 {
		memory = engine.DefaultMemory
	}
	limits := map[int]uint64{unix.RLIMIT_AS: uint64(memory), unix.RLIMIT_FSIZE: maxFile, unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_CORE: 0}
	if end, ok := ctx.Deadline(); ok {
		limits[unix.RLIMIT_CPU] = uint64(time.Until(end)/time.Second) + 1
	}
	for which, n := range limits {
		if err := unix.Prlimit(pid, which, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			return err
		}
	}
	return nil
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

// Probe reports whether the program is there and may be run.
func Probe(program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("command: %s is not a whole path", program)
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	return nil
}
