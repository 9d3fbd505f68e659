package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/machine"
)

// A call is one command line and what it must answer with --json.
type call struct {
	args   string // {NAME} is what an earlier call left
	stdin  string
	list   bool     // a list of objects, not one
	fields string   // that each object has at least
	keeps  []string // NAME=field: of the first object
}

// calls are every command of the interface that stays, in an order in which each
// has something to work on. DOMAIN is new each time.
var calls = []call{
	{args: "domain add {DOMAIN} --policy default --disposition junk --challenge off", fields: "name policy disposition"},
	{args: "domain list", list: true, fields: "name policy disposition"},
	{args: "domain show {DOMAIN}", fields: "name policy disposition"},
	{args: "domain set {DOMAIN} --disposition tag", fields: "name policy disposition"},
	{args: "mailbox add ann@{DOMAIN} --password-stdin", stdin: "a long pass phrase\n", fields: "address state messages"},
	{args: "mailbox add bob@{DOMAIN}", fields: "address state messages"},
	{args: "mailbox list", list: true, fields: "address state messages"},
	{args: "mailbox list --domain {DOMAIN}", list: true, fields: "address state messages"},
	{args: "mailbox show ann@{DOMAIN}", fields: "address state messages"},
	{args: "mailbox set ann@{DOMAIN} --password-stdin --language fr", stdin: "another pass phrase\n", fields: "address state language"},
	{args: "alias add info@{DOMAIN} ann@{DOMAIN} bob@{DOMAIN}", fields: "address targets"},
	{args: "alias list", list: true, fields: "address targets"},
	{args: "alias show info@{DOMAIN}", fields: "address targets"},
	{args: "alias set info@{DOMAIN} bob@{DOMAIN}", fields: "address targets"},
	{args: "alias remove info@{DOMAIN}"},
	{args: "host add exit --address smtp.example.net:587 --roles smtp-out --tls verify --user us --password-file -", stdin: "secret\n", fields: "name address roles protocol tls priority user password domains node"},
	{args: "host add inside --address 192.0.2.10:24 --roles smtp-in,imap --protocol lmtp", fields: "name address"},
	{args: "host list --role smtp-out", list: true, fields: "name address roles"},
	{args: "host show inside", fields: "name address roles"},
	{args: "host set inside --priority 5 --address [2001:db8::1]:24", fields: "name priority"},
	{args: "domain set {DOMAIN} --name www.{DOMAIN} --host inside --smarthost exit", fields: "names catch_all hosts smarthost lookup"},
	{args: "domain list --host inside", list: true, fields: "name hosts"},
	{args: "forward add away@{DOMAIN} Me@elsewhere.example", fields: "address target"},
	{args: "forward set away@{DOMAIN} You@elsewhere.example", fields: "address target"},
	{args: "forward list --domain {DOMAIN}", list: true, fields: "address target"},
	{args: "forward show away@{DOMAIN}", fields: "address target"},
	{args: "distribution add staff@{DOMAIN} --owner ann@{DOMAIN} --post members --members-file -", stdin: "ann@{DOMAIN}\naway@{DOMAIN} # far\n", fields: "address post owner size"},
	{args: "distribution set staff@{DOMAIN} --drop AWAY@{DOMAIN} --add bob@www.{DOMAIN} --post domain", fields: "address post owner size"},
	{args: "distribution list", list: true, fields: "address post owner size"},
	{args: "distribution show staff@{DOMAIN}", fields: "address post owner size members"},
	{args: "mailbox set bob@{DOMAIN} --copy-to away@{DOMAIN} --copy-to old@{DOMAIN}", fields: "address copies"},
	{args: "route staff@www.{DOMAIN} --from ann@{DOMAIN}", fields: "address domain taken reason lookup steps"},
	{args: "distribution remove staff@{DOMAIN}"},
	{args: "mailbox set bob@{DOMAIN} --copy-to -none-@elsewhere.example", fields: "address copies"},
	{args: "forward remove away@{DOMAIN}"},
	{args: "domain set {DOMAIN} --host= --smarthost= --name=", fields: "names hosts smarthost"},
	{args: "host remove inside"},
	{args: "host remove exit"},
	{args: "list add allow 192.0.2.0/24 --scope {DOMAIN} --note why --expires 30d", fields: "id list kind value scope", keeps: []string{"ENTRY=id"}},
	{args: "list add block pest@shop.example --scope ann@{DOMAIN}", fields: "id list kind value scope", keeps: []string{"OTHER=id"}},
	{args: "list add trap nobody@{DOMAIN}", fields: "id list kind value scope"},
	{args: "policy explain ann@{DOMAIN} --from pest@shop.example --client 192.0.2.7", fields: "recipient domain mailboxes policy disposition precedence listed filters"},
	{args: "list list", list: true, fields: "id list kind value scope"},
	{args: "list list allow --scope {DOMAIN}", list: true, fields: "id list kind value scope"},
	{args: "list show {ENTRY}", fields: "id list kind value scope note"},
	{args: "list set {ENTRY} --note because", fields: "id list kind value scope note"},
	{args: "list remove {ENTRY} {OTHER}"},
	{args: "mailbox remove bob@{DOMAIN}"},
	{args: "mailbox remove ann@{DOMAIN}"},
	{args: "domain remove {DOMAIN}"},
	{args: "quarantine list", list: true, fields: "id recipient sender subject filter reason state time", keeps: []string{"HELD=id", "TX=tx"}},
	{args: "quarantine list --recipient ann@test.example --filter keywords --subject held --since 1d --limit 1", list: true, fields: "id recipient sender subject filter reason state time"},
	{args: "quarantine show {HELD}", fields: "id recipient sender subject filter reason state time walks"},
	{args: "quarantine release {HELD}", list: true, fields: "id state"},
	{args: "quarantine list", list: true, fields: "id state", keeps: []string{"HELD=id"}},
	{args: "quarantine delete {HELD}", list: true, fields: "id state"},
	{args: "quarantine list --text EVE@ --client 192.0.2.7 --reason pest --since 1d", list: true, fields: "id state proof guarded told", keeps: []string{"HELD=id"}},
	{args: "quarantine ask {HELD}", list: true, fields: "id state asked"},
	{args: "quarantine list --asked", list: true, fields: "id state asked"},
	{args: "quarantine block {HELD} --for-domain", list: true, fields: "id state"},
	{args: "quarantine filters --since 2d", list: true, fields: "filter held released asked"},
	{args: "quarantine release --filter keywords --dry-run", fields: "count more"},
	{args: "quarantine release --subject nothing --all", fields: "done skipped failed failures more"},
	{args: "journal search", list: true, fields: "id recipient sender subject filter reason state time"},
	{args: "journal search --sender eve@sender.example --recipient ann@test.example --client 192.0.2.7 --state held", list: true, fields: "id recipient sender subject filter reason state time"},
	{args: "journal show {TX}", fields: "id reply walks"},
	{args: "filters", list: true, fields: "name stage scope results settings doc"},
	{args: "filters spf", list: true, fields: "name stage scope results settings doc"},
	{args: "explain - --client 192.0.2.7 --helo mx.sender.example --from eve@sender.example --to ann@test.example", stdin: "Subject: x\n\na pest\n", fields: "reply walks"},
	{args: "check", fields: "ok problems warnings"},
	{args: "check store", fields: "messages bytes damage"},
	{args: "version", fields: "version go"},
}

