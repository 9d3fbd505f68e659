package intake

import (
	"net/netip"
	"testing"

	"gatepost/internal/mail"
)

func TestReceivedFrom(t *testing.T) {
	tests := map[string]struct{ value, addr, helo string }{
		"postfix":            {"from mx.a.example (mx.a.example [192.0.2.1])\r\n\tby mx2.here.example (Postfix) with ESMTP id 1", "192.0.2.1", "mx.a.example"},
		"postfix, v6":        {"from mx.a.example (unknown [IPv6:2001:db8::1]) by b", "2001:db8::1", "mx.a.example"},
		"a literal in HELO":  {"from [10.0.0.1] (unknown [192.0.2.1]) by b", "192.0.2.1", "10.0.0.1"},
		"exim":               {"from host.a.example ([192.0.2.1] helo=mx.a.example) by b with esmtp (Exim 4.96)", "192.0.2.1", "mx.a.example"},
		"exim, no name":      {"from [192.0.2.1] (port=2500 helo=mx.a.example) by b", "192.0.2.1", "mx.a.example"},
		"exim, lying HELO":   {"from [192.0.2.1] (helo=[10.0.0.1]) by b", "192.0.2.1", "10.0.0.1"},
		"sendmail":           {"from mx.a.example (root@host.a.example [192.0.2.1] (may be forged)) by b", "192.0.2.1", "mx.a.example"},
		"qmail":              {"from unknown (HELO mx.a.example) (192.0.2.1) by b with SMTP", "192.0.2.1", "mx.a.example"},
		"exchange":           {"from MX.a.example (192.0.2.1) by EX.here.example (10.0.0.2) with Microsoft SMTP", "192.0.2.1", "MX.a.example"},
		"ours":               {"from mx.a.example ([192.0.2.1]) by gate.example with ESMTPS (TLS1.3 X) id 1", "192.0.2.1", "mx.a.example"},
		"opensmtpd":          {"from mx.a.example (host.a.example [192.0.2.1]) by b (OpenSMTPD) with ESMTP", "192.0.2.1", "mx.a.example"},
		"by is not the from": {"from mx.a.example by gate.example (gate.example [10.0.0.9])", "invalid IP", "mx.a.example"},
		"local":              {"by mx.a.example (Postfix, from userid 0) id 1", "invalid IP", ""},
		"empty":              {"", "invalid IP", ""},
		"open comment":       {"from a ((((((", "invalid IP", "a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			addr, helo := receivedFrom(tt.value)
			if addr.String() != tt.addr || helo != tt.helo {
				t.Errorf("got %v %q, want %s %q", addr, helo, tt.addr, tt.helo)
			}
		})
	}
}

// The newest field that names somebody else decides; below it anybody may have
// written anything.
func TestTrueClient(t *testing.T) {
	in := &Intake{Config: Config{TrustedRelays: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}}
	tests := map[string]struct{ header, addr string }{
		"one relay":        {"Received: from mx.a.example (x [192.0.2.1]) by mx2\r\nReceived: from evil (x [203.0.113.5]) by mx.a.example\r\n", "192.0.2.1"},
		"two relays":       {"Received: from mx3 (mx3 [198.51.100.3]) by mx2\r\nReceived: from a (x [192.0.2.1]) by mx3\r\n", "192.0.2.1"},
		"through loopback": {"Received: from localhost (localhost [127.0.0.1]) by mx2\r\nReceived: from a (x [192.0.2.1]) by mx2\r\n", "192.0.2.1"},
		"mapped":           {"Received: from a (x [::ffff:192.0.2.1]) by mx2\r\n", "192.0.2.1"},
		"unreadable":       {"Received: by mx2 id 1\r\nReceived: from a (x [192.0.2.1]) by mx2\r\n", ""},
		"none":             {"Subject: x\r\n", ""},
		"relays alone":     {"Received: from mx3 (mx3 [198.51.100.3]) by mx2\r\n", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, found := in.trueClient(mail.NewMessage([]byte(tt.header + "\r\nbody\r\n")))
			if found != (tt.addr != "") || found && c.Addr.String() != tt.addr {
				t.Errorf("got %v %v, want %q", c.Addr, found, tt.addr)
			}
		})
	}
}

func FuzzReceivedFrom(f *testing.F) {
	f.Add("from a (b [192.0.2.1]) by c")
	f.Add("from [192.0.2.1] (helo=[10.0.0.1]) by c")
	f.Add("from unknown (HELO x) (192.0.2.1) by b")
	f.Fuzz(func(t *testing.T, value string) {
		addr, _ := receivedFrom(value)
		if addr.IsValid() && addr.Zone() != "" {
			t.Errorf("%q: an address with a zone: %v", value, addr)
		}
	})
}
