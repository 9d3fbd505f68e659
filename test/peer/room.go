package peer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A room is a root directory in namespaces of its own for mounts and processes. A
// program from an unpacked package finds there its compiled-in paths, the users it
// asks for and the machine's libraries, and little else; the network is the
// machine's. What it writes is seen below dir on the machine too.
type room struct {
	dir   string
	pkg   string            // Debian's name of what `make peers` has unpacked
	also  []string          // others that are laid over the machine with it
	keeps string            // pattern of its maildirs' paths inside
	users []string          // beside root and nobody; numbered from firstUser
	dirs  map[string]int    // path inside: number of its owner
	files map[string]string // path inside: content

	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
}

const (
	firstUser = 61000
	nobody    = 65534 // Debian's number of that user and group, in a room too
	noMounts  = 77    // enter's exit status where it may not mount
)

// enter mounts the packages' /usr over the machine's and runs a program there. The
// shell stays as process 1 of its namespace (pid_namespaces(7)): all ends with it.
const enter = `
mount -t overlay overlay -o ro,lowerdir="$1:/usr" "$2/usr" &&
	mount --rbind /dev "$2/dev" &&
	mount -t proc proc "$2/proc" || exit 77
room=$2
shift 2
chroot "$room" "$@" &
wait $!`

// serve starts the program and returns once it greets at addr.
func (r *room) serve(addr string, program ...string) error {
	if err := r.open(program...); err != nil {
		return fmt.Errorf("peer: %s: %w", r.pkg, err)
	}
	if err := await(addr, r.done); err != nil {
		r.Stop()
		if r.cmd.ProcessState.ExitCode() == noMounts {
			err = fmt.Errorf("%w: no mounts of its own", ErrMissing)
		}
		return fmt.Errorf("peer: %s: %w\n%s", r.pkg, err, r.Log())
	}
	return nil
}

// open furnishes the room and starts the program in it.
func (r *room) open(program ...string) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: only root can give %s a root directory", ErrMissing, r.pkg)
	}
	var layers []string
	for _, pkg := range append([]string{r.pkg}, r.also...) {
		dir, err := unpacked(pkg)
		if err != nil {
			return err
		}
		layers = append(layers, filepath.Join(dir, "usr"))
	}
	if err := r.furnish(); err != nil {
		return err
	}
	log, err := os.Create(r.path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	r.cmd = exec.Command("/bin/sh", append([]string{"-ec", enter, "room", strings.Join(layers, ":"), r.path("")}, program...)...)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("%w: no namespaces of its own: %w", ErrMissing, err)
	}
	r.done = make(chan struct{})
	go func() { r.cmd.Wait(); close(r.done) }()
	return nil
}

// Stop ends the program with all its children, and waits.
func (r *room) Stop() {
	r.cmd.Process.Kill()
	<-r.done
}

// Mails calls each with every message that was delivered, headers that the delivery
// added included.
func (r *room) Mails(each func(content []byte)) error {
	for _, folder := range []string{"new", "cur"} {
		files, err := filepath.Glob(filepath.Join(r.path(r.keeps), folder, "*"))
		if err != nil {
			return err
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			each(b)
		}
	}
	return nil
}

func (r *room) path(inside string) string { return filepath.Join(r.dir, "root", inside) }

// Log returns what the program said.
func (r *room) Log() string {
	b, err := os.ReadFile(r.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (r *room) furnish() error {
	passwd, group := "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/home:/bin/sh\n", "root:x:0:\nmail:x:8:\nnogroup:x:65534:\n"
	for i, user := range r.users {
		passwd += fmt.Sprintf("%s:x:%d:%d::/:/bin/false\n", user, firstUser+i, firstUser+i)
		group += fmt.Sprintf("%s:x:%d:\n", user, firstUser+i)
	}
	dirs := map[string]int{"usr": 0, "dev": 0, "proc": 0, "tmp": 0, "home": nobody, "run": 0, "var/log": 0, "var/spool": 0, "var/lib": 0}
	maps.Copy(dirs, r.dirs)
	for path, owner := range dirs {
		if err := errors.Join(os.MkdirAll(r.path(path), 0o755), os.Chown(r.path(path), owner, owner)); err != nil {
			return err
		}
	}
	for path := range r.dirs { // OpenSMTPD insists, others don't mind
		if err := os.Chmod(r.path(path), 0o711); err != nil {
			return err
		}
	}
	files := map[string]string{
		"etc/passwd": passwd, "etc/group": group, "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"etc/hosts": "127.0.0.1 localhost\n", "etc/resolv.conf": "nameserver 127.0.0.1\n", "etc/services": "smtp 25/tcp\n",
	}
	maps.Copy(files, r.files)
	for path, content := range files {
		mode := os.FileMode(0o644)
		if filepath.Ext(path) == ".key" { // programs insist
			mode = 0o640
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(r.path(path)), 0o755), os.WriteFile(r.path(path), []byte(content), mode), os.Chown(r.path(path), 0, firstUser)); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run"} {
		if err := os.Symlink(to, r.path(link)); err != nil {
			return err
		}
	}
	// Programs that became somebody else walk down from here and write to /tmp.
	return errors.Join(os.Chmod(r.path(""), 0o755), os.Chmod(r.path("tmp"), 0o777|os.ModeSticky))
}

// unpacked returns the directory of a package below build/peers in the checkout, in
// which tests run.
func unpacked(pkg string) (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		found := filepath.Join(dir, "build", "peers", pkg)
		if _, err := os.Stat(filepath.Join(found, "unpacked")); err == nil {
			return found, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", errors.Join(err, fmt.Errorf("%w: %s is not unpacked, `make peers` does it", ErrMissing, pkg))
}
