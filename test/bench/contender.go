package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/load"
	"gatepost/test/machine"
	"gatepost/test/peer"
	"gatepost/test/vacant"
)

// The servers that take mail, by name.
const (
	nullServer     = "null"
	postfixServer  = "Postfix"
	rspamdServer   = "Postfix + Rspamd"
	gatepostServer = "gatepost"
	bareServer     = "no filters"
)

// A contender is a server that takes mail for user0@bench.example.
type contender struct {
	name   string
	addr   string
	pids   []int              // of the processes from which all of its others descend
	client func(i int) string // whom to say to be by XCLIENT; nil: it need not hear
	peak   int64              // memory under load, in octets
}

func find(servers []*contender, name string) *contender {
	if i := slices.IndexFunc(servers, func(c *contender) bool { return c.name == name }); i >= 0 {
		return servers[i]
	}
	return nil
}

// startContenders starts those that are asked for; stop ends what was started, also
// after an error.
func startContenders(dir string, o acceptOptions) (servers []*contender, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
	}
	starters := []struct {
		name  string
		start func(dir string, o acceptOptions) (*contender, func(), error)
	}{{nullServer, startSink}, {postfixServer, startBarePostfix}, {rspamdServer, startFilteringPostfix}, {gatepostServer, startWholeGatepost}, {bareServer, startBareGatepost}}
	var names []string
	for _, s := range starters {
		names = append(names, s.name)
	}
	for i, s := range starters {
		if !o.wants(s.name, names) {
			continue
		}
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o755); err != nil {
			return nil, stop, err
		}
		c, end, err := s.start(own, o)
		if err != nil {
			return nil, stop, fmt.Errorf("%s: %w", s.name, err)
		}
		c.name = s.name
		servers, stops = append(servers, c), append(stops, end)
	}
	return servers, stop, nil
}

// startSink starts Postfix's smtp-sink: the dialogue and nothing else, what client and
// loopback allow.
func startSink(string, acceptOptions) (*contender, func(), error) {
	addr, err := vacant.Addr()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("/usr/sbin/smtp-sink", "-u", "nobody", addr, "1000")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	for range 200 {
		if c, err := load.Dial(addr, "x.example"); err == nil {
			c.Close()
			return &contender{addr: addr, pids: []int{cmd.Process.Pid}}, func() { end(cmd) }, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	end(cmd)
	return nil, nil, fmt.Errorf("smtp-sink on %s does not answer", addr)
}

// startBarePostfix starts Postfix as it is, delivering into a Maildir.
func startBarePostfix(dir string, _ acceptOptions) (*contender, func(), error) {
	p, err := peer.StartPostfix(dir, peer.PostfixConfig{Domains: []string{"bench.example"}})
	if err != nil {
		return nil, nil, err
	}
	pid, err := p.Pid()
	return &contender{addr: p.SMTP, pids: []int{pid}}, p.Stop, err
}

// startFilteringPostfix starts Postfix that asks Rspamd as Debian configures it, taught, by
// its milter, before it takes a message. Clients are strangers, as Rspamd spares its own host.
func startFilteringPostfix(dir string, o acceptOptions) (_ *contender, stop func(), err error) {
	if o.corpus == "" {
		return nil, nil, errors.New("the Bayes of Rspamd wants -corpus to be taught by")
	}
	labelled, err := load.Labelled(o.corpus)
	if err != nil {
		return nil, nil, err
	}
	b := &contentBench{labelled: labelled}
	for _, m := range labelled {
		b.messages = append(b.messages, m.Text)
	}
	engine, redis, stopEngine, err := b.startWhole()
	if err != nil {
		return nil, nil, err
	}
	p, err := peer.StartPostfix(dir, peer.PostfixConfig{Domains: []string{"bench.example"}, Main: []string{
		"smtpd_milters = inet:" + engine.Milter, "milter_default_action = tempfail", "milter_protocol = 6", "smtpd_authorized_xclient_hosts = 127.0.0.1",
	}})
	if err != nil {
		stopEngine()
		return nil, nil, err
	}
	stop = func() { p.Stop(); stopEngine() }
	pid, err := p.Pid()
	if err != nil {
		stop()
		return nil, nil, err
	}
	stranger := func(i int) string { return fmt.Sprintf("198.18.%d.%d", i/250%250, i%250+1) }
	return &contender{addr: p.SMTP, pids: []int{pid, engine.Pid(), redis.Pid()}, client: stranger}, stop, nil
}

// startWholeGatepost starts ours as it comes.
func startWholeGatepost(dir string, o acceptOptions) (*contender, func(), error) {
	return startOurs(dir, "", o)
}

// startBareGatepost starts ours with no filter in it.
func startBareGatepost(dir string, o acceptOptions) (*contender, func(), error) {
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("gate: []\npolicies:\n  - name: default\n    pipeline: []\n"), 0o644); err != nil {
		return nil, nil, err
	}
	return startOurs(dir, config, o)
}

func startOurs(dir, config string, o acceptOptions) (*contender, func(), error) {
	prepare := func(m *machine.Machine) error { return nil }
	if o.profile != "" {
		prepare = profiling(o.profile, config == "")
	}
	m, stop, err := startPrepared(dir, config, []string{"limits.connections_per_network=1000"}, nil, prepare)
	if err != nil {
		return nil, nil, err
	}
	return &contender{addr: m.SMTP, pids: []int{m.Pid()}}, stop, nil
}

// startResolver is the DNS of all of them: it knows no name but the sender's domain.
func startResolver() (*resolvetest.Server, error) {
	return resolvetest.Serve("sender.example. 3600 IN A 192.0.2.1\n")
}
