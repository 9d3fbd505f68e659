package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"gatepost/test/vacant"
)

// A PebbleConfig says how Pebble, the ACME server for tests by Let's Encrypt, is to be.
type PebbleConfig struct {
	DNS       string        // server that it asks, host:port
	HTTP, TLS string        // where names' ports 80 and 443 are, host:port on the addresses that the DNS has
	Validity  time.Duration // of certificates; 0: 90 days
	Key       string        // of an external account binding for the account "us", in base64url; "": none is wanted
}

// A Pebble is one that runs. It keeps what it did in memory.
type Pebble struct {
	Directory string         // its URL
	CA        string         // file with the authority of its own server, PEM
	Roots     *x509.CertPool // of what it issues
	manage    string
	client    *http.Client
	process   *os.Process
	ended     chan struct{}
	said      *output
}

// StartPebble starts Pebble (`make pebble`) in dir.
func StartPebble(dir string, c PebbleConfig) (*Pebble, error) {
	path, err := pebble()
	if err != nil {
		return nil, err
	}
	p := &Pebble{CA: filepath.Join(dir, "ca.pem"), ended: make(chan struct{}), said: &output{}}
	listen, err := vacant.Addr()
	if err != nil {
		return nil, err
	}
	if p.manage, err = vacant.Addr(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listen)
	p.Directory = "https://localhost:" + port + "/dir"
	if err := p.write(dir, listen, c); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", c.DNS, "-strict")
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=15")
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.process = cmd.Process
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	if err := p.await(); err != nil {
		p.Stop()
		return nil, fmt.Errorf("peer: pebble: %w\n%s", err, p.said)
	}
	return p, nil
}

// pebble finds the program, from wherever in the tree a test runs.
func pebble() (string, error) {
	for dir := "."; len(dir) < 20; dir = filepath.Join("..", dir) {
		if path, err := filepath.Abs(filepath.Join(dir, "build/pebble/pebble")); err == nil {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: make pebble", ErrMissing)
}

func (p *Pebble) write(dir, listen string, c PebbleConfig) error {
	certificate, key, err := Certificate("localhost")
	if err != nil {
		return err
	}
	port := func(addr string) int {
		_, text, _ := net.SplitHostPort(addr)
		n, _ := strconv.Atoi(text)
		return n
	}
	config := map[string]any{
		"listenAddress": listen, "managementListenAddress": p.manage, "certificate": p.CA, "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": port(c.HTTP), "tlsPort": port(c.TLS), "retryAfter": map[string]int{"authz": 1, "order": 1},
	}
	if c.Validity > 0 {
		config["profiles"] = map[string]any{"default": map[string]any{"description": "short", "validityPeriod": int(c.Validity.Seconds())}}
	}
	if c.Key != "" {
		config["externalAccountBindingRequired"], config["externalAccountMACKeys"] = true, map[string]string{"us": c.Key}
	}
	text, err := json.Marshal(map[string]any{"pebble": config})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(p.CA, []byte(certificate), 0o600), os.WriteFile(filepath.Join(dir, "key.pem"), []byte(key), 0o600),
		os.WriteFile(filepath.Join(dir, "pebble.json"), text, 0o600))
}

// await returns when it answers, and learns what it signs with.
func (p *Pebble) await() error {
	b, err := os.ReadFile(p.CA)
	if err != nil {
		return err
	}
	own := x509.NewCertPool()
	own.AppendCertsFromPEM(b)
	p.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own, ServerName: "localhost"}}}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.ended:
			return errors.New("it ended")
		default:
		}
		root, err := p.ask(http.MethodGet, "/roots/0", nil)
		if err == nil {
			p.Roots = x509.NewCertPool()
			p.Roots.AppendCertsFromPEM(root)
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// ask asks at the port for tests.
func (p *Pebble) ask(method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, "https://"+p.manage+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return b, err
}

// Suggest has it say that a certificate is to be renewed in a window (RFC 9773).
func (p *Pebble) Suggest(leaf *x509.Certificate, start, end time.Time) error {
	info, err := json.Marshal(map[string]any{"suggestedWindow": map[string]string{"start": start.UTC().Format(time.RFC3339), "end": end.UTC().Format(time.RFC3339)}})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})), "ariResponse": string(info),
	})
	if err != nil {
		return err
	}
	_, err = p.ask(http.MethodPost, "/set-renewal-info/", body)
	return err
}

// Said returns what it wrote.
func (p *Pebble) Said() string { return p.said.String() }

// Stop ends it and waits.
func (p *Pebble) Stop() { stop(p.process, p.ended) }
