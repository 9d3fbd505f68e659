package filters

import (
	"strings"
	"testing"

	"gatepost/pipeline"
)

// TestBadSettings holds that a wrong setting is told when the configuration is read.
func TestBadSettings(t *testing.T) {
	list := func(m map[string]any) map[string]any { return map[string]any{"lists": []any{m}} }
	pattern := func(m map[string]any) map[string]any { return map[string]any{"patterns": []any{m}} }
	rule := func(m map[string]any) map[string]any { return map[string]any{"rules": []any{m}} }
	engines := func(m map[string]any) map[string]any { return map[string]any{"engines": []any{m}} }
	cases := []struct {
		name, filter string
		settings     map[string]any
		want         string
	}{
		{"code", "dnsbl", list(map[string]any{"zone": "a.example", "codes": []any{"127.255.255.254"}}), "refuse to serve"},
		{"zone", "dnsbl", list(map[string]any{"zone": "a b"}), "not a domain"},
		{"kind", "dnsbl", list(map[string]any{"zone": "a.example", "kind": "grey"}), "deny, allow or domain"},
		{"list setting", "dnsbl", list(map[string]any{"zone": "a.example", "wieght": 2}), "wieght"},
		{"share", "dnsbl", map[string]any{"share": 0.0}, "share"},
		{"codes of uribl", "uribl", list(map[string]any{"zone": "a.example", "codes": []any{"x"}}), "code"},
		{"kind of uribl", "uribl", list(map[string]any{"zone": "a.example", "kind": "deny"}), "kind"},
		{"test of uribl", "uribl", list(map[string]any{"zone": "a.example", "test": "a..b"}), "not a name"},
		{"ceiling of uribl", "uribl", list(map[string]any{"zone": "a.example", "ceiling": 2.0}), "ceiling"},
		{"lookups", "uribl", map[string]any{"max_lookups": 0}, "max_lookups"},
		{"share of uribl", "uribl", map[string]any{"share": 2.0}, "share"},
		{"skip of uribl", "uribl", map[string]any{"skip_domains": []any{"www.example.org"}}, "not a registrable domain"},
		{"score of phish", "phish", map[string]any{"near": -1.0}, "near"},
		{"protected", "phish", map[string]any{"protected": []any{map[string]any{"name": "A", "domains": []any{"com"}}}}, "not a registrable domain"},
		{"protected nobody", "phish", map[string]any{"protected": []any{map[string]any{"domains": []any{"a.com"}}}}, "empty"},
		{"regexp", "keywords", pattern(map[string]any{"regexp": "("}), "missing closing"},
		{"neither", "keywords", pattern(map[string]any{"weight": 2.0}), "either word or regexp"},
		{"both", "keywords", pattern(map[string]any{"word": "a", "regexp": "b"}), "either word or regexp"},
		{"where", "keywords", pattern(map[string]any{"word": "a", "in": []any{"bdy"}}), "bdy"},
		{"spam_from", "keywords", map[string]any{"spam_from": -1.0}, "spam_from"},
		{"file", "keywords", map[string]any{"files": []any{"/x"}}, "no packs can be read here"},
		{"pack", "logic", map[string]any{"packs": []any{"x"}}, "no packs can be read here"},
		{"rule without a name", "logic", rule(map[string]any{"when": "size > 1", "score": 1.0}), "has no name"},
		{"rule without an effect", "logic", rule(map[string]any{"name": "a", "when": "size > 1"}), "either score or then"},
		{"rule with both", "logic", rule(map[string]any{"name": "a", "when": "size > 1", "score": 1.0, "then": "spam"}), "either score or then"},
		{"rule's effect", "logic", rule(map[string]any{"name": "a", "when": "size > 1", "then": "spma"}), `"spma" is neither a number of points nor one of tag, junk, spam`},
		{"condition", "logic", rule(map[string]any{"name": "a", "when": "size > 1 and sze > 2", "then": "spam"}), `rule "a": when: column 14: unknown name sze`},
		{"entry in a condition", "logic", rule(map[string]any{"name": "a", "when": `finding("spf") == "fail"`, "then": "spam"}), `logic: no entry above is named "spf"`},
		{"exception with points", "keyword-allow", rule(map[string]any{"name": "a", "when": "size > 1", "score": 1.0}), "neither then nor score"},
		{"exception's pattern", "keyword-allow", pattern(map[string]any{"regexp": "("}), "missing closing"},
		{"delay", "greylist", map[string]any{"delay": "0s"}, "delay"},
		{"window", "greylist", map[string]any{"window": "1m"}, "window"},
		{"keep", "greylist", map[string]any{"keep": "1m"}, "keep"},
		{"passes", "greylist", map[string]any{"passes": -1}, "passes"},
		{"prefix", "greylist", map[string]any{"ipv4_prefix": 33}, "ipv4_prefix"},
		{"prefix of IPv6", "greylist", map[string]any{"ipv6_prefix": 8}, "ipv6_prefix"},
		{"skip", "greylist", map[string]any{"skip": []any{"a b"}}, "neither a domain nor a network"},
		{"accept_from", "auto-allow", map[string]any{"accept_from": -1.0}, "accept_from"},
		{"rate", "rate", map[string]any{"messages_per_minute": -1}, "negative"},
		{"banner delay", "early-talker", map[string]any{"delay": "1m"}, "between 0s and 20s"},
		{"need", "antivirus", map[string]any{"need": "two"}, "neither one nor all"},
		{"two engines in one", "antivirus", engines(map[string]any{"clamd": "/run/a", "run": []any{"/bin/x"}}), "either clamd or run"},
		{"no engine", "antivirus", engines(map[string]any{"name": "a"}), "either clamd or run"},
		{"engine's address", "antivirus", engines(map[string]any{"clamd": []any{"/run/a", "b"}}), "neither host:port"},
		{"program", "antivirus", engines(map[string]any{"run": []any{"scan"}}), "whole path"},
		{"size", "antivirus", map[string]any{"max_size": "25 MB"}, "no size like"},
		{"spamd's address", "spamassassin", map[string]any{"servers": "spamd"}, "neither host:port"},
		{"larger", "spamassassin", map[string]any{"larger": "scan"}, "neither skip nor cut"},
		{"spamd's user", "spamassassin", map[string]any{"user": "a b"}, "white space"},
		{"spamd's size", "spamassassin", map[string]any{"max_size": 0}, "more than 0"},
		{"Rspamd's address", "rspamd", map[string]any{"servers": []any{"127.0.0.1:0"}}, "no port"},
		{"Rspamd's size", "rspamd", map[string]any{"max_size": 0}, "more than 0"},
		{"milter's address", "milter", map[string]any{"servers": "opendkim"}, "neither host:port"},
		{"harvest", "dhap", map[string]any{"defer_from": 0}, "defer_from"},
		{"harvested share", "dhap", map[string]any{"share": 101}, "share"},
		{"slow", "dhap", map[string]any{"slow_from": -1}, "negative"},
		{"tarpit", "dhap", map[string]any{"tarpit": "1m"}, "between 0s and 20s"},
		{"trap", "honeypot", map[string]any{"addresses": []any{"a trap"}}, "no address"},
		{"attachments' kind", "attachment", map[string]any{"kinds": []any{"makro"}}, `"macro"`},
		{"extension", "attachment", map[string]any{"block": []any{"*.exe"}}, "no extension"},
		{"depth", "attachment", map[string]any{"depth": 0}, "depth"},
		{"files", "attachment", map[string]any{"files": 0}, "files"},
		{"expanded", "attachment", map[string]any{"expanded_mib": 0}, "expanded_mib"},
		{"many recipients", "attachment-hash", map[string]any{"recipients": 41}, "from 0 to 40"},
		{"new for less than the window", "attachment-hash", map[string]any{"new": "1m"}, "new 1m"},
		{"misspelt", "sender-allow", map[string]any{"require_aut": true}, "require_auth"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			spec := pipeline.Spec{Name: "p", Entries: []pipeline.EntrySpec{{Filter: c.filter, Settings: c.settings}}}
			_, problems := pipeline.Compile(Catalog(Deps{}), []pipeline.Spec{spec})
			if len(problems) != 1 || !strings.Contains(problems[0].Text, c.want) {
				t.Errorf("got %v, want %q", problems, c.want)
			}
		})
	}
}

