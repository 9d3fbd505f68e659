package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"gatepost/test/vacant"
)

// A Postgres is a private PostgreSQL server, which can be killed and started again
// over the same data.
type Postgres struct {
	Dir     string
	room    scratch
	bin     string // the directory of its programs
	host    string // host:port
	durable bool
	owner   *syscall.SysProcAttr
	log     *os.File
	cmd     *exec.Cmd
	done    chan struct{}
	made    atomic.Int64 // databases

	mu      sync.Mutex
	manager *pgx.Conn // the session of manage; nil: none is open
}

// NewPostgres makes a cluster in a temporary directory and starts it. sync: what it
// commits is on disk, and outlives more than a killed process; else the cluster is in memory
// where there is room, which makes databases seven times as fast. Its databases sort as
// people of a language do, not by octets. As root it runs as the user postgres: it
// refuses to be root. Stop ends it and removes all that it kept.
func NewPostgres(sync bool) (p *Postgres, err error) {
	p = &Postgres{durable: sync}
	if p.bin, err = postgresPrograms(); err != nil {
		return nil, err
	}
	if p.host, err = vacant.Addr(); err != nil {
		return nil, err
	}
	const prefix = "gatepost-postgres-"
	if sync {
		p.room, err = scratchIn(os.TempDir(), prefix)
	} else {
		p.room, err = newScratch(prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("peer: postgres: %w", err)
	}
	p.Dir = p.room.dir
	defer func() {
		if err != nil {
			p.room.remove()
		}
	}()
	if err := p.settle(); err != nil {
		return nil, fmt.Errorf("peer: postgres: %w", err)
	}
	out, err := p.command("initdb", "-D", p.data(), "-U", "gatepost", "-A", "trust", "-E", "UTF8", "--no-sync",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("peer: initdb: %w: %s", err, out)
	}
	if p.log, err = os.Create(filepath.Join(p.Dir, "log")); err != nil {
		return nil, fmt.Errorf("peer: postgres: %w", err)
	}
	if err := p.Start(); err != nil {
		p.log.Close()
		return nil, err
	}
	return p, nil
}

// postgresPrograms finds the newest that is installed: Debian keeps versions side by
// side.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%w: Debian's package postgresql", ErrMissing)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0: not a version
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// settle gives the directory to whom the server runs as.
func (p *Postgres) settle() error {
	p.owner = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT} // a test that is killed leaves no server
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	p.owner.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(p.Dir, int(uid), int(gid))
}

func (p *Postgres) data() string { return filepath.Join(p.Dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr, cmd.WaitDelay = p.Dir, p.owner, 10*time.Second
	return cmd
}

// Start starts the server and returns once it answers.
func (p *Postgres) Start() error {
	host, port, err := net.SplitHostPort(p.host)
	if err != nil {
		return fmt.Errorf("peer: postgres: %w", err)
	}
	sync, wal := "off", "128MB" // nor does it vacuum: for hundreds of databases that live a second it would start more processes than all tests do
	if p.durable {
		sync, wal = "on", "1GB"
	}
	p.cmd = p.command("postgres", "-D", p.data(), "-p", port, "-h", host, "-k", "", "-c", "fsync="+sync, "-c", "full_page_writes="+sync,
		"-c", "shared_buffers=32MB", "-c", "max_connections=200", "-c", "log_lock_waits=on", "-c", "timezone=UTC", "-c", "autovacuum="+sync,
		"-c", "max_wal_size="+wal)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("peer: postgres: %w", err)
	}
	p.done = make(chan struct{})
	go func() { p.cmd.Wait(); close(p.done) }()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		if p.Exec(context.Background(), "postgres", "SELECT 1") == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("peer: postgres ended at start:\n%s", p.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.Kill()
	return fmt.Errorf("peer: postgres does not answer:\n%s", p.Log())
}

// DSN is how to connect to one of its databases.
func (p *Postgres) DSN(database string) string {
	return "postgres://gatepost@" + p.host + "/" + database + "?sslmode=disable"
}

// Database makes an empty database and returns its DSN.
func (p *Postgres) Database() (string, error) { return p.Copy("template1") }

// Copy makes a database that has what another has, in which nobody works, and returns its
// DSN.
func (p *Postgres) Copy(other string) (string, error) {
	name, strategy := "test"+strconv.FormatInt(p.made.Add(1), 10), "WAL_LOG"
	if !p.durable { // of a small database it takes a third of the time, as long as no file is synced
		strategy = "FILE_COPY"
	}
	if err := p.manage("CREATE DATABASE " + name + " TEMPLATE " + other + " STRATEGY " + strategy); err != nil {
		return "", fmt.Errorf("peer: postgres: %w", err)
	}
	return p.DSN(name), nil
}

// Drop removes a database that Copy made, whoever works in it.
func (p *Postgres) Drop(dsn string) error {
	c, err := pgx.ParseConfig(dsn)
	if err == nil {
		err = p.manage("DROP DATABASE " + c.Database + " WITH (FORCE)")
	}
	if err != nil {
		return fmt.Errorf("peer: postgres: %w", err)
	}
	return nil
}

// manage runs a statement about databases, in a session that is kept: each costs the server a process.
func (p *Postgres) manage(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.manager != nil && p.manager.Ping(ctx) != nil { // the server was killed since
		p.manager.Close(ctx)
		p.manager = nil
	}
	if p.manager == nil {
		c, err := pgx.Connect(ctx, p.DSN("postgres"))
		if err != nil {
			return err
		}
		p.manager = c
	}
	_, err := p.manager.Exec(ctx, text)
	return err
}

// Exec runs statements in one of its databases.
func (p *Postgres) Exec(ctx context.Context, database, text string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, p.DSN(database))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, text)
	return errors.Join(err, c.Close(ctx))
}

// Kill ends it and all its sessions by SIGKILL, as the loss of their machine would,
// and waits until none is left: the next would find their memory in use.
func (p *Postgres) Kill() {
	if p.ended() {
		return
	}
	p.cmd.Process.Signal(syscall.SIGSTOP) // it makes no more of them
	sessions := p.sessions()
	p.cmd.Process.Kill()
	<-p.done
	for _, pid := range sessions {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for end := time.Now().Add(time.Minute); slices.ContainsFunc(sessions, alive) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

func (p *Postgres) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stop ends it in order, without waiting for clients, and removes what it kept.
func (p *Postgres) Stop() {
	if !p.ended() {
		p.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-p.done:
		case <-time.After(30 * time.Second):
			p.Kill()
		}
	}
	p.log.Close()
	p.room.remove()
}

// sessions lists the processes that the server has made, each in a group of its own.
func (p *Postgres) sessions() (pids []int) {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil // they end by themselves when they miss their parent
	}
	for _, path := range found {
		pid, err := strconv.Atoi(filepath.Base(path))
		if _, parent := stat(pid); err == nil && parent == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

func alive(pid int) bool {
	state, _ := stat(pid)
	return state != "" && state != "Z"
}

// stat returns a process's state and its parent (proc(5): the fields after the name),
// or nothing where there is none.
func stat(pid int) (state string, parent int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &parent); err != nil {
		return "", 0
	}
	return state, parent
}

// Log returns what the server wrote.
func (p *Postgres) Log() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(b, nil))
}
