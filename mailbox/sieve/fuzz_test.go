package sieve

import (
	"context"
	"strings"
	"testing"
	"time"
)

// FuzzScript: whatever a script holds, it is refused with a line, or ends in time and within its
// bounds.
func FuzzScript(f *testing.F) {
	f.Add(`require ["fileinto","variables"]; if header :matches "subject" "[*] *" { fileinto "${1}"; } else { discard; }`)
	f.Add(`require ["body","regex","date","relational"]; if anyof (body :regex "a(b|c)+", not date :value "ge" "date" "hour" "10") { keep; }`)
	f.Add("require \"vacation\"; vacation :days 3 :addresses [\"a@example.org\"] text:\n..x\n.\n;")
	f.Add(`require ["editheader","imap4flags","include"]; addheader "x" "y"; deleteheader :index 1 "x"; addflag ["a","\\Seen"]; include :optional "loop"; redirect "c@example.org";`)
	f.Fuzz(func(t *testing.T, script string) {
		s, err := Compile(script)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("no line: %v", err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := s.Run(ctx, env(letter))
		if err != nil && len(r.Actions) > 0 {
			t.Errorf("an error, and %s", show(r))
		}
		for _, a := range r.Actions {
			if a.Kind == FileInto && folderName(a.Folder) != nil || a.Kind == Redirect && a.Address.IsNull() || len(a.Flags) > maxFlags {
				t.Errorf("got %+v", a)
			}
			if a.Away != nil {
				e := env(letter)
				if b := string(a.Away.Compose(&e, "<x@example.net>")); strings.Contains(strings.ReplaceAll(b, "\r\n", ""), "\n") && !a.Away.Mime {
					t.Errorf("a bare line end in %q", b)
				}
			}
		}
	})
}
