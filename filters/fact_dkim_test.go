package filters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// fakeDNS answers TXT with what it holds, or fails.
type fakeDNS struct {
	txt map[string]string
	err error
}

func (f fakeDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	if f.err != nil {
		return nil, f.err
	}
	if text, ok := f.txt[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

func (f fakeDNS) LookupMX(context.Context, string) ([]*net.MX, error) { return nil, f.err }
func (f fakeDNS) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, f.err
}
func (f fakeDNS) LookupAddr(context.Context, string) ([]string, error) { return nil, f.err }

func signed(tags string, n int) string {
	return strings.Repeat("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x; h=from; bh=AA==; b=AA=="+tags+"\r\n", n) +
		"From: ann@example.org\r\n\r\nhello\r\n"
}

func TestDKIMBounds(t *testing.T) {
	cases := []struct {
		name, message, want string
	}{
		{"many names", strings.Replace(signed("", 1), "h=from", "h=from"+strings.Repeat(":a", 200), 1), "permerror a signature is too long"},
		{"long signature", signed("; x-a="+strings.Repeat("a", 16<<10), 1), "permerror a signature is too long"},
		{"many fields", strings.Repeat("A:\r\n", maxFields) + signed("", 1), "permerror the header has too many fields"},
		{"long header", "X: " + strings.Repeat("a", mail.MaxHeader) + "\r\n" + signed("", 1), "permerror"},
		{"many signatures", signed("", 40), "permerror no key for signature: x._domainkey.example.org: no such name"},
		{"no body", "DKIM-Signature: v=1\r\nFrom: ann@example.org\r\n", "permerror signature missing required tag"},
		{"long key", strings.ReplaceAll(signed("", 1), "s=x", "s=long"), "permerror key record is too long"},
	}
	dns := fakeDNS{txt: map[string]string{"long._domainkey.example.org": "p=" + strings.Repeat("A", 4<<10)}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := verifyDKIM(t.Context(), dns, mail.NewMessage([]byte(c.message)), goldenTime())
			if err != nil {
				t.Fatal(err)
			}
			got := a.Result
			if len(a.Signatures) > 0 {
				got += " " + a.Signatures[0].Reason
			}
			if got != c.want || len(a.Signatures) > maxSignatures {
				t.Errorf("got %s of %d, want %s", got, len(a.Signatures), c.want)
			}
		})
	}
}

// Content that can't be read is an error, not a bad signature.
func TestDKIMReadError(t *testing.T) {
	message := signed("", 3) + strings.Repeat("more\r\n", 100_000)
	broken := errors.New("disk on fire")
	m := mail.NewSpooled(&failing{strings.NewReader(message), 300_000, broken}, int64(len(message)))
	if _, err := verifyDKIM(t.Context(), fakeDNS{}, m, goldenTime()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// failing fails from an offset on.
type failing struct {
	r    io.ReaderAt
	from int64
	err  error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}

func FuzzDKIM(f *testing.F) {
	f.Add(signed("; l=3; t=1; x=2; i=@example.org", 2))
	f.Add("DKIM-Signature: ;;=;h\r\n\r\n")
	f.Fuzz(func(t *testing.T, message string) {
		a, err := verifyDKIM(t.Context(), fakeDNS{txt: map[string]string{"x._domainkey.example.org": "t=y; p=AA=="}}, mail.NewMessage([]byte(message)), goldenTime())
		if err == nil && a.Result == "pass" {
			t.Errorf("%q passes", message)
		}
		for _, s := range a.Signatures {
			_ = fmt.Sprint(s)
		}
	})
}
