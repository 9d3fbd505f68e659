package systemd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstSocket is the descriptor of the first socket that is given (sd_listen_fds(3)).
const firstSocket = 3

// maxSockets bounds how many there can be.
const maxSockets = 1000

// A Socket is an open one that the supervisor gave, by the name that its unit has for it.
type Socket struct {
	Name string
	File *os.File
}

// Sockets returns the sockets that were opened before the program was started; none where those
// that the environment tells of are another process's. It can be called once, and removes them from
// the environment, since they are not for programs that are started here.
func Sockets() (list []Socket, err error) {
	names, err := given(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"), os.Getpid())
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		err = errors.Join(err, os.Unsetenv(v))
	}
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		unix.CloseOnExec(firstSocket + i)
		list = append(list, Socket{name, os.NewFile(uintptr(firstSocket+i), name)})
	}
	return list, nil
}

// given reads what the environment says of sockets: a name for each.
func given(pid, count, names string, self int) ([]string, error) {
	if pid == "" || count == "" || pid != strconv.Itoa(self) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("systemd: LISTEN_FDS=%q is no number of sockets", count)
	}
	list := make([]string, n)
	known := strings.Split(names, ":")
	for i := range list {
		list[i] = "unknown" // as sd_listen_fds_with_names(3) calls it
		if i < len(known) && known[i] != "" {
			list[i] = known[i]
		}
	}
	return list, nil
}
