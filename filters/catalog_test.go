package filters

import (
	"slices"
	"testing"

	"gatepost/pipeline"
)

// TestCatalog holds every registration to the rules that the pipeline relies on.
func TestCatalog(t *testing.T) {
	names := []string{}
	for _, k := range Catalog(Deps{}) {
		t.Run(k.Name, func(t *testing.T) {
			if k.Doc == "" || slices.Contains(names, k.Name) {
				t.Errorf("no doc, or a second of the name")
			}
			names = append(names, k.Name)
			for _, r := range k.Results {
				if _, err := pipeline.ParseEffect(r.Effect); err != nil || r.Doc == "" {
					t.Errorf("result %s: %v", r.Word, err)
				}
			}
			for _, s := range k.Settings() {
				if s.Doc == "" {
					t.Errorf("setting %s has no doc", s.Name)
				}
			}
			if _, problems := pipeline.Compile([]pipeline.Kind{k}, []pipeline.Spec{{Name: "p", Entries: []pipeline.EntrySpec{{Filter: k.Name}}}}); len(problems) > 0 && len(k.Needs) == 0 {
				t.Errorf("with its defaults: %v", problems)
			}
		})
	}
	want := []string{
		"ip-ban", "early-talker", "rate",
		"ip-allow", "sender-allow", "auto-allow", "author-allow", "spf", "dhap", "greylist", "ip-block", "sender-block", "rdns",
		"null-sender", "self-sender", "honeypot", "ip-complaint", "sender-complaint", "mx", "dnsbl", "antivirus", "attachment", "dkim",
		"arc", "dmarc", "empty", "keyword-allow", "keywords", "logic", "ocr", "image-hash", "checksum", "uribl", "attachment-hash",
		"bayes", "spamassassin", "rspamd", "milter", "script", "language", "helo", "malformed", "phish", "fingerprint",
	}
	if !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
}
