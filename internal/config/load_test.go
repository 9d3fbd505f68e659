package config

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"gatepost"
	"gatepost/pipeline"
)

var update = flag.Bool("update", false, "write what the tests got into testdata")

// TestBroken holds every case of testdata: config.yaml, sets and env, each a line
// an item, and the problems that they lead to.
func TestBroken(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := []byte(problems(archive) + "\n")
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "problems" })
			if *update {
				if i < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "problems"})
					i = len(archive.Files) - 1
				}
				archive.Files[i].Data = got
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if want := string(archive.Files[i].Data); string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func problems(archive *txtar.Archive) string {
	var raw []byte
	var sets, env []string
	for _, f := range archive.Files {
		lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		switch f.Name {
		case "config.yaml":
			raw = f.Data
		case "sets":
			sets = lines
		case "env":
			env = lines
		}
	}
	c, err := load("config.yaml", raw, sets, env)
	if err != nil {
		return err.Error()
	}
	if _, _, err := c.Compile(catalog()); err != nil {
		return err.Error()
	}
	return "none"
}

// catalog has filters as the shipped policies name them, without settings but for
// two.
func catalog() (kinds []pipeline.Kind) {
	type options struct {
		Zones []string `setting:"zones" doc:"lists to ask"`
	}
	type script struct {
		Script string `setting:"script" doc:"which one"`
	}
	gate := []string{"ip-ban", "early-talker", "rate"}
	for _, name := range append(gate,
		"ip-allow", "sender-allow", "auto-allow", "author-allow", "spf", "dhap", "greylist", "ip-block", "sender-block", "rdns", "null-sender",
		"self-sender", "honeypot", "ip-complaint", "sender-complaint", "mx", "dnsbl", "antivirus", "attachment", "dkim", "arc", "dmarc",
		"empty", "keyword-allow", "keywords", "logic", "ocr", "image-hash", "checksum", "uribl", "attachment-hash", "bayes", "spamassassin", "rspamd",
		"milter", "script", "helo", "malformed", "phish",
	) {
		k := pipeline.Kind{Name: name, Gate: slices.Contains(gate, name), New: func(any) (pipeline.Filter, error) { return nil, nil }}
		for _, word := range []string{"none", "fail", "softfail", "listed", "invalid", "virus", "unscanned", "executable", "macro", "disguised", "active", "container", "bomb", "encrypted", "unopened"} {
			k.Results = append(k.Results, pipeline.Result{Word: word, Effect: "none", Spares: name == "keyword-allow"})
		}
		switch name {
		case "dnsbl":
			k.Options = func() any { return &options{} }
		case "script":
			k.Options = func() any { return &script{} }
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// TestShipped: config.yaml at the root is the built-in one, is right, and has
// every setting with a comment.
func TestShipped(t *testing.T) {
	c, err := Load("../../config.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Compile(catalog()); err != nil {
		t.Error(err)
	}
	var names []string
	for _, p := range c.Policies {
		names = append(names, p.Name)
	}
	if want := []string{"default", "outgoing", "classic", "early-reject"}; !slices.Equal(names, want) {
		t.Errorf("policies %v, want %v", names, want)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(gatepost.Config(), &doc); err != nil {
		t.Fatal(err)
	}
	var written []string
	keys(doc.Content[0], "", func(path string, commented bool) {
		written = append(written, path)
		if !commented {
			t.Errorf("%s has no comment", path)
		}
	})
	slices.Sort(written)
	if want := shapeOf(reflect.TypeFor[Config]()).settings(); !slices.Equal(written, want) {
		t.Errorf("config.yaml has\n%v\nthe struct has\n%v", written, want)
	}
}

// keys walks the settings of a file, but for the lists whose lines matter.
func keys(n *yaml.Node, path string, setting func(path string, commented bool)) {
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case path == "" && (key.Value == "gate" || key.Value == "lookups" || key.Value == identityList || key.Value == sendingList || key.Value == "packs" || key.Value == "policies"):
		case value.Kind == yaml.MappingNode:
			keys(value, path+key.Value+".", setting)
		default:
			setting(path+key.Value, key.LineComment != "" || value.LineComment != "")
		}
	}
}

// TestBuiltIn: without a file the built-in one counts.
func TestBuiltIn(t *testing.T) {
	c, err := Load("", []string{"data=/tmp/x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Addresses(c.Listen.SMTP), []string{"127.0.0.1:2525"}; !slices.Equal(got, want) {
		t.Errorf("listen.smtp %v, want %v", got, want)
	}
	if c.Data != "/tmp/x" || c.Limits.MessageSize != 50<<20 || len(c.Policies) != 4 || c.Hostname == "" {
		t.Errorf("got %+v", c)
	}
}

// TestLayers: a flag over the environment over the file over what is built in.
func TestLayers(t *testing.T) {
	file := []byte(`
hostname: MX.Example.ORG
listen:
  smtp: ["127.0.0.1:1"]
  imap: 127.0.0.1:2, 127.0.0.1:3
  imaps: []
limits:
  errors: 3
  message_size: 1 MiB
resolver:
proxy: {trusted: [192.0.2.77/24, "2001:db8::1"]}
quarantine: {keep: 7d}
default_policy: mine
policies:
  - name: mine
    required_score: 5
    shadow: other
    pipeline:
      - keywords
      - filter: dnsbl
        name: Mixed-Case
        timeout: 1s500ms
        always: false
        shadow: true
        on: {listed: reject 550 5.7.1 no, none: score -1}
        Zones: [{Example.COM: 1, "a.b": off}]
  - name: other
tls:
  certificates:
    - {cert: /etc/ssl/customer.pem, key: /etc/ssl/customer.key}
`)
	env := []string{"HOME=/", "GATEPOST_LIMITS_ERRORS=4", "GATEPOST_LISTEN_SMTP=127.0.0.1:4", "GATEPOST_SPLIT_RECIPIENTS=true"}
	c, err := load("f.yaml", file, []string{"listen.smtp=127.0.0.1:5,[::1]:5", "listen.submission=", "limits.in_flight=1GiB"}, env)
	if err != nil {
		t.Fatal(err)
	}
	always := false
	want := Config{
		Hostname: "mx.example.org", Data: "./var", DefaultPolicy: "mine", SplitRecipients: true,
		Content: Content{S3: S3{Region: "us-east-1", PathStyle: true, Cache: 2 << 30}},
		TLS: TLS{
			Certificates: []KeyPair{{Cert: "/etc/ssl/customer.pem", Key: "/etc/ssl/customer.key"}},
			ACME:         ACME{Contact: []string{}, Names: []string{}, Challenges: []string{"http-01", "tls-alpn-01"}, ReuseKey: true},
		},
		Listen: Listen{
			SMTP: []Listener{{Address: "127.0.0.1:5"}, {Address: "[::1]:5"}}, Submission: []Listener{}, SMTPS: []Listener{},
			IMAP: []Listener{{Address: "127.0.0.1:2"}, {Address: "127.0.0.1:3"}}, IMAPS: []Listener{}, POP3: []Listener{{Address: "127.0.0.1:1100"}}, POP3S: []Listener{},
			Sieve: []Listener{{Address: "127.0.0.1:4190"}}, Web: []Listener{{Address: "127.0.0.1:8080"}}, Webs: []Listener{}, DNS: []Listener{},
		},
		Proxy:         Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")}},
		Resolver:      Resolver{Servers: []string{}, Timeout: 2 * time.Second, Cache: 50000, Memory: 64 << 20, Stale: 24 * time.Hour, Questions: 500, Wait: 30 * time.Second},
		Limits:        c.Limits,
		TrustedRelays: []netip.Prefix{},
		Queue:         c.Queue,
		Relay:         c.Relay,
		Sent:          Sent{Keep: 30 * 24 * time.Hour},
		Submission:    Submission{Spam: "reject", HideClient: true, PerMinute: 60, PerHour: 300, PerDay: 2000, Recipients: 1000, LockAt: 3, Hold: 30 * 24 * time.Hour},
		Folders:       Folders{More: []string{}, French: []string{}},
		Sharing:       Sharing{Show: ShowOffered},
		Passwords:     Passwords{Length: 10},
		Signing:       Signing{Keep: 14 * 24 * time.Hour},
		Quarantine:    Quarantine{Keep: 7 * 24 * time.Hour, JunkKeep: 30 * 24 * time.Hour, SubjectMark: "SPAM: "},
		Quota:         Quota{Over: "defer", Warn: 90},
		Keeping:       Keeping{Trash: 30 * 24 * time.Hour, Deleted: 30 * 24 * time.Hour, DeletedMost: 10 << 30, Closed: 30 * 24 * time.Hour},
		Collector:     Collector{AtOnce: 4, RunTime: 30 * time.Minute, TellAfter: 72 * time.Hour, Owned: 3, Networks: []netip.Prefix{}, Ports: []int{110, 143, 993, 995}},
		Challenge:     c.Challenge,
		History:       c.History,
		Clients:       Clients{Services: []string{}},
		Digest:        Digest{Hours: []int{6}, Zone: "UTC", Language: "en"},
		Web:           c.Web,
		Bans:          Bans{Ladder: []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}, Memory: 7 * 24 * time.Hour, Most: 100_000, Never: []netip.Prefix{}},
		Journal:       Journal{Keep: 30 * 24 * time.Hour},
		Log:           Log{Level: "info", Format: "text"},
		Complaints: Complaints{
			Addresses: []string{}, Reporters: []string{}, Spare: []netip.Prefix{}, Threshold: 2.5, HalfLife: 720 * time.Hour, People: 3, Share: 0.01,
			Shared: strings.Fields(`gmail.com googlemail.com outlook.com hotmail.com live.com yahoo.com yahoo.fr aol.com icloud.com gmx.net gmx.de web.de
				mail.com proton.me protonmail.com orange.fr wanadoo.fr free.fr sfr.fr laposte.net mail.ru qq.com 163.com`),
			Keep: 4320 * time.Hour,
		},
		DMARC:     DMARC{Reports: true, Organization: "mx.example.org", Contact: "postmaster@mx.example.org", Addresses: []string{}, Keep: 90 * 24 * time.Hour},
		DNSBLZone: c.DNSBLZone,
		Gate:      c.Gate,
		Policies: []pipeline.Spec{
			{Name: "mine", Required: 5, Shadow: "other", Line: 15, Entries: []pipeline.EntrySpec{
				{Filter: "keywords", Line: 19},
				{
					Filter: "dnsbl", Name: "Mixed-Case", Timeout: 1500 * time.Millisecond, Always: &always, Shadow: true, Line: 20,
					On:       map[string]string{"listed": "reject 550 5.7.1 no", "none": "score -1"},
					Settings: map[string]any{"Zones": []any{map[string]any{"Example.COM": 1, "a.b": "off"}}},
					Lines: map[string]int{
						"filter": 20, "name": 21, "timeout": 22, "always": 23, "shadow": 24, "on": 25, "on.listed": 25, "on.none": 25, "Zones": 26, "Zones[0]": 26, "Zones[0].Example.COM": 26, "Zones[0].a.b": 26,
					},
				},
			}},
			{Name: "other", Line: 27},
		},
		gateFile: BuiltIn, policiesFile: "f.yaml",
	}
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", *c, want)
	}
	if c.Queue.Lifetime != 5*24*time.Hour || c.Relay.Port != 25 || !c.Relay.DANE {
		t.Errorf("queue %+v, relay %+v", c.Queue, c.Relay)
	}
	if c.Limits.Errors != 4 || c.Limits.MessageSize != 1<<20 || c.Limits.InFlight != 1<<30 || c.Limits.Recipients != 1000 {
		t.Errorf("limits %+v", c.Limits)
	}
}

// TestFind: a file here comes before what is built in.
func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Find(); got != "config.yaml" {
		t.Errorf("got %q", got)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.yaml")
	if err := os.WriteFile(long, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir, long} {
		if _, err := Load(path, nil, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error that names it", path, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Policies[0].Entries = append(c.Policies[0].Entries, pipeline.EntrySpec{Filter: "logic", Settings: map[string]any{"rules": []any{map[string]any{"when": `country == "x"`}}}})
	want := []string{`geoip.file: a rule asks for country, and no database is named: it is "" of everybody`}
	if got := c.Warnings(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStrange: filters that judge strangers are warned of where they judge one's own users.
func TestStrange(t *testing.T) {
	c, err := load("f.yaml", []byte("policies:\n  - {name: default, pipeline: [spf, dnsbl]}\n  - {name: outgoing, pipeline: [greylist, keywords, {filter: dnsbl, name: a}, {filter: dnsbl, name: b}, spf]}\n  - {name: good, pipeline: [keywords, uribl]}\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Warnings(); len(got) != 1 || got[0] != "submission.policy: policy outgoing judges what people send who have logged in, and has filters for strangers: dnsbl, spf can refuse your users' mail, since a telephone is no mail server; greylist look at nobody who has logged in: take them out" {
		t.Errorf("got %q", got)
	}
	c.Submission.Policy = "good"
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("of a good one: %q", got)
	}
	if c.Strange("default") == "" || c.Strange("none") != "" || c.Strange("") != "" {
		t.Error("by their names")
	}
	built, err := Load("", nil, nil)
	if err != nil || built.Strange(built.Submission.Policy) != "" {
		t.Errorf("the built-in one: %q, %v", built.Strange(built.Submission.Policy), err)
	}
}

// TestExposedLookup: a PostgreSQL at another machine that is asked without TLS that is verified is warned of, and its address, which
// may have a password, is not shown.
func TestExposedLookup(t *testing.T) {
	for address, warned := range map[string]string{
		"postgres://u:secret@db.example.org/mail":                                       "db.example.org is asked without TLS that is verified (sslmode=prefer)",
		"postgresql://u:secret@192.0.2.1:5432/mail?sslmode=disable":                     "192.0.2.1 is asked without TLS that is verified (sslmode=disable)",
		"postgres://u:secret@[2001:db8::1]/mail?sslmode=require":                        "2001:db8::1 is asked without TLS that is verified (sslmode=require)",
		"postgres://u:secret@localhost:5432,a.example.org:5432,b.example.org:5433/mail": "a.example.org, b.example.org is asked",
		"postgres://u:secret@/mail?host=c.example.org":                                  "c.example.org is asked",
		"postgres://u:secret@db.example.org/mail?sslmode=verify-full":                   "",
		"postgres://u:secret@db.example.org/mail?sslmode=verify-ca&sslrootcert=/ca.pem": "",
		"postgres://u:secret@db.example.org/mail?sslmode=require&sslrootcert=/ca.pem":   "",
		"postgres://u:secret@localhost/mail":                                            "",
		"postgres://u:secret@127.0.0.1:5432/mail?sslmode=disable":                       "",
		"postgres://u:secret@[::1]/mail":                                                "",
		"postgres:///mail":                                                              "",
		"postgres://u:secret@/mail?host=/var/run/postgresql":                            "",
		"users.db": "",
	} {
		t.Run(address, func(t *testing.T) {
			c, err := load("f.yaml", []byte("lookups: [{name: staff, sql: \""+address+"\", query: \"SELECT 1 WHERE x = ?\"}]\n"), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(c.Warnings(), "\n")
			if want := "lookups: staff: PostgreSQL at " + warned; warned != "" && !strings.Contains(got, want) || warned == "" && strings.Contains(got, "PostgreSQL") || strings.Contains(got, "secret") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestBareLookup: passwords that go to another machine without TLS are warned of.
func TestBareLookup(t *testing.T) {
	for address, warned := range map[string]bool{
		"ldap://dc.example.org": true, "ldap://192.0.2.1:389": true, "ldap://127.0.0.2": false, "ldap://[::1]:389": false, "ldap://localhost": false,
		"ldaps://dc.example.org": false, "ldapi:///run/slapd": false,
	} {
		for _, more := range []string{"", ", starttls: true"} {
			c, err := load("f.yaml", []byte("lookups:\n  - {name: staff, ldap: '"+address+"', base: dc=example, filter: (mail=%s)"+more+"}\n"), nil, nil)
			if err != nil {
				if more != "" && !strings.HasPrefix(address, "ldap://") {
					continue // it has TLS already
				}
				t.Fatal(err)
			}
			got := slices.ContainsFunc(c.Warnings(), func(text string) bool {
				return strings.HasPrefix(text, "lookups: staff: "+address+" goes over the network without TLS")
			})
			if got != (warned && more == "") {
				t.Errorf("%s%s: %q", address, more, c.Warnings())
			}
		}
	}
}

// TestUnguarded: a policy that lets an allowed sender send viruses is warned of.
func TestUnguarded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "policies:\n  - name: default\n    pipeline:\n      - antivirus\n      - {filter: antivirus, name: second, always: false}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"policy default: second does not run after an ending (always: false): an allowed sender can send what it looks for"}
	if got := c.Warnings(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestVariables: no two settings share a name in the environment.
func TestVariables(t *testing.T) {
	seen := map[string]string{}
	for _, path := range shapeOf(reflect.TypeFor[Config]()).settings() {
		if other := seen[variable(path)]; other != "" {
			t.Errorf("%s and %s are both %s", path, other, variable(path))
		}
		seen[variable(path)] = path
	}
}

func TestSize(t *testing.T) {
	cases := []struct {
		in   string
		want Size
		out  string
	}{
		{"50 MiB", 50 << 20, "50 MiB"}, {"1.5GiB", 3 << 29, "1536 MiB"}, {"0", 0, "0 B"}, {"4096", 4096, "4 KiB"},
		{"1 MB", 1000000, "1000000 B"}, {"2kB", 2000, "2000 B"}, {"7 B", 7, "7 B"},
		{"", -1, ""}, {"MiB", -1, ""}, {"-1 MiB", -1, ""}, {"1 mib", -1, ""}, {"NaN", -1, ""}, {"Inf B", -1, ""}, {"9e30", -1, ""}, {"1 2 MiB", -1, ""},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			got, err := ParseSize(c.in)
			if c.want < 0 {
				if err == nil {
					t.Fatalf("got %d, want an error", got)
				}
				return
			}
			if err != nil || got != c.want || got.String() != c.out {
				t.Errorf("got %d (%s), %v; want %d (%s)", got, got, err, c.want, c.out)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	cases := map[string]time.Duration{
		"30s": 30 * time.Second, "30d": 720 * time.Hour, "0d": 0, "1h30m": 90 * time.Minute, "0": 0,
		"30": -1, "1.5d": -1, "d": -1, "": -1, "99999999d": -1,
	}
	for in, want := range cases {
		got, err := ParseDuration(in)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: got %v, %v; want %v", in, got, err, want)
		}
	}
}

// FuzzLoad: whatever stands in the file, Load says what is wrong with it, with a
// line of that file, or the configuration is sound.
func FuzzLoad(f *testing.F) {
	f.Add(string(gatepost.Config()))
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := load("f.yaml", []byte(raw), nil, nil)
		ps, ok := err.(Problems)
		switch {
		case err == nil:
			if _, _, err := c.Compile(catalog()); c.Hostname == "" || c.Limits.Recipients < 1 || err != nil && err.Error() == "" {
				t.Errorf("unsound: %+v", c)
			}
		case !ok || len(ps) == 0:
			t.Errorf("got %T %v, want Problems", err, err)
		default:
			for _, p := range ps {
				if p.Where != "f.yaml" || p.Text == "" || p.Line > strings.Count(raw, "\n")+strings.Count(raw, "\r")+2 {
					t.Errorf("problem %+v", p)
				}
			}
		}
	})
}

// Networks and addresses are those that clients are known by.
func TestNetworksAreUnwrapped(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "64:ff9b::c000:207": "192.0.2.7/32", "64:ff9b::c000:200/120": "192.0.2.0/24",
		"2001:db8::1/32": "2001:db8::/32",
	} {
		if got, err := parsePrefix(in); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", in, got, err, want)
		}
	}
	if got, err := parseAddr("64:ff9b::c000:207"); err != nil || got.String() != "192.0.2.7" {
		t.Errorf("an address: %v, %v", got, err)
	}
}