// Every command answers with the fields that stay, with and without a server.
func TestCommands(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	for i := range 8 {
		holdOne(t, m, fmt.Sprintf("held %d", i), "x", ann)
	}
	t.Run("serving", func(t *testing.T) { testCalls(t, m, "serving.example") })
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("at rest", func(t *testing.T) { testCalls(t, m, "resting.example") })
}

func testCalls(t *testing.T, m *machine.Machine, name string) {
	known := map[string]string{"DOMAIN": name}
	for _, c := range calls {
		line, stdin := c.args, c.stdin
		for name, value := range known {
			line, stdin = strings.ReplaceAll(line, "{"+name+"}", value), strings.ReplaceAll(stdin, "{"+name+"}", value)
		}
		out, errs, status := m.Try(stdin, append(strings.Fields(line), "--json")...)
		if status != 0 || errs != "" {
			t.Fatalf("%s: exit status %d, %s", line, status, errs)
		}
		objects := parse(t, line, out, c.list)
		for _, field := range strings.Fields(c.fields) {
			for _, o := range objects {
				if _, ok := o[field]; !ok {
					t.Errorf("%s: no field %q in %v", line, field, o)
				}
			}
		}
		for _, k := range c.keeps {
			name, field, _ := strings.Cut(k, "=")
			known[name] = fmt.Sprint(objects[0][field])
		}
		if strings.Contains(line, " list") || strings.Contains(line, " show") {
			if out, errs, status := m.Try("", strings.Fields(line)...); status != 0 || errs != "" || out == "" || strings.HasPrefix(out, "{") {
				t.Errorf("%s without --json: exit status %d, %q %q", line, status, out, errs)
			}
		}
	}
}

