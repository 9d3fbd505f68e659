package filters

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/pipeline"
)

// TestSPFSuite runs the openspf suite for RFC 7208, which the SPF module ships,
// through our filter and our resolver against real sockets. The cases that the
// module marks as skipped, since its library is known not to hold them, are skipped.
func TestSPFSuite(t *testing.T) {
	const atLeast = 172 // a suite that was not found, or read by halves, must not pass
	ran, skipped := 0, 0
	for _, s := range readSuites(t) {
		t.Run(s.Description, func(t *testing.T) {
			filter := spfFilter{suiteResolver(t, s)}
			for name, c := range s.Tests {
				if c.Skip != "" {
					skipped++
					continue
				}
				ran++
				t.Run(name, func(t *testing.T) { t.Parallel(); c.run(t, filter) })
			}
		})
	}
	t.Logf("%d cases ran, %d are marked skip", ran, skipped)
	if ran < atLeast || skipped > 31 {
		t.Errorf("%d cases ran and %d were skipped, want at least %d and at most 31", ran, skipped, atLeast)
	}
}

type suite struct {
	Description string
	Tests       map[string]suiteCase
	ZoneData    map[string][]map[string]any `yaml:"zonedata"`
}

type suiteCase struct {
	Helo, Host, MailFrom, Skip string
	Result                     any
}

func readSuites(t *testing.T) (suites []suite) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "blitiri.com.ar/go/spf").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "rfc7208-tests.yml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	for {
		var s suite
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return suites
		} else if err != nil {
			t.Fatal(err)
		}
		suites = append(suites, s)
	}
}

func (c suiteCase) run(t *testing.T, filter spfFilter) {
	addr, err := netip.ParseAddr(c.Host)
	if err != nil {
		t.Fatal(err)
	}
	client := mail.Client{Addr: addr.Unmap(), Helo: c.Helo}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), client, nil)
	defer tx.Close()
	tx = tx.WithHelo(client).WithMail(mail.Path(c.MailFrom), mail.Params{})
	f, err := filter.Check(t.Context(), pipeline.Query{Tx: tx})
	if err != nil {
		t.Fatal(err)
	}
	if f.Result == "private" { // the filter's word for the clients of the suite that are: the fact has RFC 7208's
		a, err := spfFact(t.Context(), tx, filter.resolver)
		if err != nil {
			t.Fatal(err)
		}
		f.Result = a.Result
	}
	if !slices.Contains(words(c.Result), f.Result) {
		t.Errorf("client %s, helo %q, mail from %q: got %s, want %v\n%s\n%v", c.Host, c.Helo, c.MailFrom, f.Result, c.Result, f.Reason, f.Evidence)
	}
}

// suiteResolver serves a suite's zone.
func suiteResolver(t *testing.T, s suite) *resolve.Resolver {
	t.Helper()
	var zone strings.Builder
	for name, records := range s.ZoneData {
		writeRecords(&zone, name, records)
	}
	server, err := resolvetest.Serve(zone.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	r, err := resolve.New(resolve.Config{Servers: []string{server.Addr}, Timeout: 700 * time.Millisecond, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// writeRecords writes one name's records in the master file format. SPF records,
// which RFC 7208 §3.1 did away with, stand for TXT ones where a name has none.
func writeRecords(zone *strings.Builder, name string, records []map[string]any) {
	owner := escapeName(name)
	hasTXT := slices.ContainsFunc(records, func(r map[string]any) bool { return r["TXT"] != nil })
	for _, r := range records {
		for typ, value := range r {
			switch typ {
			case "TIMEOUT":
				fmt.Fprintf(zone, "!timeout %s\n", owner)
			case "CNAMELOOP":
				fmt.Fprintf(zone, "%s CNAME %s\n", owner, owner)
			case "SPF", "TXT":
				if typ == "TXT" || !hasTXT {
					fmt.Fprintf(zone, "%s TXT %s\n", owner, escapeTexts(words(value)))
				}
			case "MX":
				pair := value.([]any)
				fmt.Fprintf(zone, "%s MX %v %s\n", owner, pair[0], escapeName(pair[1].(string)))
			case "PTR", "CNAME":
				fmt.Fprintf(zone, "%s %s %s\n", owner, typ, escapeName(words(value)[0]))
			default:
				fmt.Fprintf(zone, "%s %s %s\n", owner, typ, words(value)[0])
			}
		}
	}
}

// words reads what the suite writes as one string or as a list.
func words(value any) (list []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, w := range v {
			list = append(list, fmt.Sprint(w))
		}
	}
	return list
}

func escapeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03d`, s[i])
		}
	}
	return strings.TrimSuffix(b.String(), ".") + "."
}

func escapeTexts(texts []string) string {
	var b strings.Builder
	for _, s := range texts {
		b.WriteString(`"`)
		for i := 0; i < len(s); i++ {
			if i > 0 && i%250 == 0 {
				b.WriteString(`" "`)
			}
			if s[i] >= ' ' && s[i] <= '~' && s[i] != '"' && s[i] != '\\' {
				b.WriteByte(s[i])
			} else {
				fmt.Fprintf(&b, `\%03d`, s[i])
			}
		}
		b.WriteString(`" `)
	}
	return b.String()
}
