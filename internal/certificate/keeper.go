package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Config is what a Keeper needs.
type Config struct {
	Hostname string // of the node
	Self     string // the file of the certificate that is made where there is no other
	Rows     Rows
	Log      *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
}

// A Keeper has the certificates in force. It is safe for use by many goroutines.
type Keeper struct {
	c      Config
	chosen atomic.Pointer[choice]

	mu       sync.Mutex // over all below
	files    []*file    // the node's own first, where there is one
	own      Pair
	issued   map[string]Issued
	pairs    map[string]*tls.Certificate // of issued, made once
	revision int64
	news     bool // rows were read that are not in the choice yet
	self     *tls.Certificate
	warned   map[string]time.Duration // by certificate: the last mark before its end that was told
}

// New returns a Keeper that knows nothing yet: Open before anything else.
func New(c Config) *Keeper {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	k := &Keeper{c: c, issued: map[string]Issued{}, pairs: map[string]*tls.Certificate{}, warned: map[string]time.Duration{}}
	k.chosen.Store(&choice{})
	return k
}

// Open reads what is there now, where that was not done yet. It fails where the node's own pair can't be used; of the
// others the log tells, and the node starts without: one customer's file keeps nobody else from their mail. The caller
// runs Run beside it.
func (k *Keeper) Open(ctx context.Context, files Files) error {
	if k.chosen.Load().own.cert != nil {
		return nil
	}
	if err := k.follow(ctx); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.use(files, func(p Pair) bool { return p == files.Own })
}

// Use puts other files in force, read now. Where the node's own pair, or one that was not named before, can't be used, it
// fails, telling of each, and all stays as it was. back undoes it.
func (k *Keeper) Use(files Files) (back func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, own := k.files, k.own
	named := func(p Pair) bool { return slices.ContainsFunc(before, func(f *file) bool { return f.pair == p }) }
	if err := k.use(files, func(p Pair) bool { return p == files.Own || !named(p) }); err != nil {
		return nil, err
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.files, k.own = before, own
		if err := k.choose(); err != nil {
			k.c.Log.Error("the certificates that were in force can't be chosen again", "error", err)
		}
	}, nil
}

// use is Use, where those pairs must be usable that are needed. The caller holds mu.
func (k *Keeper) use(files Files, needed func(Pair) bool) error {
	var next []*file
	var wrong []error
	for _, p := range files.all() {
		f := &file{pair: p}
		if i := slices.IndexFunc(k.files, func(f *file) bool { return f.pair == p }); i >= 0 {
			before := *k.files[i]
			f = &before
		}
		if f.look() {
			k.tell(f)
		}
		if f.cert == nil && needed(p) {
			wrong = append(wrong, fmt.Errorf("certificate: %s", f.problem))
		}
		next = append(next, f)
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	k.files, k.own = next, files.Own
	return k.choose()
}

// tell logs what became of a file that is new.
func (k *Keeper) tell(f *file) {
	switch {
	case f.problem == "":
		k.c.Log.Info("certificate read", "file", f.pair.Cert, "names", strings.Join(f.cert.Leaf.DNSNames, " "), "until", f.cert.Leaf.NotAfter)
	case f.cert != nil:
		k.c.Log.Error("a new certificate can't be used; the one that was read before stays", "problem", f.problem)
	default:
		k.c.Log.Error("a certificate can't be used", "problem", f.problem)
	}
}

// choose makes the choice of what is known. The caller holds mu.
func (k *Keeper) choose() error {
	now := k.c.Now()
	var all []shown
	var own shown
	for _, f := range k.files {
		if f.cert == nil {
			continue
		}
		s := shown{cert: f.cert, from: f.pair.Cert}
		all = append(all, s)
		if f.pair == k.own {
			own = s
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.pairs)) {
		all = append(all, shown{cert: k.pairs[name], from: FromACME, rank: 1})
	}
	c := newChoice(all, own, now)
	if list := c.covers(k.c.Hostname); own.cert == nil && len(list) > 0 {
		c.own = list[0]
	}
	if c.own.cert == nil {
		cert, err := selfSigned(k.c.Self, k.c.Hostname, now)
		if err != nil {
			return err
		}
		if k.self == nil || !slices.Equal(k.self.Certificate[0], cert.Certificate[0]) {
			k.self = cert
		}
		c.own = shown{cert: k.self, from: FromSelf, rank: 2}
		c.all = append(c.all, c.own)
	}
	k.chosen.Store(c)
	return nil
}

// Follow reads the rows that changed, and knows at once what they say.
func (k *Keeper) Follow(ctx context.Context) error {
	if err := k.follow(ctx); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.news {
		return nil
	}
	k.news = false
	return k.choose()
}

// follow reads the rows that changed.
func (k *Keeper) follow(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, all, revision, err := k.c.Rows.Issued(ctx, k.revision)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if revision == k.revision {
		return nil
	}
	k.take(changed)
	if len(k.issued) != all { // some were removed
		if changed, _, revision, err = k.c.Rows.Issued(ctx, 0); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		k.issued, k.pairs = map[string]Issued{}, map[string]*tls.Certificate{}
		k.take(changed)
	}
	k.revision, k.news = revision, true
	return nil
}

func (k *Keeper) take(changed []Issued) {
	for _, i := range changed {
		k.issued[i.Name] = i
		delete(k.pairs, i.Name)
		if i.Chain == nil {
			continue
		}
		pair, err := i.pair()
		if err != nil {
			k.c.Log.Error("an issued certificate can't be used", "name", i.Name, "error", err)
			continue
		}
		k.pairs[i.Name] = pair
	}
}

// Ordered returns the names for which an authority is asked, as they are in the rows now.
func (k *Keeper) Ordered(ctx context.Context) (map[string]Issued, error) {
	if err := k.Follow(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.issued), nil
}

// HasFile reports whether a file has a certificate for a name that is in its time: none need be ordered.
func (k *Keeper) HasFile(name string) bool {
	for _, s := range k.chosen.Load().covers(name) {
		if s.rank == 0 && s.inTime(k.c.Now()) {
			return true
		}
	}
	return false
}

// TLS returns what a listener needs: the certificates, and nothing below TLS 1.2 (RFC 8996). The library's cipher
// suites are those of RFC 9325. Who asks for no name that there is a certificate for is shown that of name, and the node's own
// where there is none either.
func (k *Keeper) TLS(name string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.chosen.Load().choose(hello, name), nil
		},
	}
}

