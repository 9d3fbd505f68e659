package dkim

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// perl signs a message with Mail::DKIM, which is somebody else's work.
const perl = `
use strict; use Mail::DKIM::Signer; use Mail::DKIM::PrivateKey;
my ($key, $method) = @ARGV;
my $s = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $method, Domain => 'example.org', Selector => 'rsa2048',
	Key => Mail::DKIM::PrivateKey->load(File => $key));
binmode STDIN; binmode STDOUT;
my $text = do { local $/; <STDIN> };
$s->PRINT($text); $s->CLOSE;
print $s->signature->as_string, "\r\n", $text;
`

// What Mail::DKIM signs passes here, in each canonical form.
func TestMailDKIM(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "perl", "-MMail::DKIM::Signer", "-e", "1").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("libmail-dkim-perl is missing: make tools installs it")
		}
		t.Skip("libmail-dkim-perl is missing")
	}
	s := newSigner(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.keys["rsa2048"].(*rsa.PrivateKey))}
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"a line": "at noon?\r\n", "empty": "", "blanks": " a \t b \r\n\r\n\r\n"} {
		for _, method := range []string{"relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"} {
			cmd := exec.CommandContext(t.Context(), "perl", "-e", perl, key, method)
			cmd.Stdin = strings.NewReader("From: Ann <ann@example.org>\r\nTo:  bob@example.net\r\nSubject: lunch\r\n  today\r\n\r\n" + body)
			var failed bytes.Buffer
			cmd.Stderr = &failed
			signed, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v %s", name, err, failed.String())
			}
			got, err := results(t.Context(), string(signed), s.zone, time.Now())
			if err != nil || fmt.Sprint(got) != "[pass]" {
				t.Errorf("%s, %s: got %q, %v of\n%s", name, method, got, err, signed)
			}
		}
	}
}

// BenchmarkVerify has two signatures, relaxed and simple, over 25 MB of text.
func BenchmarkVerify(b *testing.B) {
	s := newSigner(b)
	body := strings.Repeat("A line of text, as long as such lines mostly are in what people write.\r\n", 25<<20/72)
	message := s.sign(b, letter+body, "rsa2048", msgauth.SignOptions{BodyCanonicalization: "relaxed"})
	message = s.sign(b, message, "ed", msgauth.SignOptions{})
	m := split(message)
	var list []*Signature
	for _, f := range m.Fields[:2] {
		one, err := ParseSignature(f.Raw)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, one)
	}
	_, text, _ := strings.Cut(message, "\r\n\r\n")
	m.Body = func() io.Reader { return strings.NewReader(text) }
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(b.Context(), m, list, NewKeys(s.zone), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
