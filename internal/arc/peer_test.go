package arc

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/dkim"
	"gatepost/internal/resolve/resolvetest"
)

// perl makes and verifies chains with Mail::DKIM, which is somebody else's work. Each
// message stands in a file of its own.
const perl = `
use strict; use Mail::DKIM; use Mail::DKIM::DNS; use Net::DNS::Resolver;
use Mail::DKIM::ARC::Signer; use Mail::DKIM::ARC::Verifier; use Mail::DKIM::PrivateKey;
my ($what, $dns, $key, $i, @files) = @ARGV;
my ($host, $port) = split /:/, $dns;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => [$host], port => $port, recurse => 1));
for my $file (@files) {
	open(my $in, '<:raw', $file) or die; my $text = do { local $/; <$in> }; close $in;
	my $m = $what eq 'sign'
		? Mail::DKIM::ARC::Signer->new(Algorithm => 'rsa-sha256', Chain => $i == 1 ? 'none' : 'pass', Domain => "s$i.example", SrvId => "mx.s$i.example", Selector => 'rsa',
			Key => Mail::DKIM::PrivateKey->load(File => $key), Headers => 'from:to:subject:x', Timestamp => 12345)
		: Mail::DKIM::ARC::Verifier->new(Strict => 1);
	$m->PRINT($text); $m->CLOSE;
	if ($what eq 'sign') {
		open(my $out, '>:raw', $file) or die; print $out join("\r\n", $m->as_strings), "\r\n", $text; close $out;
	}
	print $m->result, "\n";
}
`

type peer struct {
	t        *testing.T
	dir, dns string
	sealers  *sealers
}

// run has Mail::DKIM do something with messages.
func (p peer) run(what string, instance int, messages ...string) (results, changed []string) {
	p.t.Helper()
	args := []string{"-e", perl, what, p.dns, filepath.Join(p.dir, "key.pem"), fmt.Sprint(instance)}
	for i, m := range messages {
		name := filepath.Join(p.dir, fmt.Sprint(i, ".eml"))
		if err := os.WriteFile(name, []byte(m), 0o600); err != nil {
			p.t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.CommandContext(p.t.Context(), "perl", args...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("perl: %v\n%s", err, failed.String())
	}
	for i := range messages {
		b, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprint(i, ".eml")))
		if err != nil {
			p.t.Fatal(err)
		}
		changed = append(changed, string(b))
	}
	return strings.Fields(string(out)), changed
}

func newPeer(t *testing.T) peer {
	if err := exec.CommandContext(t.Context(), "perl", "-MMail::DKIM::ARC::Signer", "-MNet::DNS", "-e", "1").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("libmail-dkim-perl is missing: make tools installs it")
		}
		t.Skip("libmail-dkim-perl is missing")
	}
	s := newSealers(t)
	var zone strings.Builder
	for name, text := range s.zone {
		fmt.Fprintf(&zone, "%s. TXT", name)
		for len(text) > 200 {
			fmt.Fprintf(&zone, " %q", text[:200])
			text = text[200:]
		}
		fmt.Fprintf(&zone, " %q\n", text)
	}
	server, err := resolvetest.Serve(zone.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	p := peer{t, t.TempDir(), server.Addr, s}
	key := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key["rsa"].(*rsa.PrivateKey))})
	if err := os.WriteFile(filepath.Join(p.dir, "key.pem"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := net.SplitHostPort(p.dns); err != nil {
		t.Fatal(err)
	}
	return p
}

// Mail::DKIM and we say the same of each other's chains, also of broken ones.
func TestLikeMailDKIM(t *testing.T) {
	p := newPeer(t)
	s := p.sealers
	results := "Authentication-Results: mx.s1.example; dmarc=pass header.from=example.org; spf=pass smtp.mailfrom=ann@example.org\r\n"
	_, signed := p.run("sign", 1, results+letter)
	_, twice := p.run("sign", 2, strings.Replace(results, "s1", "s2", 1)+strings.Replace(signed[0], "lunch", "[list] lunch", 1))
	r := recipe{selector: "rsa"}
	ours := s.chain(r, r, r)
	messages := []string{
		letter, signed[0], twice[0], ours, s.chain(r), s.set(signed[0], 2, r),
		s.chain(recipe{selector: "rsa", canon: "simple/simple"}), s.chain(recipe{selector: "rsa", canon: "relaxed/simple"}),
		strings.Replace(signed[0], "noon", "five", 1), strings.Replace(twice[0], "To: bob", "To: eve", 1), strings.Replace(twice[0], "dmarc=pass", "dmarc=fail", 1),
		s.chain(recipe{selector: "rsa", cv: "pass"}), s.chain(r, recipe{selector: "rsa", cv: "none"}), s.chain(r, recipe{selector: "rsa", cv: "fail"}),
		s.chain(recipe{selector: "none"}),
		s.chain(recipe{selector: "rsa", after: without("ARC-Seal")}), s.chain(r, recipe{selector: "rsa", after: without("ARC-Message-Signature: i=1")}),
		s.chain(r, recipe{selector: "rsa", after: swap("i=1; a=rsa-sha256; cv=none", "i=1; a=rsa-sha256; z=1; cv=none")}),
		s.chain(r, recipe{selector: "rsa", names: "from:arc-message-signature"}),
	}
	theirs, _ := p.run("verify", 0, messages...)
	if len(theirs) != len(messages) {
		t.Fatalf("%d results of %d messages", len(theirs), len(messages))
	}
	passed := 0
	for i, m := range messages {
		chain, err := Verify(t.Context(), split(m), dkim.NewKeys(s), time.Unix(20000, 0))
		if err != nil {
			t.Fatal(err)
		}
		got, want := chain.Result == Pass, theirs[i] == "pass"
		if got != want || (chain.Result == None) != (theirs[i] == "none") {
			t.Errorf("%d: ours %s (%s), theirs %s\n%s", i, chain.Result, chain.Reason, theirs[i], m)
		}
		if got {
			passed++
		}
	}
	if passed < 8 {
		t.Errorf("only %d of %d pass", passed, len(messages))
	}
	chain := verify(t, s, signed[0])
	if len(chain.Sets) != 1 || len(chain.Sets[0].Claims) != 2 || chain.Sets[0].Claims[0].Method != "dmarc" {
		t.Errorf("claims of Mail::DKIM's set: %+v", chain.Sets)
	}
}
