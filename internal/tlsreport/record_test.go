package tlsreport

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func TestParseRecord(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{"v=TLSRPTv1;rua=mailto:reports@example.com"}, "[reports@example.com]"}, // RFC 8460 §3.1
		{[]string{"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"}, "[https://reporting.example.com/v1/tlsrpt]"},
		{[]string{"x", "v=TLSRPTv1 ; rua = mailto:a@b.example , https://c.example/?d=e#f ;"}, "[a@b.example https://c.example/?d=e]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a%2Cb@c.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a%2Bb@c.example"}, "[a+b@c.example]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@b.example?subject=x"}, "[a@b.example]"},
		{[]string{"v=TLSRPTv1; rua=http://c.example/,ftp://d.example,mailto:,mailto:x,https:///p,https://u:p@e.example/"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@d.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@b.example,mailto:a@b.example"}, "[a@b.example]"},
		{[]string{"v=TLSRPTv1; rua=mailto:1@b.example,mailto:2@b.example,mailto:3@b.example,mailto:4@b.example,mailto:5@b.example"},
			"[1@b.example 2@b.example 3@b.example 4@b.example]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a%0d%0ab@c.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@[127.0.0.1],mailto:a@%5B192.0.2.1%5D,mailto:a@[IPv6:::1]"}, "[]"},
		{[]string{"v=TLSRPTv2; rua=mailto:a@b.example"}, "[]"},
		{[]string{"v=TLSRPTv1"}, "[]"},
		{nil, "[]"},
	} {
		if got := fmt.Sprint(ParseRecord(c.texts)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.texts, got, c.want)
		}
	}
}

// Whatever a record says, its places are addresses and URLs without line ends.
func FuzzParseRecord(f *testing.F) {
	f.Add("v=TLSRPTv1;rua=mailto:reports@example.com,https://a.example/b")
	f.Add("v=TLSRPTv1; rua=mailto:a%2Bb@c.example?x=y; z")
	f.Fuzz(func(t *testing.T, text string) {
		places := ParseRecord([]string{text})
		if len(places) > maxPlaces {
			t.Errorf("%d places", len(places))
		}
		for _, p := range places {
			if (p.Mail == "") == (p.URL == "") || strings.ContainsAny(p.String(), "\r\n") {
				t.Errorf("%q", p)
			}
			if p.Mail != "" {
				if _, err := mail.ParsePath(string(p.Mail)); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
