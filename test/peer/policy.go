package peer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
)

// A Policy answers Postfix's policy delegation protocol
// (https://www.postfix.org/SMTPD_POLICY_README.html): what its restrictions
// "check_policy_service inet:ADDR" ask.
type Policy struct {
	Addr     string
	listener net.Listener
	conns    sync.WaitGroup
	stop     context.CancelFunc
}

// ServePolicy serves decide, which is told the attributes of a request and returns
// an action such as "DUNNO" or "450 4.7.1 later". It may wait until ctx ends.
func ServePolicy(decide func(ctx context.Context, attributes map[string]string) string) (*Policy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Policy{Addr: l.Addr().String(), listener: l, stop: stop}
	p.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.conns.Go(func() { serve(ctx, c, decide) })
		}
	})
	return p, nil
}

// Close ends all connections and waits for them.
func (p *Policy) Close() {
	p.stop()
	p.listener.Close()
	p.conns.Wait()
}

func serve(ctx context.Context, c net.Conn, decide func(context.Context, map[string]string) string) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	attributes := map[string]string{}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			attributes[name] = value
			continue
		}
		if _, err := fmt.Fprintf(c, "action=%s\n\n", decide(ctx, attributes)); err != nil {
			return
		}
		attributes = map[string]string{}
	}
}