// parse reads the result of a command: one object or a list of some.
func parse(t *testing.T, line, out string, list bool) (objects []map[string]any) {
	t.Helper()
	if !list {
		out = "[" + out + "]"
	}
	if err := json.Unmarshal([]byte(out), &objects); err != nil {
		t.Fatalf("%s: %v in\n%s", line, err, out)
	}
	if len(objects) == 0 {
		t.Fatalf("%s: an empty list", line)
	}
	return objects
}

// A command that can't be done says why on standard error and nothing on standard
// output; 1 is failed, 2 misused.
func TestCommandsRefuse(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	domain(t, m, "test.example")
	run(t, m, "", "alias", "add", "info@test.example", "ann@test.example")
	refusals := []struct {
		args   string
		status int
		says   string
	}{
		{"nonsense", 2, "nonsense"},
		{"domain", 2, "add"},
		{"domain add", 2, "domain add"},
		{"domain add a.example b.example", 2, "domain add"},
		{"domain lst", 2, "list"},
		{"domain list --no-such-flag", 2, "no-such-flag"},
		{"domain set test.example", 2, "--policy"},
		{"mailbox add", 2, "ADDRESS"},
		{"mailbox add x@test.example --password-stdin", 2, "empty"}, // nothing on standard input
		{"alias add x@test.example", 2, "TARGET"},
		{"list add maybe 192.0.2.1", 2, "maybe"},
		{"list show nine", 2, "nine"},
		{"quarantine release", 2, "ids"},
		{"quarantine release --filter keywords", 2, "--all"},
		{"quarantine block --sender= --recipient= --all", 2, "--recipient"},
		{"quarantine list --since yesteryear", 2, "yesteryear"},
		{"quarantine list --client nobody", 2, "nobody"},
		{"journal show", 2, "ID"},
		{"check nothing", 2, "nothing"},
		{"explain /dev/null --to ann@test.example", 2, "client"},
		{"explain /dev/null --client 192.0.2.7", 2, "to"},
		{"domain list --set limits.errors=none", 2, "limits.errors"},
		{"domain list --set limits.erors=1", 2, "limits.errors"},
		{"domain list --set nonsense", 2, "nonsense"},

		{"domain show nosuch.example", 1, "nosuch.example"},
		{"domain add test.example", 1, "test.example"},
		{"domain remove test.example", 1, "test.example"},
		{"domain set nosuch.example --disposition tag", 1, "nosuch.example"},
		{"mailbox show nobody@test.example", 1, "nobody@test.example"},
		{"mailbox add ann@test.example", 1, "ann@test.example"},
		{"mailbox add info@test.example", 1, "info@test.example"},
		{"mailbox add x@nosuch.example", 1, "nosuch.example"},
		{"mailbox remove nobody@test.example", 1, "nobody@test.example"},
		{"alias set info@test.example info@test.example", 1, "info@test.example"},
		{"alias remove nothing@test.example", 1, "nothing@test.example"},
		{"alias show nothing@test.example", 1, "no such alias"},
		{"forward show info@test.example", 1, "gatepost alias"},
		{"forward add ann2@test.example ann@test.example", -2, "make it an alias"},
		{"distribution add l@test.example info@test.example --owner l@test.example", 1, "l@test.example -> l@test.example"},
		{"mailbox set ann@test.example --copy-to info@test.example", 1, "ann@test.example -> info@test.example -> ann@test.example"},
		{"mailbox remove ann@test.example", 1, "alias info@test.example leads here"},
		{"distribution set l@test.example --drop ann@test.example", 1, "no such distribution"},
		{"host add exit --address smtp.example.net --roles smtp-out", -2, "host:port"},
		{"host add exit --address smtp.example.net:25 --roles smtp-out --user us", -2, "give both"},
		{"host remove nosuch", 1, "nosuch"},
		{"host list --role smtp", 2, "smtp-in"},
		{"domain set test.example --host nosuch", 1, "add it first"},
		{"domain set test.example --lookup nosuch", 2, "lookups"},
		{"domain set test.example --catch-all nobody@test.example", 1, "nobody@test.example"},
		{"domain list --host nosuch", 1, "nosuch"},
		{"alias list --domain nosuch.example", 1, "nosuch.example"},
		{"route nowhere", 2, "nowhere"},
		{"list show 999", 1, "999"},
		{"list remove 999", 1, "999"},
		{"quarantine show 00000000000000000000", 1, "00000000000000000000"},
		{"quarantine delete 00000000000000000000", 1, "00000000000000000000"},
		{"journal show 00000000000000000000", 1, "00000000000000000000"},
		{"filters nosuch", 2, "nosuch"},
		{"explain /no/such/file --client 192.0.2.7 --to ann@test.example", 1, "/no/such/file"},
		{"explain /dev/null --client 192.0.2.7 --to nobody@test.example", 1, "nobody@test.example"},

		// What an argument can't be: misused or failed, but said and not done.
		{"domain add not..a.name", -2, "not..a.name"},
		{"domain add x.example --policy nosuch", -2, "nosuch"},
		{"domain add y.example --disposition eat", -2, "eat"},
		{"domain set test.example --policy nosuch", -2, "nosuch"},
		{"mailbox add nowhere", -2, "nowhere"},
		{"mailbox set ann@test.example --state asleep", -2, "asleep"},
		{"alias add x@test.example not-an-address", -2, "not-an-address"},
		{"list add allow 192.0.2.0/99", -2, "192.0.2.0/99"},
		{"list add allow x.example --scope nosuch..scope", -2, "nosuch..scope"},
		{"quarantine list --state asleep", -2, "asleep"},
		{"explain /dev/null --client nobody --to ann@test.example", -2, "nobody"},
	}
	refused := func(t *testing.T) {
		for _, c := range refusals {
			if c.status == 2 && t.Name() == "TestCommandsRefuse/at_rest" {
				continue // what is misused is so whoever would do it
			}
			out, errs, status := m.Try("", append(strings.Fields(c.args), "--json")...)
			if status != c.status && (c.status != -2 || status != 1 && status != 2) {
				t.Errorf("%s: exit status %d, want %d (%s%s)", c.args, status, c.status, errs, out)
			} else if !strings.Contains(errs, c.says) {
				t.Errorf("%s: says %q, want %q in it", c.args, errs, c.says)
			}
			if out != "" {
				t.Errorf("%s: on standard output %q", c.args, out)
			}
		}
	}
	t.Run("serving", refused)
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("at rest", refused)
	if got := asked[[]struct{ Name string }](t, m, "domain", "list"); len(got) != 1 || got[0].Name != "test.example" {
		t.Errorf("what was refused was done: %+v", got)
	}
}

