// Package machine runs the built gatepost as a child process, for tests that look
// at it from outside as a client, an admin or a power cut would.
package machine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatepost/test/vacant"
)

// A Machine is one data directory and the process that serves it, if any.
type Machine struct {
	Bin          string   // the program
	Dir          string   // its data directory
	Config       string   // its configuration file; "" is the program's own
	OwnListeners bool     // the listeners are those of Config, and none of the addresses below are given to it
	Sets         []string // key=value, beside the listeners
	SMTP         string   // host:port, chosen by New
	IMAP         string
	POP3         string
	Sieve        string
	Web          string
	Wrap         []string   // a command to run it under, such as strace
	Files        []*os.File // that it has open from the beginning, as 3, 4, …
	Serve        string     // the subcommand that serves; "" is serve
	Heirs        bool       // Done waits for processes that were started to take over, too, and Output has what they write
	Output       Log        // what the process wrote since it was started

	cmd  *exec.Cmd
	done chan struct{}
}

// Build builds the program into dir and returns its path.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	bin := filepath.Join(dir, "gatepost")
	args := append([]string{"build", "-o", bin}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "gatepost/cmd/gatepost")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
}

// New chooses free ports for a machine over dir.
func New(bin, dir string) (*Machine, error) {
	m := &Machine{Bin: bin, Dir: dir}
	for _, addr := range []*string{&m.SMTP, &m.IMAP, &m.POP3, &m.Sieve, &m.Web} {
		var err error
		if *addr, err = vacant.Addr(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Machine) flags() []string {
	args := []string{"--data", m.Dir}
	if m.Config != "" {
		args = append(args, "--config", m.Config)
	}
	if m.OwnListeners {
		for _, s := range m.Sets {
			args = append(args, "--set", s)
		}
		return args
	}
	sets := append([]string{
		"listen.smtp=" + m.SMTP, "listen.imap=" + m.IMAP, "listen.pop3=" + m.POP3, "listen.sieve=" + m.Sieve, "listen.web=" + m.Web, "listen.submission=", "listen.smtps=", "listen.imaps=",
	}, m.Sets...)
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	return args
}

// Start starts serving and returns once the SMTP port greets.
func (m *Machine) Start() error {
	line := append(append([]string{}, m.Wrap...), m.Bin, cmp.Or(m.Serve, "serve"))
	line = append(line, m.flags()...)
	m.cmd = exec.Command(line[0], line[1:]...)
	m.Output.Reset()
	m.cmd.Stdout, m.cmd.Stderr, m.cmd.ExtraFiles = &m.Output, &m.Output, m.Files
	if !m.Heirs {
		m.cmd.WaitDelay = 10 * time.Second // what it leaves behind may hold its output
	}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.done = make(chan struct{})
	go func() { m.cmd.Wait(); close(m.done) }()
	return m.await(2 * time.Minute)
}

// await returns when the SMTP port greets.
func (m *Machine) await(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		select {
		case <-m.done:
			return fmt.Errorf("gatepost ended at start:\n%s", m.Output.String())
		case <-time.After(10 * time.Millisecond):
		}
		c, err := net.DialTimeout("tcp", m.SMTP, time.Second)
		if err != nil {
			continue
		}
		c.SetDeadline(time.Now().Add(2 * time.Second))
		var b [3]byte
		_, err = c.Read(b[:])
		c.Close()
		if err == nil && string(b[:]) == "220" {
			return nil
		}
	}
	m.Kill()
	return fmt.Errorf("gatepost did not greet within %s:\n%s", limit, m.Output.String())
}

// Pid returns the process's id.
func (m *Machine) Pid() int { return m.cmd.Process.Pid }

// Kill sends SIGKILL to the process and all that it was wrapped in, and waits.
func (m *Machine) Kill() {
	if m.cmd != nil {
		syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
		<-m.done
	}
}

// Stop sends SIGTERM and waits; an error says that it did not end well.
func (m *Machine) Stop() error {
	syscall.Kill(-m.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-m.done:
	case <-time.After(2 * time.Minute):
		m.Kill()
		return errors.New("gatepost did not stop within two minutes of SIGTERM")
	}
	if s := m.cmd.ProcessState; !s.Success() {
		return fmt.Errorf("gatepost ended with %s:\n%s", s, m.Output.String())
	}
	return nil
}

// Signal sends a signal to the process, not to what it is wrapped in.
func (m *Machine) Signal(sig syscall.Signal) error { return m.cmd.Process.Signal(sig) }

// Done is closed when the process that was started last has ended.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Run runs a command over the machine's data directory and returns its standard
// output.
func (m *Machine) Run(stdin string, args ...string) (string, error) {
	out, errs, status := m.Try(stdin, args...)
	if status != 0 {
		return out, fmt.Errorf("gatepost %s: exit status %d: %s", strings.Join(args, " "), status, errs)
	}
	return out, nil
}

// Try runs a command as Run does and returns all that it says; a status of -1: it
// could not be run or was killed.
func (m *Machine) Try(stdin string, args ...string) (out, errs string, status int) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Bin, append(append([]string{}, args...), m.flags()...)...)
	cmd.Stdin, cmd.WaitDelay = strings.NewReader(stdin), 10*time.Second
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// Memory returns the process's resident size in octets, from /proc.
func (m *Machine) Memory() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", m.Pid()))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0, err
	}
	return resident * int64(os.Getpagesize()), nil
}

// CPU returns the processor time used so far, from /proc (proc(5): utime and
// stime in ticks of 10 ms).
func (m *Machine) CPU() (time.Duration, error) { return CPU(m.Pid()) }

// CPU returns the processor time that a process has used, to a hundredth of a second.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}
