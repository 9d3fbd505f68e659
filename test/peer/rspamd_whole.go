package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"gatepost/test/vacant"
)

// StartRspamdWhole starts Rspamd as Debian configures it, with all modules that are on there,
// one worker that scans (at Addr), Bayes in the Redis at an address, and DNS from a server of
// the test's. Its fuzzy hashes are in a storage of its own, which is empty, since the public one
// can't be asked; greylisting and rate limits, which are no part of a scan, are off. The
// controller, which learns, listens at Socket and wants no password of this machine. MTAs
// speak to Milter, which scans by itself, by a worker for each processor.
func StartRspamdWhole(redis, dns string) (*Engine, error) {
	e, err := newEngine("rspamd", "rspamd")
	if err != nil {
		return nil, err
	}
	if err := e.configureWhole(redis, dns); err != nil {
		e.Stop()
		return nil, fmt.Errorf("peer: rspamd: %w", err)
	}
	e.args = []string{"--no-fork", "--insecure", "--config=" + e.file("etc/rspamd.conf")}
	for name, dir := range map[string]string{"CONFDIR": "etc", "LOCAL_CONFDIR": "etc", "DBDIR": "db", "RUNDIR": "", "LOGDIR": ""} {
		e.args = append(e.args, "--var="+name+"="+e.file(dir))
	}
	e.patience = 5 * time.Minute // it compiles the list of all public suffixes
	return e.begin()
}

func (e *Engine) configureWhole(redis, dns string) error {
	fuzzy, err := vacant.Addr()
	if err != nil {
		return err
	}
	if e.Milter, err = vacant.Addr(); err != nil {
		return err
	}
	const from = "/etc/rspamd"
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if name == "modules.d/fuzzy_check.conf" {
			b = elsewhere(b, fuzzy)
		}
		if strings.HasPrefix(name, "local.d/") || strings.HasPrefix(name, "override.d/") {
			return nil // this machine's
		}
		return e.write(filepath.Join("etc", name), string(b))
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.file("db"), 0o755); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(dns)
	if err != nil {
		return err
	}
	local := map[string]string{
		"options.inc":           fmt.Sprintf("dns { nameserver = [%q]; timeout = 1s; retransmits = 2; }\ncontrol_socket = \"%s mode=0600\";\n", host+":"+port+":1", e.file("control")),
		"redis.conf":            fmt.Sprintf("servers = %q;\n", redis),
		"classifier-bayes.conf": fmt.Sprintf("backend = \"redis\"; servers = %q; min_learns = 100;\n", redis),
		"logging.inc":           "type = \"console\"; level = \"notice\";\n",
		"worker-normal.inc":     fmt.Sprintf("bind_socket = %q; count = 1;\n", e.Addr),
		"worker-controller.inc": fmt.Sprintf("bind_socket = \"%s mode=0666\"; secure_ip = \"127.0.0.1\"; password = \"secret\";\n", e.Socket),
		"worker-proxy.inc":      fmt.Sprintf("bind_socket = %q; count = %d; milter = yes; upstream \"local\" { default = yes; self_scan = yes; }\n", e.Milter, runtime.NumCPU()),
		"worker-fuzzy.inc":      fmt.Sprintf("bind_socket = %q; count = 1; backend = \"redis\"; servers = %q; allow_update = [\"127.0.0.1\"];\n", fuzzy, redis),
		"greylist.conf":         "enabled = false;\n",
		"ratelimit.conf":        "enabled = false;\n",
	}
	for name, text := range local {
		if err := e.write(filepath.Join("etc/local.d", name), text); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere has the fuzzy check ask a storage of this machine, in the clear.
func elsewhere(b []byte, addr string) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(b)) {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "encryption_key"):
			continue
		case strings.HasPrefix(text, "servers") && strings.Contains(text, "fuzzy1"):
			line = fmt.Sprintf("servers = %q;\n", addr)
		}
		out.WriteString(line)
	}
	return out.Bytes()
}

// Quiet waits until its processes do nothing any more: in the first minutes Rspamd compiles
// its expressions. The limit is ten minutes.
func (e *Engine) Quiet() error {
	const look, still = 5 * time.Second, 6 // half a minute, in which its timers may do a little
	last, calm := time.Duration(0), 0
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(look) {
		now, err := e.CPU()
		if err != nil {
			return err
		}
		if now-last > look/50 {
			calm = 0
		} else if calm++; calm == still {
			return nil
		}
		last = now
	}
	return errors.New("peer: " + e.name + " is busy after ten minutes")
}

// LearnRspamd teaches Rspamd's Bayes a message. That it was learnt before (208), or need not be
// (204), is no error.
func (e *Engine) LearnRspamd(ctx context.Context, message []byte, spam bool) error {
	verb := "learnham"
	if spam {
		verb = "learnspam"
	}
	var dial net.Dialer
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial.DialContext(ctx, "unix", e.Socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rspamd/"+verb, bytes.NewReader(message))
	if err != nil {
		return err
	}
	req.Header.Set("Password", "secret")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("peer: rspamd: %s: %s: %s", verb, resp.Status, b)
	}
	return err
}
