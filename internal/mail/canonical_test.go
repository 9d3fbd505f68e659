package mail

import "testing"

func TestCanonical(t *testing.T) {
	tests := []struct {
		name      string
		from, and string // the same sender
		want      Path
	}{
		{"as it is", "Ann@Example.org", "ann@example.org", "ann@example.org"},
		{"null", "", "", ""},
		{"a sub-address", "ann+shop@example.org", "ann+bank@example.org", "ann@example.org"},
		{"a quoted local part", `"ann +x"@example.org`, `"ann +x"@example.org`, `"ann +x"@example.org`},
		{"BATV", "prvs=0123456789=ann@example.org", "prvs=4567abcdef=ann@example.org", "ann@example.org"},
		{"BATV, the user first", "prvs=ann=0123456789@example.org", "prvs=ann/4567abcdef@example.org", "ann@example.org"},
		{"BATV of Barracuda", "btv1==0811abcdef0==ann@example.org", "btv1==0922abcdef0==ann@example.org", "ann@example.org"},
		{"BATV of IronPort", "msprvs1=20001abcdef_x=ann@example.org", "msprvs1=20002bcdefa_y=ann@example.org", "ann@example.org"},
		{"BATV that is none", "prvs=ann@example.org", "prvs=ann@example.org", "prvs=ann@example.org"},
		{"SRS", "SRS0=abcd=TT=example.org=ann@fwd.example", "srs0+efgh=UU=example.org=ann@fwd.example", "ann@example.org"},
		{"SRS by two", "SRS1=HHHH=fwd.example==abcd=TT=example.org=ann@fwd2.example", "SRS1=GGGG=fwd.example=+zzzz=UU=example.org=ann@fwd2.example", "ann@example.org"},
		{"SRS of a user with =", "SRS0=abcd=TT=example.org=a=b@fwd.example", "SRS0=efgh=TT=example.org=a=b@fwd.example", "a=b@example.org"},
		{"SRS of BATV", "SRS0=abcd=TT=example.org=prvs=0123456789=ann@fwd.example", "ann@example.org", "ann@example.org"},
		{"SRS that is none", "srs0=x@example.org", "SRS0=x@example.org", "srs0=x@example.org"},
		{"Mailman", "list-bounces+ann=example.org@lists.example", "list-bounces+bob=example.net@lists.example", "list-bounces@lists.example"},
		{"ezmlm", "list-return-1234-ann=example.org@lists.example", "list-return-1235-ann=example.org@lists.example", "list-return@lists.example"},
		{"SendGrid", "bounces+123456-ab12-ann=example.org@em.shop.example", "bounces+123456-cd34-ann=example.org@em.shop.example", "bounces@em.shop.example"},
		{"Mailgun", "bounce+ab12cd.34ef-ann=example.org@mg.shop.example", "bounce+ff00ff.99aa-ann=example.org@mg.shop.example", "bounce@mg.shop.example"},
		{"Mailchimp", "bounce-mc.us1_1234567.1001-ann=example.org@example", "bounce-mc.us1_1234567.2002-ann=example.org@example", "bounce-mc-us1@example"},
		{"numbers only", "bounce-1234567-89@news.example", "bounce-7654321-12@news.example", "bounce@news.example"},
		{"Amazon SES", "0102018f2a3b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000@eu-west-1.amazonses.com",
			"0102018f2a3b4fff-aa2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000@eu-west-1.amazonses.com", "@eu-west-1.amazonses.com"},
		{"Google Groups", "list+bncBC1234567890@googlegroups.com", "list+bncXY0000000000@googlegroups.com", "list@googlegroups.com"},
		{"a person with a number", "ann-1984@example.org", "ann-1984@example.org", "ann-1984@example.org"},
		{"a number alone", "10001@qq.example", "10001@qq.example", "10001@qq.example"},
		{"a person with a dot", "ann.b.cole@example.org", "ann.b.cole@example.org", "ann.b.cole@example.org"},
		{"a recipient with a hyphen", "list-return-7-ann-b=example.org@lists.example", "list-return-8-ann-b=example.org@lists.example", "list-return-ann@lists.example"},
		{"an address in an address", "ann=example.org@relay.example", "ann=example.org@relay.example", "ann=example.org@relay.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, from := range []string{tt.from, tt.and} {
				p, err := ParsePath(from)
				if err != nil {
					t.Fatal(err)
				}
				if got := p.Canonical(); got != tt.want {
					t.Errorf("%s: got %s, want %s", from, got, tt.want)
				}
			}
		})
	}
}

// A tag is taken off, and nothing else.
func TestUnsigned(t *testing.T) {
	for from, want := range map[Path]Path{
		"":                                  "",
		"Ann+x@Example.org":                 "ann+x@example.org",
		"PRVS=0123456789=Ann+x@Example.org": "ann+x@example.org",
		"btv1==0811abcdef0==ann-1984@example.org":  "ann-1984@example.org",
		"SRS0=abcd=TT=example.org=ann@fwd.example": "srs0=abcd=tt=example.org=ann@fwd.example",
		"prvs=ann@example.org":                     "prvs=ann@example.org",
	} {
		if got := from.Unsigned(); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
}

// Two people are two, whatever their addresses have of numbers and signs.
func TestCanonicalKeepsPeopleApart(t *testing.T) {
	for name, two := range map[string][2]Path{
		"telephones":                       {"33-612345678@sms.example", "33-698765432@sms.example"},
		"telephones with a sign":           {"33+612345678@sms.example", "33+698765432@sms.example"},
		"numbers of staff":                 {"1234.5678@corp.example", "8765.4321@corp.example"},
		"years and numbers":                {"2021.1101@uni.example", "2022.1102@uni.example"},
		"a letter and a year":              {"b.1985@home.example", "b.1990@home.example"},
		"a letter and a hexadecimal word":  {"b.ab12@x.example", "b.cd34@x.example"},
		"hexadecimal words":                {"face-cafe1-12@x.example", "face-cafe2-12@x.example"},
		"owners with numbers":              {"owner-5@flats.example", "owner-6@flats.example"},
		"requests with numbers":            {"request.100@shop.example", "request.200@shop.example"},
		"names in an address of a gateway": {"jean-paul=free.example@relay.example", "jean-pierre=free.example@relay.example"},
		"numbers before such a name":       {"33-61-paul=free.example@relay.example", "33-62-paul=free.example@relay.example"},
	} {
		if one, other := two[0].Canonical(), two[1].Canonical(); one == other {
			t.Errorf("%s: %s and %s are %s", name, two[0], two[1], one)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"prvs=0123456789=ann@example.org", "SRS1=HHHH=fwd.example==abcd=TT=example.org=ann@fwd2.example", "list-return-1-a=b.c@d.e", "srs1=@x.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		once := p.Canonical()
		if (once == "") != p.IsNull() || len(once) > MaxPath {
			t.Fatalf("%q: %q", s, once)
		}
		if upper := p.Fold().Canonical(); upper != once {
			t.Errorf("%q: %q, folded %q", s, once, upper)
		}
	})
}
