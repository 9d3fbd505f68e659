package dmarc

import (
	"fmt"
	"strings"
	"testing"
)

func (r Record) describe() string {
	s := fmt.Sprintf("p=%s sp=%s np=%s psd=%c", r.Policy, r.Subdomain, r.Nonexistent, r.PSD)
	for text, is := range map[string]bool{" adkim": r.StrictDKIM, " aspf": r.StrictSPF} {
		if is {
			s += text
		}
	}
	if r.Testing {
		s += " t"
	}
	if r.Failure != "" {
		s += " fo=" + r.Failure
	}
	if len(r.Reports) > 0 {
		s += fmt.Sprint(" ", r.Reports)
	}
	if r.Void {
		s += " void"
	}
	return s
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"RFC 9989 B.2.1":            {"v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", "p=none sp= np= psd=u [{dmarc-feedback@example.com 0}]"},
		"all tags":                  {"v=DMARC1; p=quarantine; sp=reject; np=none; adkim=s; fo=1:d; psd=n; t=y", "p=quarantine sp=reject np=none psd=n adkim t fo=1:d"},
		"case and space":            {"V = DMARC1 ;P = Reject; ASPF = S;PSD=Y ", "p=reject sp= np= psd=y aspf"},
		"of RFC 7489":               {"v=DMARC1; p=reject; pct=50; rf=afrf; ri=86400; adkim=r", "p=reject sp= np= psd=u"},
		"bad optional tags":         {"v=DMARC1; p=reject; pct=x; fo=9; ri=; adkim=maybe; aspf=; psd=z; t=yes; ;=;x; np", "p=reject sp= np= psd=u"},
		"p not in the second place": {"v=DMARC1; sp=none; p=reject", "p=reject sp=none np= psd=u"},
		"a tag twice":               {"v=DMARC1; p=reject; p=none", "p=reject sp= np= psd=u"},
		"no p":                      {"v=DMARC1; sp=reject", "p=none sp= np= psd=u void"},
		"no p, but reports":         {"v=DMARC1; sp=reject; rua=mailto:a@b.example", "p=none sp= np= psd=u [{a@b.example 0}]"},
		"no p, bad reports":         {"v=DMARC1; rua=http://b.example", "p=none sp= np= psd=u void"},
		"bad p":                     {"v=DMARC1; p=monitor; rua=mailto:a@b.example", "p=none sp= np= psd=u [{a@b.example 0}]"},
		"bad sp":                    {"v=DMARC1; p=reject; sp=deny", "p=none sp= np= psd=u void"},
		"sizes": {"v=DMARC1; p=none; rua=mailto:a@b.example!10m , MAILTO:c%2Bd@b.example!50, mailto:e@b.example!9z,mailto:a@b.example!1",
			"p=none sp= np= psd=u [{a@b.example 10485760} {c+d@b.example 50} {e@b.example 0}]"},
		"addresses that are none": {"v=DMARC1; p=none; rua=mailto:x,mailto:,https://b.example,mailto:a@[127.0.0.1],mailto:a%0d%0ab@c.example,mailto:a@b.example?x=y", "p=none sp= np= psd=u [{a@b.example 0}]"},
		"many addresses":          {"v=DMARC1; p=none; rua=" + strings.Repeat("mailto:a@b.example,", 50) + "mailto:b@b.example", "p=none sp= np= psd=u [{a@b.example 0} {b@b.example 0}]"},
		"other version":           {"v=DMARC2; p=none", "no record"},
		"case of the version":     {"v=dmarc1; p=none", "no record"},
		"version not first":       {"p=none; v=DMARC1", "no record"},
		"SPF":                     {"v=spf1 -all", "no record"},
		"nothing":                 {"", "no record"},
	} {
		got := "no record"
		if r, ok := Parse(c.in); ok {
			got = r.describe()
		}
		if got != c.want {
			t.Errorf("%s: %q: got %s, want %s", name, c.in, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=DMARC1; p=quarantine; sp=reject; np=none; adkim=s; fo=1:d; psd=n; t=y; rua=mailto:a@b.example!10m")
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := Parse(text)
		if !ok {
			return
		}
		if r.Policy == "" || r.PSD == 0 || len(r.Reports) > maxURIs || r.Void && len(r.Reports) > 0 {
			t.Errorf("%q: %s", text, r.describe())
		}
		for _, u := range r.Reports {
			if u.Mail.IsNull() || strings.ContainsAny(string(u.Mail), "\r\n") || u.Max < 0 {
				t.Errorf("%q: %v", text, u)
			}
		}
	})
}