func FuzzKeywordOptions(f *testing.F) {
	f.Add("cheap", "", "subject", 2.0, 4.0)
	f.Add("", "a.{0,3}b|\\p{L}", "header x", -1.0, 0.0)
	f.Fuzz(func(t *testing.T, word, expression, in string, weight, spamFrom float64) {
		k := keyword{Word: word, Regexp: expression, In: []string{in}, Weight: weight}
		_, _ = newKeywords(Deps{}, keywordsOptions{Patterns: []keyword{k}, SpamFrom: spamFrom})
	})
}

// A result that the entry never gives is told where it stands.
func TestComparedResults(t *testing.T) {
	for _, c := range []struct{ name, when, want string }{
		{"a result", `finding("spf") == "pass" or finding("SPF") in ["fail", "skipped", ""]`, ""},
		{"none of its results", `finding("spf") == "psas"`, `column 19: spf has no result "psas"; did you mean "pass"?`},
		{"on another line", "size > 1 and\n\"x\" != finding(\"spf\")", `line 2, column 1: spf has no result "x"`},
		{"in a list", `finding("spf") in ["pass", "faul"]`, `has no result "faul"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := map[string]any{"name": "r", "when": c.when, "score": 1.0}
			spec := pipeline.Spec{Name: "p", Entries: []pipeline.EntrySpec{
				{Filter: "spf"},
				{Filter: "logic", Settings: map[string]any{"rules": []any{rule}}, Line: 7, Lines: map[string]int{"rules[0].when": 9}},
			}}
			_, problems := pipeline.Compile(Catalog(Deps{}), []pipeline.Spec{spec})
			switch {
			case c.want == "" && len(problems) > 0:
				t.Errorf("got %v", problems)
			case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Text, c.want) || problems[0].Line < 9):
				t.Errorf("got %v, want %s", problems, c.want)
			}
		})
	}
}
