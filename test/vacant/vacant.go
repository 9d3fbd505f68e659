// Package vacant finds addresses on loopback for programs that want to be told where they listen.
//
// They are below the ports that the system gives to whoever asks for any (on Linux from 32768 on):
// between the choice and the program's start nobody connects or listens there by chance.
package vacant

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports, and how far apart two processes that follow each other begin.
const (
	first = 10000
	count = 22000
	apart = 617
)

// turn counts up, so that one process gives no port twice before it has given all.
var turn = counter(int64(os.Getpid()) * apart)

func counter(from int64) func() int64 {
	var n atomic.Int64
	n.Store(from)
	return func() int64 { return n.Add(1) }
}

// Addr returns host:port, where nobody listens by TCP or UDP at the moment.
func Addr() (string, error) {
	for range count {
		port := first + turn()%count
		addr := net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10))
		if isFree(addr) {
			return addr, nil
		}
	}
	return "", errors.New("vacant: somebody listens on every port of loopback")
}

func isFree(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	u.Close()
	return true
}
