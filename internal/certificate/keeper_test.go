package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// memory is Rows of a test, which changes them by itself.
type memory struct {
	Rows
	issued   map[string]Issued
	revision int64
	proofs   map[string][]byte
}

func (m *memory) Issued(_ context.Context, after int64) (changed []Issued, all int, revision int64, err error) {
	if after == m.revision {
		return nil, 0, m.revision, nil
	}
	return slices.Collect(maps.Values(m.issued)), len(m.issued), m.revision, nil
}

func (m *memory) Proof(_ context.Context, kind, key string, _ time.Time) ([]byte, error) {
	return m.proofs[kind+" "+key], nil
}

var begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// made returns a certificate for names and its key in PEM.
func made(t *testing.T, key crypto.Signer, since, until time.Time, names ...string) (chain, private []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(since.Unix()), DNSNames: names, NotBefore: since, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func elliptical(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A room is a Keeper with its directory and clock.
type room struct {
	t    *testing.T
	dir  string
	now  time.Time
	rows *memory
	log  bytes.Buffer
	k    *Keeper
}

func newRoom(t *testing.T) *room {
	r := &room{t: t, dir: t.TempDir(), now: begin, rows: &memory{issued: map[string]Issued{}}}
	r.k = New(Config{
		Hostname: "mx.test.example", Self: filepath.Join(r.dir, "self.pem"), Rows: r.rows, Now: func() time.Time { return r.now },
		Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	return r
}

// pair writes a certificate for names, 90 days from begin on, into a file.
func (r *room) pair(file string, names ...string) Pair {
	return r.pairOf(file, elliptical(r.t), begin, begin.AddDate(0, 0, 90), names...)
}

func (r *room) pairOf(file string, key crypto.Signer, since, until time.Time, names ...string) Pair {
	r.t.Helper()
	chain, private := made(r.t, key, since, until, names...)
	p := Pair{filepath.Join(r.dir, file), filepath.Join(r.dir, file+".key")}
	r.write(p.Cert, chain)
	r.write(p.Key, private)
	return p
}

func (r *room) write(path string, content []byte) {
	r.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) open(own Pair, more ...Pair) {
	r.t.Helper()
	if err := r.k.Open(r.t.Context(), Files{Own: own, More: more}); err != nil {
		r.t.Fatal(err)
	}
}

// asked makes a handshake for a name, with a client that may be told more, and returns what it is shown.
func (r *room) asked(c *tls.Config, name string, more ...func(*tls.Config)) *x509.Certificate {
	r.t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go tls.Server(far, c).HandshakeContext(r.t.Context())
	config := &tls.Config{ServerName: name, InsecureSkipVerify: true}
	for _, m := range more {
		m(config)
	}
	client := tls.Client(near, config)
	if err := client.HandshakeContext(r.t.Context()); err != nil {
		r.t.Fatalf("handshake for %q: %v", name, err)
	}
	return client.ConnectionState().PeerCertificates[0]
}

func (r *room) wants(name, want string) {
	r.t.Helper()
	if got := r.asked(r.k.TLS(""), name).DNSNames[0]; got != want {
		r.t.Errorf("who asks for %q is shown the certificate of %s, want that of %s", name, got, want)
	}
}

// Who asks for a name gets the certificate that is for it exactly, else by a star, else the node's own.
func TestChoice(t *testing.T) {
	r := newRoom(t)
	r.open(r.pair("own", "mx.test.example"), r.pair("star", "*.customer.example"), r.pair("exact", "mail.customer.example", "MAIL.other.example"))
	for name, want := range map[string]string{
		"mx.test.example": "mx.test.example", "mail.customer.example": "mail.customer.example", "MAIL.Customer.Example.": "mail.customer.example",
		"mail.other.example": "mail.customer.example", "imap.customer.example": "*.customer.example",
		"a.b.customer.example": "mx.test.example", "customer.example": "mx.test.example", "stranger.example": "mx.test.example", "": "mx.test.example",
	} {
		r.wants(name, want)
	}
}

// A listener may show another certificate than the node's own to who asks for no name that there is.
func TestChoiceOfListener(t *testing.T) {
	r := newRoom(t)
	r.open(r.pair("own", "mx.test.example"), r.pair("star", "*.customer.example"), r.pair("exact", "mail.customer.example"))
	for _, c := range []struct{ listener, asked, want string }{
		{"mail.customer.example", "", "mail.customer.example"}, {"mail.customer.example", "stranger.example", "mail.customer.example"},
		{"mail.customer.example", "mx.test.example", "mx.test.example"}, {"mail.customer.example", "imap.customer.example", "*.customer.example"},
		{"smtp.customer.example", "", "*.customer.example"}, {"none.example", "", "mx.test.example"},
	} {
		for _, config := range []*tls.Config{r.k.TLS(c.listener), r.k.Web(c.listener)} {
			if got := r.asked(config, c.asked).DNSNames[0]; got != c.want {
				t.Errorf("at a listener of %s who asks for %q is shown the certificate of %s, want that of %s", c.listener, c.asked, got, c.want)
			}
		}
	}
	if !r.k.Has("smtp.customer.example") || r.k.Has("none.example") {
		t.Error("it does not know for which names there is a certificate")
	}
}

// Of two for a name one that has ended is shown to nobody, and each client gets one that it can read.
func TestChoiceInTime(t *testing.T) {
	r := newRoom(t)
	old := r.pairOf("old", elliptical(t), begin.AddDate(0, 0, -90), begin.AddDate(0, 0, 1), "mail.customer.example")
	r.open(r.pair("own", "mx.test.example"), old, r.pair("star", "*.customer.example"))
	r.wants("mail.customer.example", "mail.customer.example")
	r.now = begin.AddDate(0, 0, 2)
	r.k.Look()
	r.wants("mail.customer.example", "*.customer.example")
}

func TestChoiceByKey(t *testing.T) {
	r := newRoom(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r.open(r.pair("own", "mx.test.example"), r.pair("a", "mail.customer.example"), r.pairOf("b", key, begin, begin.AddDate(0, 0, 90), "mail.customer.example"))
	old := func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}
	if got := r.asked(r.k.TLS(""), "mail.customer.example", old).PublicKeyAlgorithm; got != x509.RSA {
		t.Errorf("a client that reads RSA alone: got %v", got)
	}
	if got := r.asked(r.k.TLS(""), "mail.customer.example").PublicKeyAlgorithm; got != x509.ECDSA {
		t.Errorf("a client of today: got %v", got)
	}
}

// New files are read; broken ones are told, and what was there before stays.
func TestFiles(t *testing.T) {
	r := newRoom(t)
	own := r.pair("own", "mx.test.example", "first.example")
	r.open(own)
	r.wants("first.example", "mx.test.example")
	r.pair("own", "second.example")
	r.k.Look()
	r.wants("second.example", "second.example")
	r.write(own.Key, []byte("nonsense"))
	for range 2 {
		r.k.Look()
	}
	r.wants("second.example", "second.example")
	if n := strings.Count(r.log.String(), "the one that was read before stays"); n != 1 {
		t.Errorf("the broken file was told %d times, want once:\n%s", n, r.log.String())
	}
	if got := strings.Join(r.k.Troubles(), "\n"); !strings.Contains(got, own.Key) || !strings.Contains(got, "can't be used") {
		t.Errorf("troubles: %q", got)
	}
	if _, err := r.k.Use(Files{Own: Pair{r.dir + "/none", r.dir + "/none"}}); err == nil {
		t.Error("an own certificate that is not there was taken")
	}
	r.wants("second.example", "second.example")
	r.pair("own", "third.example")
	r.k.Look()
	r.wants("third.example", "third.example")
	if got := r.k.Troubles(); len(got) != 1 || !strings.Contains(got[0], "it is not for this node's name") {
		t.Errorf("troubles: %q", got)
	}
}

// A customer's broken file keeps nobody from theirs; a broken one of the node's own does not start.
func TestBrokenAtStart(t *testing.T) {
	r := newRoom(t)
	broken := Pair{r.dir + "/none", r.dir + "/none"}
	if err := r.k.Open(t.Context(), Files{Own: broken}); err == nil || !strings.Contains(err.Error(), broken.Cert) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	r.open(r.pair("own", "mx.test.example"), broken)
	r.wants("", "mx.test.example")
	if got := r.k.Troubles(); len(got) != 1 || !strings.Contains(got[0], broken.Cert) {
		t.Errorf("troubles: %q", got)
	}
	r.write(r.dir+"/locked.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"))
	locked := Files{More: []Pair{{r.dir + "/own", r.dir + "/locked.key"}}}
	if err := locked.Check(); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("a key with a passphrase: got %v", err)
	}
}

// A file that is named anew has to be good; one that was named before, and has broken since, keeps nobody from naming others. What
// was put in force can be taken back.
func TestUse(t *testing.T) {
	r := newRoom(t)
	own, broken := r.pair("own", "mx.test.example"), Pair{r.dir + "/none", r.dir + "/none"}
	r.open(own, broken)
	first, second := r.pair("first", "first.example"), Pair{r.dir + "/second", r.dir + "/second"}
	if _, err := r.k.Use(Files{Own: own, More: []Pair{first, second}}); err == nil || !strings.Contains(err.Error(), second.Cert) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	r.wants("first.example", "mx.test.example")
	back, err := r.k.Use(Files{Own: own, More: []Pair{first, broken}})
	if err != nil {
		t.Fatal(err)
	}
	r.wants("first.example", "first.example")
	back()
	r.wants("first.example", "mx.test.example")
	r.wants("", "mx.test.example")
}

// What was issued is shown as soon as the rows have it, and the self-signed certificate until then; a file comes first.
func TestIssued(t *testing.T) {
	r := newRoom(t)
	r.open(Pair{})
	if got := r.k.List(); len(got) != 1 || got[0].From != FromSelf || !got[0].Own {
		t.Errorf("at first: %+v", got)
	}
	issue := func(name string) {
		chain, private := made(t, elliptical(t), begin, begin.AddDate(0, 0, 90), name)
		block, _ := pem.Decode(private)
		r.rows.issued[name] = Issued{Name: name, Chain: chain, Private: block.Bytes, Due: begin.AddDate(0, 0, 60)}
		r.rows.revision++
		if err := r.k.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	issue("mail.customer.example")
	r.wants("mail.customer.example", "mail.customer.example")
	r.wants("", "mx.test.example")
	issue("mx.test.example")
	list := r.k.List()
	if len(list) != 2 || !list[0].Own || list[0].From != FromACME || !list[0].Due.Equal(begin.AddDate(0, 0, 60)) || len(list[0].TLSA) != 1 {
		t.Errorf("with both: %+v", list)
	}
	if r.k.HasFile("mail.customer.example") {
		t.Error("no file has it")
	}
	delete(r.rows.issued, "mail.customer.example")
	r.rows.revision++
	if err := r.k.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wants("mail.customer.example", "mx.test.example")
	if _, err := r.k.Use(Files{More: []Pair{r.pair("file", "other.example", "mx.test.example")}}); err != nil {
		t.Fatal(err)
	}
	r.wants("", "other.example")
	if !r.k.HasFile("mx.test.example") {
		t.Error("a file has it")
	}
	r.now = begin.AddDate(0, 0, 91)
	r.k.Look()
	if r.k.HasFile("mx.test.example") {
		t.Error("what the file has ended")
	}
}

// Ends are told at 21, 7 and 1 days, and when it is over, once each; of one that lives for a week later than that.
func TestWarnings(t *testing.T) {
	r := newRoom(t)
	r.open(r.pair("own", "mx.test.example"))
	told := func(at time.Time) bool {
		r.log.Reset()
		r.now = at
		r.k.Look()
		return strings.Contains(r.log.String(), "a certificate ends")
	}
	end := begin.AddDate(0, 0, 90)
	for _, c := range []struct {
		at   time.Time
		want bool
	}{
		{end.AddDate(0, 0, -22), false}, {end.AddDate(0, 0, -20), true}, {end.AddDate(0, 0, -19), false}, {end.AddDate(0, 0, -6), true},
		{end.AddDate(0, 0, -2), false}, {end.Add(-23 * time.Hour), true}, {end.Add(-time.Hour), false}, {end.Add(time.Hour), true}, {end.Add(2 * time.Hour), false},
	} {
		if got := told(c.at); got != c.want {
			t.Errorf("%v before the end: told %v, want %v", end.Sub(c.at), got, c.want)
		}
	}
	if got := r.k.Troubles(); len(got) != 1 || !strings.Contains(got[0], "it ended on") {
		t.Errorf("troubles: %q", got)
	}
	if r.k.Left() != -2*time.Hour {
		t.Errorf("left %v", r.k.Left())
	}
	begins := r.now
	r.pairOf("own", elliptical(t), begins, begins.AddDate(0, 0, 6), "mx.test.example")
	if told(begins) || told(begins.AddDate(0, 0, 4)) || !told(begins.AddDate(0, 0, 5)) {
		t.Error("one that lives for six days is to be told when less than a quarter of that is left")
	}
}

// An authority that asks for nothing but its own protocol is shown the proof, and nobody else is.
func TestProof(t *testing.T) {
	r := newRoom(t)
	r.open(r.pair("own", "mx.test.example"))
	chain, private := made(t, elliptical(t), begin, begin.AddDate(0, 0, 1), "proof.example")
	r.rows.proofs = map[string][]byte{"tls-alpn-01 mx.test.example": append(chain, private...), "http-01 token": []byte("answer")}
	alone := func(c *tls.Config) { c.NextProtos = []string{"acme-tls/1"} }
	if got := r.asked(r.k.Web(""), "mx.test.example", alone).DNSNames[0]; got != "proof.example" {
		t.Errorf("the authority is shown %s", got)
	}
	web := r.k.Web("")
	web.NextProtos = []string{"h2", "http/1.1"}
	browser := func(c *tls.Config) { c.NextProtos = []string{"h2", "acme-tls/1"} }
	if got := r.asked(web, "mx.test.example", browser).DNSNames[0]; got != "mx.test.example" {
		t.Errorf("who speaks more is shown %s", got)
	}
	if answer, err := r.k.Proof(t.Context(), "token"); err != nil || string(answer) != "answer" {
		t.Errorf("over HTTP: %q, %v", answer, err)
	}
}

// The self-signed certificate is made once, kept, and made anew before it ends, also while the node runs, or when it
// has another name; a file that can't be read is named.
func TestSelfSigned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "self-signed.pem")
	now, name := begin, "mx.test.example"
	get := func() *tls.Certificate {
		t.Helper()
		cert, err := selfSigned(path, name, now)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	same := func(a, b *tls.Certificate) bool { return bytes.Equal(a.Certificate[0], b.Certificate[0]) }
	first := get()
	if !same(first, get()) {
		t.Error("a second start made a second certificate")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
	now = now.AddDate(4, 11, 20)
	renewed := get()
	if same(first, renewed) {
		t.Error("it was not renewed before its end")
	}
	name = "other.test.example"
	if same(renewed, get()) {
		t.Error("it was not renewed for another name")
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := selfSigned(path, name, now); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken file: got %v, want an error that names it", err)
	}
}

// FuzzPair: files of strangers' making say what is wrong, and never more than that.
func FuzzPair(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte(""), []byte("ENCRYPTED"))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		if pair, err := parse(cert, key); err == nil && (pair == nil || pair.Leaf == nil) {
			t.Error("neither a certificate nor an error")
		}
	})
}
