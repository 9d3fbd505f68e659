package control

import (
	"context"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type personKey struct{}

// WithPerson returns a context in which Person is the name.
func WithPerson(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, personKey{}, name)
}

// Person is who asks for what is done in a context, by the name that the system knows: whoever logged
// in, even where he has become root since (/proc/PID/loginuid), else the owner of the process. "" is
// not known, or nobody at a command line.
func Person(ctx context.Context) string {
	name, _ := ctx.Value(personKey{}).(string)
	return name
}

// peer is the person at the other end of the socket.
func peer(c *net.UnixConn) string {
	cred := credentials(c)
	if cred == nil {
		return ""
	}
	return personOf(strconv.Itoa(int(cred.Pid)), int64(cred.Uid))
}

// credentials are those of the process at the other end; nil: they are unknown.
func credentials(c *net.UnixConn) (cred *unix.Ucred) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || failed != nil {
		return nil
	}
	return cred
}

// self is the person who runs this process.
func self() string { return personOf("self", int64(os.Getuid())) }

// nobody is the login uid of what no log-in began.
const nobody = 1<<32 - 1

func personOf(process string, owner int64) string {
	if raw, err := os.ReadFile("/proc/" + process + "/loginuid"); err == nil {
		if id, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && id != nobody {
			owner = id
		}
	}
	id := strconv.FormatInt(owner, 10)
	u, err := user.LookupId(id)
	if err != nil {
		return "uid " + id
	}
	return u.Username
}