// acmeProtocol is what an authority asks for alone, and nobody else (RFC 8737 §6.2).
const acmeProtocol = "acme-tls/1"

// proofTime bounds how long a proof is looked for.
const proofTime = 5 * time.Second

// Has reports whether there is a certificate for a name.
func (k *Keeper) Has(name string) bool { return len(k.chosen.Load().covers(name)) > 0 }

// Web is TLS for HTTPS: it shows authorities that a name is ours, too (tls-alpn-01).
func (k *Keeper) Web(name string) *tls.Config {
	c := k.TLS(name)
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Equal(hello.SupportedProtos, []string{acmeProtocol}) {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(hello.Context(), proofTime)
		defer cancel()
		answer, err := k.c.Rows.Proof(ctx, TLSALPN01, canonical(hello.ServerName), k.c.Now())
		if err != nil {
			return nil, err
		}
		cert, err := tls.X509KeyPair(answer, answer) // none: this says that there is no certificate
		if err != nil {
			return nil, fmt.Errorf("certificate: no authority is asked for %q", hello.ServerName)
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acmeProtocol}, Certificates: []tls.Certificate{cert}}, nil
	}
	return c
}

// maxToken bounds what is looked for: RFC 8555 §8.1 asks for 22 characters or more, and authorities give 43.
const maxToken = 256

// Proof returns what is shown over HTTP for a token (http-01); nil where there is none.
func (k *Keeper) Proof(ctx context.Context, token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, nil
	}
	return k.c.Rows.Proof(ctx, HTTP01, token, k.c.Now())
}

// Times of Run.
const (
	followEvery = time.Second // the rows' revision is asked for
	lookEvery   = time.Minute // files are read, and ends looked for
)

// Run follows the rows and the files, and warns of ends that come, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	follow, look := time.NewTicker(followEvery), time.NewTicker(lookEvery)
	defer follow.Stop()
	defer look.Stop()
	k.warn()
	for silent := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-follow.C:
			err := k.Follow(ctx)
			if err != nil && ctx.Err() == nil && !silent {
				k.c.Log.Error("certificates can't be followed", "error", err)
			}
			silent = err != nil
		case <-look.C:
			k.Look()
		}
	}
}

// Look reads the files again, puts what is new in force, and warns of ends that come.
func (k *Keeper) Look() {
	k.mu.Lock()
	for _, f := range k.files {
		if f.look() {
			k.tell(f)
		}
	}
	if err := k.choose(); err != nil { // also where nothing is new: certificates begin and end
		k.c.Log.Error("the certificates in force stay", "error", err)
	}
	k.mu.Unlock()
	k.warn()
}
