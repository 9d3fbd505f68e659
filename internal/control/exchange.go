package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An Exchange is a connection that outlives the Server it came to: who has it answers its request
// when he likes.
type Exchange struct {
	Params json.RawMessage // of the request
	conn   *net.UnixConn
	most   int
}

// Read decodes the request's parameters.
func (x *Exchange) Read(p Request) error {
	if err := strictly(x.Params, p); err != nil {
		return Misused("%s: %v", p.Op(), err)
	}
	return nil
}

// PID is the process at the other end, 0 where the system doesn't say.
func (x *Exchange) PID() int { return peerOf(x.conn) }

func peerOf(c *net.UnixConn) int {
	if cred := credentials(c); cred != nil {
		return int(cred.Pid)
	}
	return 0
}

// Answer ends the exchange with a result, or with an error.
func (x *Exchange) Answer(result any, err error) error {
	defer x.conn.Close()
	answer := response{}
	if err != nil {
		answer.Error = asError(err)
	} else if answer.Result, err = json.Marshal(result); err != nil {
		return fmt.Errorf("control: result: %w", err)
	}
	x.conn.SetWriteDeadline(time.Now().Add(writeTime))
	return writeFrame(x.conn, answer, x.most)
}

// sendFile sends an open file: one octet, to which it is attached (unix(7), SCM_RIGHTS).
func sendFile(c *net.UnixConn, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { _, _, failed = c.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil) })
	return errors.Join(err, failed)
}

// receiveFile returns the descriptor that sendFile sent.
func receiveFile(c *net.UnixConn) (int, error) {
	b, attached := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, oob, flags, _, err := c.ReadMsgUnix(b, attached)
	if err != nil || n != 1 {
		return -1, errors.Join(errors.New("no file came"), err)
	}
	messages, err := unix.ParseSocketControlMessage(attached[:oob])
	if err != nil || len(messages) != 1 || flags&unix.MSG_CTRUNC != 0 {
		return -1, errors.Join(errors.New("no file came"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.Join(errors.New("no file came"), err)
	}
	return fds[0], nil
}
