package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// signers are one of each kind for example.org, with their records.
var signers = sync.OnceValues(func() (list []*Signer, z map[string]string) {
	z = map[string]string{}
	for _, kind := range []string{KindRSA, KindEd25519} {
		key, err := NewKey(kind)
		if err != nil {
			panic(err)
		}
		s, err := NewSigner("Example.ORG", kind, key)
		if err != nil {
			panic(err)
		}
		list = append(list, s)
		z[kind+"._domainkey.example.org"], _ = Record(key.Public())
	}
	return list, z
})

const outgoing = "From: =?utf-8?q?Ann?= <ann@example.org>\r\nTo: bob@example.net,\r\n\tEve  <eve@example.net>\r\nSubject:  lunch \r\n  today\r\n" +
	"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"List-Unsubscribe: <https://example.org/u>\r\nReceived: from a by b; Thu, 26 Nov 2026 12:00:00 +0000\r\n\r\n.at  noon? \r\n\r\nna\xc3\xafve\t\r\n\r\n\r\n"

var signedAt = time.Unix(1795694400, 0)

// signAll puts the signatures of all signers in front of a message.
func signAll(t testing.TB, message string) string {
	t.Helper()
	m := split(message)
	body, err := BodyHash(t.Context(), m.Body())
	if err != nil {
		t.Fatal(err)
	}
	list, _ := signers()
	var all []byte
	for _, s := range list {
		field, err := s.Sign(m.Fields, body, "", signedAt, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, field...)
	}
	return string(all) + message
}