// A wrong configuration is refused with file, line and what was meant.
func TestWrongConfig(t *testing.T) {
	t.Parallel()
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "wrong.yaml")
	for _, c := range []struct {
		name, text string
		line       int
		says       []string
	}{
		{"unknown key", "hostname: a.example\nlisen:\n  smtp: []\n", 2, []string{"lisen", `"listen"`}},
		{"unknown key below", "limits:\n  message_sise: 5 MiB\n", 2, []string{"message_sise", "message_size"}},
		{"not a size", "limits:\n  message_size: 5 potatoes\n", 2, []string{"limits.message_size", "5 potatoes"}},
		{"not a time", "limits:\n  data_timeout: soon\n", 2, []string{"limits.data_timeout", "soon"}},
		{"out of range", "\nlimits: {errors: 0}\n", 2, []string{"limits.errors", "between"}},
		{"not a boolean", "split_recipients: maybe\n", 1, []string{"split_recipients", "maybe"}},
		{"not an address", "listen:\n  smtp:\n    - \"127.0.0.1\"\n", 3, []string{"listen.smtp", "127.0.0.1:2525"}},
		{"not a network", "proxy:\n  trusted: [192.0.2.0/33]\n", 2, []string{"proxy.trusted", "192.0.2.0/33"}},
		{"one port twice", "listen:\n  smtp: ['127.0.0.1:2525']\n  imap: ['127.0.0.1:2525']\n", 3, []string{"127.0.0.1:2525", "listen.smtp"}},
		{"key twice", "hostname: a.example\nhostname: b.example\n", 2, []string{"hostname"}},
		{"not YAML", "hostname: a.example\nlimits: {\n", 2, []string{"YAML"}},
		{"an alias", "hostname: &x a.example\ndata: *x\n", 1, []string{"alias"}},
		{"half a certificate", "tls:\n  cert: /x.pem\n", 2, []string{"tls.key"}},
		{"unknown filter", "policies:\n  - name: default\n    pipeline:\n      - spf\n      - dnsbI\n", 5, []string{"dnsbI", "dnsbl"}},
		{"unknown setting", "policies:\n  - name: default\n    pipeline:\n      - filter: dnsbl\n        list: []\n", 5, []string{"list", "lists"}},
		{"unknown setting within", "policies:\n  - name: default\n    pipeline:\n      - filter: dnsbl\n        lists: [{zone: a.example, wait: 2}]\n", 5, []string{"wait", "weight"}},
		{"unknown result", "policies:\n  - name: default\n    pipeline:\n      - filter: spf\n        on: {failed: spam}\n", 5, []string{"failed", "fail"}},
		{"unknown effect", "policies:\n  - name: default\n    pipeline:\n      - filter: spf\n        on: {fail: spm}\n", 5, []string{"spm", "spam"}},
		{"bad points", "policies:\n  - name: default\n    pipeline:\n      - filter: spf\n        on: {fail: score lots}\n", 5, []string{"lots"}},
		{"one name twice", "policies:\n  - name: default\n    pipeline:\n      - spf\n      - spf\n", 5, []string{"spf"}},
		{"one policy twice", "policies:\n  - {name: default, pipeline: []}\n  - {name: default, pipeline: []}\n", 3, []string{"default"}},
		{"unknown default", "default_policy: defualt\n", 1, []string{"defualt", "default"}},
		{"unknown shadow", "policies:\n  - name: default\n    shadow: clasic\n    pipeline: []\n", 0, []string{"clasic"}},
		{"content in the gate", "gate:\n  - ip-block\n  - keywords\n", 3, []string{"keywords", "gate"}},
		{"bad pattern", "policies:\n  - name: default\n    pipeline:\n      - filter: keywords\n        patterns: [{regexp: '('}]\n", 5, []string{"("}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			place := file + ":"
			if c.line > 0 {
				place += fmt.Sprintf("%d:", c.line)
			}
			for _, command := range []string{"check", "serve"} {
				_, errs, status := program(t, command, "--config", file, "--data", data)
				if status != 1 {
					t.Errorf("%s: exit status %d, want 1: %s", command, status, errs)
				}
				for _, want := range append(c.says, place) {
					if !strings.Contains(errs, want) {
						t.Errorf("%s says %q, want %q in it", command, errs, want)
					}
				}
			}
			var v struct {
				OK       bool
				Problems []string
			}
			out, _, status := program(t, "check", "--config", file, "--data", data, "--json")
			if err := json.Unmarshal([]byte(out), &v); err != nil || v.OK || len(v.Problems) == 0 || status != 1 {
				t.Errorf("check --json: exit status %d, %v: %s", status, err, out)
			}
		})
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
		t.Errorf("a wrong configuration left %v behind (%v)", entries, err)
	}
}

