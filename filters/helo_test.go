package filters

import (
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// The forms of HELO (RFC 5321 §4.1.1.1, §4.1.3). What has no result is a name, and is
// compared with the DNS.
func TestHeloForms(t *testing.T) {
	const client, client6 = "192.0.2.7", "2001:db8::7"
	for said, c := range map[string]struct{ client, want string }{
		"mail.example.org":             {client, ""},
		"mail.example.org.":            {client, ""},
		"MAIL_1.example.org":           {client, ""},
		"xn--bcher-kva.example":        {client, ""},
		"mx.example.net":               {client, "ours"},
		"MX.example.NET.":              {client, "ours"},
		"192.0.2.25":                   {client, "ours"},
		"[192.0.2.25]":                 {client, "ours"},
		"[IPv6:::ffff:192.0.2.25]":     {client, "ours"},
		"192.0.2.7":                    {client, "bare-ip"},
		"192.0.2.7.":                   {client, "bare-ip"},
		"2001:db8::7":                  {client6, "bare-ip"},
		"IPv6:2001:db8::7":             {client6, "bare-ip"},
		"[192.0.2.7]":                  {client, "pass"},
		"[IPv6:2001:db8::7]":           {client6, "pass"},
		"[ipv6:2001:db8:0::7]":         {client6, "pass"},
		"[IPv6:64:ff9b::192.0.2.7]":    {client, "pass"},
		"[192.0.2.8]":                  {client, "literal"},
		"[IPv6:2001:db8::8]":           {client6, "literal"},
		"[2001:db8::7]":                {client6, "malformed"}, // without its tag
		"[IPv6:192.0.2.7]":             {client, "malformed"},
		"[X400:c=fr]":                  {client, "malformed"},
		"[192.0.2.7":                   {client, "malformed"},
		"[]":                           {client, "malformed"},
		"[mail.example.org]":           {client, "malformed"},
		"[fe80::1%eth0]":               {client6, "malformed"},
		"[127.0.0.1]":                  {client, "localhost"},
		"[IPv6:::1]":                   {client6, "localhost"},
		"[0.0.0.0]":                    {client, "localhost"},
		"localhost":                    {client, "localhost"},
		"LocalHost.LocalDomain":        {client, "localhost"},
		"a.localhost":                  {client, "localhost"},
		"localhost.example.org":        {client, ""},
		"ylmf-pc":                      {client, "short"},
		"example.":                     {client, "short"},
		"1.2.3":                        {client, "malformed"},
		"300.1.1.1":                    {client, "malformed"},
		"mail.example.org.1":           {client, "malformed"},
		"mail..example.org":            {client, "malformed"},
		"-mail.example.org":            {client, "malformed"},
		"mail.example.org extra":       {client, "malformed"},
		"bücher.example":               {client, "malformed"},
		"mail\x00.example.org":         {client, "malformed"},
		"mail\xff.example.org":         {client, "malformed"},
		"user@example.org":             {client, "malformed"},
		"":                             {client, "malformed"},
		".":                            {client, "malformed"},
		strings.Repeat(".", 200):       {client, "malformed"},
		strings.Repeat("a.", 200):      {client, "malformed"},
		strings.Repeat("a", 64) + ".b": {client, "malformed"},
		strings.Repeat("\x00", 64<<10): {client, "malformed"},
		strings.Repeat("ü", 32<<10):    {client, "malformed"},
		"localhost.":                   {"127.0.0.1", "pass"},
		"[IPv6:::ffff:127.0.0.1]":      {"127.0.0.1", "pass"},
		"mx.example.net ":              {client, "malformed"},
	} {
		got := formOf(said, c.client)
		if got.Result != c.want {
			t.Errorf("%.60q from %s: got %q, want %q", said, c.client, got.Result, c.want)
		}
		if len(got.Reason) > 300 || strings.ContainsAny(got.Reason, "\x00\r\n") {
			t.Errorf("%.60q: the reason is %d octets, %.80q", said, len(got.Reason), got.Reason)
		}
	}
}

func formOf(said, client string) (f struct{ Result, Reason string }) {
	h := helo{hostname: "mx.example.net"}
	found := h.form(mail.Client{Addr: netip.MustParseAddr(client), Local: netip.MustParseAddrPort("192.0.2.25:25"), Helo: said})
	f.Result, f.Reason = found.Result, found.Reason
	return f
}

// A node that knows neither its name nor its address calls nothing its own.
func TestHeloOfNobody(t *testing.T) {
	for _, said := range []string{"", ".", "[]", "mail.example.org", "[0.0.0.0]", "192.0.2.7"} {
		if got := (helo{}).form(mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: said}); got.Result == "ours" {
			t.Errorf("%q: got %+v", said, got)
		}
	}
}

// Whatever a client says has one short answer; what is taken for a name can be asked for.
func FuzzHelo(f *testing.F) {
	for _, s := range []string{"mail.example.org", "[192.0.2.7]", "[IPv6:2001:db8::7]", "192.0.2.7", "localhost", "a", "[", "IPv6:::1", "bücher.example", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got := formOf(said, "192.0.2.7")
		if len(got.Reason) > 600 {
			t.Errorf("a reason of %d octets", len(got.Reason))
		}
		for _, r := range got.Reason {
			if r < ' ' {
				t.Errorf("the reason has %q", r)
			}
		}
		if name, _ := heloName(said); got.Result == "" && !isName(name) {
			t.Errorf("%q is taken for a name", said)
		}
	})
}
