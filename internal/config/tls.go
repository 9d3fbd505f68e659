package config

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	words "gatepost/internal/mail"
	"gatepost/pipeline"
)

// TLS names the certificate chain and its key, PEM files both. Both empty: what is issued for the host name, or a
// self-signed one that is made in the data directory.
type TLS struct {
	Cert string `key:"cert"`
	Key  string `key:"key"`
	ACME ACME   `key:"acme"`

	Certificates []KeyPair `key:"certificates"` // further ones, shown to who asks for a name of theirs
}

// A KeyPair is a certificate with its chain and its key, PEM files both.
type KeyPair struct{ Cert, Key string }

// ACME says which authority is asked for certificates (RFC 8555).
type ACME struct {
	Directory   string   `key:"directory"` // URL; "": nobody is asked
	AcceptTerms bool     `key:"accept_terms"`
	Contact     []string `key:"contact"`      // addresses
	Names       []string `key:"names"`        // in A-labels after Load; beside the host name
	Challenges  []string `key:"challenges"`   // http-01, tls-alpn-01
	ReuseKey    bool     `key:"reuse_key"`    // a name keeps its key
	EABKeyID    string   `key:"eab_key_id"`   // "": no external account binding
	EABKeyFile  string   `key:"eab_key_file"` // holds its key in base64url alone
	CA          string   `key:"ca"`           // PEM file, "": the system's authorities
}

// tlsCertificates is the path of the list of further pairs.
const tlsCertificates = "tls.certificates"

// maxKeyPairs bounds how many pairs there are.
const maxKeyPairs = 10_000

// certificates reads the list of further pairs; what is wrong is told with its line.
func (l *loader) certificates(file string, n *yaml.Node) (list []KeyPair) {
	for _, item := range l.items(file, "tls.certificates", n) {
		at := place{file, item.Line}
		if item.Kind != yaml.MappingNode {
			l.problems.add(at, "a certificate is a mapping with cert and key")
			continue
		}
		var p KeyPair
		for key, value := range l.pairs(file, "a certificate", item) {
			at := place{file, key.Line}
			switch key.Value {
			case "cert":
				p.Cert = l.text(at, key.Value, value)
			case "key":
				p.Key = l.text(at, key.Value, value)
			default:
				l.problems.add(at, "unknown key %q in a certificate%s", key.Value, pipeline.Suggest(key.Value, []string{"cert", "key"}))
			}
		}
		switch {
		case p.Cert == "" || p.Key == "":
			l.problems.add(at, "a certificate needs cert and key, both PEM files (they may be the same)")
		case slices.Contains(list, p):
			l.problems.add(at, "the certificate %s is there already", p.Cert)
		case len(list) == maxKeyPairs:
			l.problems.add(at, "more than %d certificates", maxKeyPairs)
		}
		list = append(list, p)
	}
	return list
}

// tls checks where certificates are from.
func (l *loader) tls() {
	c := l.cfg
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		l.wrong("tls.cert", "tls.cert and tls.key go together: name both or none")
	}
	a := &c.TLS.ACME
	if a.Directory == "" {
		return
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		l.wrong("tls.acme.directory", "%q is not an address such as https://acme-v02.api.letsencrypt.org/directory", a.Directory)
	}
	if !a.AcceptTerms {
		l.wrong(l.chosen("tls.acme.accept_terms", "tls.acme.directory"), "tls.acme.accept_terms: no authority gives a certificate to who does not accept its terms: read them and set true")
	}
	for _, address := range a.Contact {
		if _, err := mail.ParseAddress(address); err != nil {
			l.wrong("tls.acme.contact", "%q is not an address", address)
		}
	}
	l.acmeNames()
	l.acmeChallenges()
	if a.EABKeyID != "" || a.EABKeyFile != "" {
		if _, err := a.MAC(); err != nil {
			l.wrong(l.chosen("tls.acme.eab_key_file", "tls.acme.eab_key_id"), "%v", err)
		}
	}
}

// acmeNames makes the names canonical, and refuses those for which no authority gives a certificate.
func (l *loader) acmeNames() {
	c := l.cfg
	if !c.issues(c.Hostname) {
		l.wrong("tls.acme.directory", "no authority gives a certificate for the hostname %q: set one that the DNS has", c.Hostname)
	}
	for i, n := range c.TLS.ACME.Names {
		name, err := words.ParseDomain(n)
		switch {
		case strings.Contains(n, "*"):
			l.wrong("tls.acme.names", "%q: a name with a star takes a proof by the DNS, which is not spoken here: name the hosts one by one", n)
		case err != nil || !c.issues(name):
			l.wrong("tls.acme.names", "%q is not a host name with a domain", n)
		default:
			c.TLS.ACME.Names[i] = name
		}
	}
}

// issues reports whether there can be a public certificate for a name.
func (c *Config) issues(name string) bool {
	return strings.Contains(name, ".") && !strings.HasPrefix(name, "[")
}

// acmeChallenges checks that an authority can reach what is to answer it.
func (l *loader) acmeChallenges() {
	c := l.cfg
	if len(c.TLS.ACME.Challenges) == 0 {
		l.wrong("tls.acme.challenges", "without a challenge nothing is proved: name http-01, tls-alpn-01 or both")
	}
	for _, kind := range c.TLS.ACME.Challenges {
		l.oneOf("tls.acme.challenges", kind, "http-01", "tls-alpn-01")
	}
	if len(c.Listen.Web) == 0 && len(c.Listen.Webs) == 0 {
		l.wrong("tls.acme.directory", "an authority asks over listen.web (port 80) or listen.webs (443), and nothing listens there")
	}
}

// Answers returns the challenges that listeners can answer, in the order in which they are tried.
func (c *Config) Answers() []string {
	return slices.DeleteFunc(slices.Clone(c.TLS.ACME.Challenges), func(kind string) bool {
		return kind == "http-01" && len(c.Listen.Web) == 0 || kind == "tls-alpn-01" && len(c.Listen.Webs) == 0
	})
}

// MAC returns the key of the external account binding; nil where there is none.
func (a ACME) MAC() ([]byte, error) {
	if a.EABKeyID == "" && a.EABKeyFile == "" {
		return nil, nil
	}
	if a.EABKeyID == "" || a.EABKeyFile == "" {
		return nil, fmt.Errorf("tls.acme.eab_key_id and tls.acme.eab_key_file go together: name both or none")
	}
	text, err := os.ReadFile(a.EABKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%s holds no key in base64url", a.EABKeyFile)
	}
	return key, nil
}