// program runs the program with nothing but these arguments.
func program(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.WaitDelay = 10 * time.Second
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// The catalogue of filters is complete.
func TestFilters(t *testing.T) {
	t.Parallel()
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	type filter struct {
		Name, Stage, Scope, Doc string
		Results                 []struct{ Result, Effect string }
		Settings                []map[string]any
	}
	var names []string
	for _, f := range asked[[]filter](t, m, "filters") {
		names = append(names, f.Name)
		if f.Stage == "" || f.Scope == "" || f.Doc == "" || len(f.Results) == 0 || f.Settings == nil {
			t.Errorf("%s is not described: %+v", f.Name, f)
		}
	}
	for _, want := range []string{"ip-allow", "ip-block", "spf", "sender-allow", "sender-block", "rdns", "dnsbl", "keywords", "dkim"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s among %q", want, names)
		}
	}
}

// explain tells what would happen, and nothing happens.
func TestExplain(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	holdOne(t, m, "for real", "x", ann)
	file := filepath.Join(t.TempDir(), "mail.eml")
	big := strings.Repeat(strings.Repeat("x", 70)+"\n", 100_000) // 7 MB
	explain := func(t *testing.T, content, want string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		line := []string{"explain", file, "--client", goodClient, "--helo", "mx.sender.example", "--from", sender, "--to", ann}
		e := asked[detail](t, m, line...)
		walks := slices.DeleteFunc(e.Walks, func(w walk) bool { return w.Recipient == "" })
		if len(walks) != 1 || walks[0].Recipient != ann || walks[0].Policy != "default" || walks[0].Outcome != want ||
			len(walks[0].Steps) != 1 || walks[0].Steps[0].Entry != "keywords" || e.Reply == "" {
			t.Errorf("explained as %+v, want %s", e, want)
		}
		if out := run(t, m, "", line...); !strings.Contains(out, "keywords") || !strings.Contains(out, want) {
			t.Errorf("in words: %s", out)
		}
	}
	both := func(t *testing.T) {
		explain(t, "Subject: tried\n\na pest\n", "held")
		explain(t, "Subject: tried\r\n\r\nnothing\r\n", "delivered")
		explain(t, "Subject: tried\n\na pest\n"+big, "held")
		if got := asked[[]row](t, m, "journal", "search"); len(got) != 1 {
			t.Errorf("the journal has %q, want what was sent alone", states(got))
		}
		if got := asked[[]row](t, m, "quarantine", "list"); len(got) != 1 {
			t.Errorf("quarantine has %q, want what was sent alone", states(got))
		}
	}
	t.Run("serving", both)
	if got := box(t, m, ann, "INBOX"); len(got) > 0 {
		t.Errorf("the inbox has %d messages", len(got))
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("at rest", both)
}

// check store names what is damaged.
func TestCheckStore(t *testing.T) {
	t.Parallel()
	dns, err := resolvetest.Serve(flowZone)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	m := start(t, "resolver.servers="+dns.Addr)
	for i := range 3 {
		text := fmt.Sprintf("Subject: letter %d\r\n\r\nthe words of letter %d\r\n", i, i)
		if reply := offer(t, m, []byte(text)); reply != "" {
			t.Fatal(reply)
		}
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if damage := storeDamage(t, m); len(damage) > 0 {
		t.Fatalf("damage before anything was done: %q", damage)
	}
	segment := oneFile(t, m.Dir+"/blobs/*.seg")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	write := func(t *testing.T, name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("a flipped bit", func(t *testing.T) {
		flipped := bytes.Replace(whole, []byte("words of letter 1"), []byte("worfs of letter 1"), 1)
		if bytes.Equal(flipped, whole) {
			t.Fatal("the content is not there as it came")
		}
		write(t, segment, flipped)
		defer write(t, segment, whole)
		if damage := storeDamage(t, m); len(damage) != 1 || !strings.Contains(damage[0], "content") {
			t.Errorf("told %q, want the one content", damage)
		}
		out, errs, status := m.Try("", "check", "store")
		if status != 1 || !strings.Contains(out, "damaged: content") || errs == "" {
			t.Errorf("in words: exit status %d, %q %q", status, out, errs)
		}
		if err := m.Start(); err != nil {
			t.Fatalf("one damaged message keeps the rest from being served: %v", err)
		}
		if damage := storeDamage(t, m); len(damage) != 1 {
			t.Errorf("asked of the server: %q, want the one content", damage)
		}
		if err := m.Stop(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("evidence", func(t *testing.T) {
		journal := oneFile(t, m.Dir+"/journal/*.seg")
		b, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Replace(b, []byte("client.example"), []byte("cliemt.example"), 1)
		write(t, journal, flipped)
		defer write(t, journal, b)
		if damage := storeDamage(t, m); len(damage) == 0 || !strings.Contains(strings.Join(damage, " "), "journal") || bytes.Equal(b, flipped) {
			t.Errorf("told %q, want the journal's record", damage)
		}
	})
	t.Run("a row that is gone", func(t *testing.T) {
		if _, err := exec.LookPath("sqlite3"); err != nil {
			t.Skip("no sqlite3")
		}
		db := m.Dir + "/gatepost.db"
		out, err := runs(t, "sqlite3", db, ".backup "+db+".kept", "DELETE FROM blob WHERE id IN (SELECT id FROM blob LIMIT 1)").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if damage := storeDamage(t, m); len(damage) == 0 {
			t.Error("told nothing")
		}
		if out, err := runs(t, "sqlite3", db, ".restore "+db+".kept").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	})
	t.Run("a lost end", func(t *testing.T) { // last: opening cuts the torn frame off
		at := bytes.Index(whole, []byte("words of letter 2"))
		write(t, segment, whole[:at])
		if damage := storeDamage(t, m); len(damage) != 1 || !strings.Contains(damage[0], "content") {
			t.Errorf("told %q, want the one content", damage)
		}
	})
}

// storeDamage runs check store and returns what it names; its exit status must agree.
func storeDamage(t *testing.T, m *machine.Machine) []string {
	t.Helper()
	var report struct {
		Messages int
		Damage   []string
	}
	out, errs, status := m.Try("", "check", "store", "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("check store: exit status %d, %v: %s%s", status, err, out, errs)
	}
	if want := btoi(len(report.Damage) > 0); status != want || report.Messages == 0 {
		t.Errorf("check store: exit status %d, want %d; %d messages", status, want, report.Messages)
	}
	return report.Damage
}

func oneFile(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %q, %v; want one file", pattern, names, err)
	}
	return names[0]
}