// What we sign we verify, and so does another's code; what is changed or added afterwards is seen.
func TestSign(t *testing.T) {
	_, records := signers()
	z := &zone{txt: records}
	for name, message := range map[string]string{
		"usual":         outgoing,
		"no body":       "From: ann@example.org\r\n\r\n",
		"twice a field": strings.Replace(outgoing, "To:", "To: carl@example.net\r\nTo:", 1),
		"long fields":   "From: ann@example.org\r\nSubject: " + strings.Repeat("long ", 500) + "\r\n\r\nx\r\n",
	} {
		signed := signAll(t, message)
		got, err := results(t.Context(), signed, z, signedAt)
		if err != nil || fmt.Sprint(got) != "[pass pass]" {
			t.Errorf("%s: %q, %v\n%s", name, got, err, signed)
		}
		theirs, err := msgauth.VerifyWithOptions(strings.NewReader(signed), &msgauth.VerifyOptions{LookupTXT: func(n string) ([]string, error) { return z.LookupTXT(t.Context(), n) }})
		if err != nil || len(theirs) != 2 || theirs[0].Err != nil || theirs[1].Err != nil {
			t.Errorf("%s: go-msgauth: %v, %+v", name, err, theirs)
		}
		for line := range strings.SplitSeq(signed[:len(signed)-len(message)], "\r\n") {
			if len(line) > 78 {
				t.Errorf("%s: a line of %d octets: %s", name, len(line), line)
			}
		}
	}
	signed := signAll(t, outgoing)
	for name, change := range map[string]func(string) string{
		"a second From":   func(s string) string { return "From: eve@example.com\r\n" + s },
		"a second To":     func(s string) string { return "To: eve@example.com\r\n" + s },
		"a Cc":            func(s string) string { return "Cc: eve@example.com\r\n" + s },
		"a Reply-To":      func(s string) string { return "Reply-To: eve@example.com\r\n" + s },
		"another list":    func(s string) string { return "List-Unsubscribe: <https://evil.example>\r\n" + s },
		"a MIME encoding": func(s string) string { return "Content-Transfer-Encoding: base64\r\n" + s },
		"body":            func(s string) string { return s + "x" },
		"no date":         func(s string) string { return strings.Replace(s, "\r\nDate:", "\r\nX-Date:", 1) },
	} {
		got, err := results(t.Context(), change(signed), z, signedAt)
		if err != nil || len(got) != 2 || !strings.HasPrefix(got[0], "fail") || !strings.HasPrefix(got[1], "fail") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	got, _ := results(t.Context(), "X-New: 1\r\nReceived: from b by c\r\nList-Id: <l.example.net>\r\n"+signed, z, signedAt)
	if fmt.Sprint(got) != "[pass pass]" {
		t.Errorf("what servers on the way add is no harm: %q", got)
	}
}

func TestUnsignable(t *testing.T) {
	list, _ := signers()
	for name, message := range map[string]string{
		"no From":            "To: bob@example.net\r\n\r\n",
		"two From":           "From: a@example.org\r\nFrom: b@example.org\r\n\r\n",
		"a bare LF":          "From: a@example.org\r\n\r\na\nb\r\n",
		"a bare CR":          "From: a@example.org\r\n\r\na\rb\r\n",
		"a CR at the end":    "From: a@example.org\r\n\r\na\r",
		"LF in the header":   "From: a@example.org\r\nSubject: a\n b\r\n\r\n",
		"CR in the header":   "From: a@example.org\r\nSubject: a\rb\r\n\r\n",
		"no field":           "From: a@example.org\r\nno field\r\n\r\n",
		"a blank before :":   "From: a@example.org\r\nX Y: z\r\n\r\n",
		"hundreds of them":   "From: a@example.org\r\n" + strings.Repeat("X: 1\r\n", 600) + "\r\n",
		"too many To":        "From: a@example.org\r\n" + strings.Repeat("To: b@example.net\r\n", 120) + "\r\n",
		"a body with LF, CR": "From: a@example.org\r\n\r\na\n\r",
	} {
		m := split(message)
		if strings.HasPrefix(name, "no field") {
			m.Fields[1].Name = ""
		}
		body, err := BodyHash(t.Context(), m.Body())
		if err == nil {
			_, err = list[1].Sign(m.Fields, body, "", signedAt, time.Time{})
		}
		if !errors.Is(err, ErrUnsignable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner("example.org", "s", short); err == nil {
		t.Error("a key of 1024 bits signs")
	}
	if _, err := NewSigner("example", "s", list[1].key); err == nil {
		t.Error("a domain of one label")
	}
}

// The keys of RFC 8463 §A.2 make the signature of §A.3.
func TestSignRFC8463(t *testing.T) {
	seed, _ := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	key := ed25519.NewKeyFromSeed(seed)
	if err := Publishes(exampleKeys["brisbane._domainkey.football.example.com"], key.Public()); err != nil {
		t.Fatal(err)
	}
	m := split(strings.ReplaceAll(example, "\n", "\r\n"))
	want, err := ParseSignature(m.Fields[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	body, err := BodyHash(t.Context(), m.Body())
	if err != nil || !bytes.Equal(body, want.bodyHash) {
		t.Errorf("body: %x, %v, want %x", body, err, want.bodyHash)
	}
	s, err := NewSigner("football.example.com", "brisbane", key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.sign(want.headerHash(m.Fields, byName(m.Fields)))
	if err != nil || !bytes.Equal(got, want.value) {
		t.Errorf("got %x, %v, want %x", got, err, want.value)
	}
}

func TestRecord(t *testing.T) {
	list, records := signers()
	for _, s := range list {
		text := records[s.Selector+"._domainkey.example.org"]
		if err := Publishes(text, s.key.Public()); err != nil {
			t.Errorf("%s: %v", s.Selector, err)
		}
		zoneText := ZoneText(text)
		whole := ""
		for part := range strings.SplitSeq(zoneText, `" "`) {
			if part = strings.Trim(part, `"`); len(part) > 255 {
				t.Errorf("%s: a string of %d octets", s.Selector, len(part))
			}
			whole += part
		}
		if whole != text {
			t.Errorf("%s: %s", s.Selector, zoneText)
		}
	}
	other, _ := NewKey(KindEd25519)
	for record, want := range map[string]string{
		records["ed25519._domainkey.example.org"]: "another key", "v=DKIM1; p=": "revoked", "v=DKIM1; k=ed25519; h=sha1; p=" + base64.StdEncoding.EncodeToString(other.Public().(ed25519.PublicKey)): "SHA-256",
		"v=spf1 -all": "", "v=DKIM1; s=web; p=AA==": "not for mail",
	} {
		if err := Publishes(record, other.Public()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", record, err)
		}
	}
	if got := ZoneText(`a"b\`); got != `"a\"b\\"` {
		t.Error(got)
	}
	if got := ZoneText(""); got != `""` {
		t.Error(got)
	}
}

// failing is a key in hardware that is gone.
type failing struct{ crypto.Signer }

func (failing) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("gone")
}

func TestSignFails(t *testing.T) {
	list, _ := signers()
	s, err := NewSigner("example.org", "s", failing{list[1].key})
	if err != nil {
		t.Fatal(err)
	}
	m := split(outgoing)
	if _, err := s.Sign(m.Fields, make([]byte, 32), "", signedAt, time.Time{}); err == nil || errors.Is(err, ErrUnsignable) {
		t.Errorf("got %v", err)
	}
}

// theirVerifier has Mail::DKIM verify what comes in with the keys of a file.
const theirVerifier = `
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey; use Mail::DKIM::DNS;
my %zone; open(my $in, '<', $ARGV[0]) or die; while (<$in>) { chomp; my ($n, $t) = split / /, $_, 2; $zone{$n} = $t } close $in;
{ package Answer; sub new { my ($c, $t) = @_; bless { t => $t }, $c } sub type { 'TXT' } sub char_str_list { ($_[0]{t}) } sub txtdata { $_[0]{t} } }
no warnings 'redefine';
*Mail::DKIM::DNS::query = sub { my $t = $zone{lc $_[0]}; defined $t ? (Answer->new($t)) : () };
binmode STDIN;
my $v = Mail::DKIM::Verifier->new; { local $/; my $t = <STDIN>; $v->PRINT($t) } $v->CLOSE;
print join(' ', map { $_->algorithm . '=' . $_->result } $v->signatures), "\n";
`

// Mail::DKIM verifies what we sign. It may be too old for Ed25519.
func TestMailDKIMVerifies(t *testing.T) {
	needs(t, "libmail-dkim-perl", exec.CommandContext(t.Context(), "perl", "-MMail::DKIM::Verifier", "-e", "1").Run())
	for name, message := range map[string]string{"usual": outgoing, "no body": "From: ann@example.org\r\n\r\n"} {
		cmd := exec.CommandContext(t.Context(), "perl", "-e", theirVerifier, keyFile(t))
		cmd.Stdin = strings.NewReader(signAll(t, message))
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "rsa-sha256=pass") || strings.Contains(string(out), "fail") {
			t.Errorf("%s: %q, %v\n%s", name, out, err, failed.String())
		}
	}
}

// OpenDKIM verifies what we sign, each signature by itself, since it tells of one.
func TestOpenDKIMVerifies(t *testing.T) {
	path, err := exec.LookPath("opendkim")
	if err != nil {
		path = "/usr/sbin/opendkim"
		_, err = os.Stat(path)
	}
	needs(t, "opendkim", err)
	list, _ := signers()
	m := split(outgoing)
	body, err := BodyHash(t.Context(), m.Body())
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "opendkim.conf")
	if err := os.WriteFile(conf, []byte("Mode v\nSyslog no\nTestPublicKeys "+keyFile(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		field, err := s.Sign(m.Fields, body, "", time.Now(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for changed, want := range map[string]bool{"": true, "x": false} {
			file := filepath.Join(t.TempDir(), "message")
			if err := os.WriteFile(file, []byte(string(field)+outgoing+changed), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), path, "-x", conf, "-t", file, "-vv").CombinedOutput()
			if got := strings.Contains(string(out), "dkim=pass"); err != nil || got != want || strings.Contains(string(out), "header.a="+s.Algorithm) != want {
				t.Errorf("%s, changed by %q: %v, passes: %v\n%s", s.Selector, changed, err, got, out)
			}
		}
	}
}

// keyFile has the signers' records, as OpenDKIM reads them.
func keyFile(t testing.TB) string {
	_, records := signers()
	var all strings.Builder
	for name, text := range records {
		fmt.Fprintln(&all, name, text)
	}
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func needs(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal(what + " is missing: make tools installs it")
	}
	t.Skip(what + " is missing")
}

// Whatever is signed verifies, and signing never fails otherwise than it says.
func FuzzSign(f *testing.F) {
	f.Add(outgoing)
	f.Add("From: a@example.org\r\n\r\na\nb")
	f.Add("From: a@example.org\r\nX Y: z\r\nTo:\r\n\tb\r\n\r\n\r\n")
	list, records := signers()
	z := &zone{txt: records}
	f.Fuzz(func(t *testing.T, message string) {
		if len(message) > 0 && (message[0] == ' ' || message[0] == '\t' || message[0] == '\r') || !strings.Contains(message, "\r\n\r\n") {
			return
		}
		m := split(message)
		body, err := BodyHash(t.Context(), m.Body())
		if err != nil {
			return
		}
		field, err := list[1].Sign(m.Fields, body, "", signedAt, time.Time{})
		if err != nil {
			if !errors.Is(err, ErrUnsignable) {
				t.Error(err)
			}
			return
		}
		got, err := results(t.Context(), string(field)+message, z, signedAt)
		if err != nil || len(got) == 0 || got[0] != "pass" {
			t.Errorf("%q, %v of\n%q", got, err, string(field)+message)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	list, _ := signers()
	m := split(outgoing)
	for _, s := range list {
		b.Run(s.Algorithm, func(b *testing.B) {
			for b.Loop() {
				body, _ := BodyHash(b.Context(), m.Body())
				if _, err := s.Sign(m.Fields, body, "", signedAt, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
