package test

import (
	"strings"
	"testing"
	"time"
)

// A domain's rules, put by command, file what comes in before those of its mailbox see it, and the journal says so.
func TestDomainRules(t *testing.T) {
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	if out, err := m.Run("keep;\n  fileinto \"Team\";\n", "domain", "rules", "put", "test.example", "in", "-"); err == nil {
		t.Errorf("put says %s", out)
	} else if want := "line 2, column 3: fileinto works only behind"; !strings.Contains(err.Error(), want) {
		t.Errorf("put says %v, want %s", err, want)
	}
	run(t, m, "require \"fileinto\";\nif header :contains \"subject\" \"team\" { fileinto \"Team\"; } elsif header :contains \"subject\" \"gone\" { discard; }\n",
		"domain", "rules", "put", "test.example", "in", "-")
	run(t, m, "discard;\n", "sieve", "put", ann, "mine", "-", "--activate")
	id := mailFrom(t, m, goodClient, sender, note("for the team", "x"), ann).id(t)
	gone := mailFrom(t, m, goodClient, sender, note("gone", "x"), ann).id(t)
	until(t, 20*time.Second, "it is filed", func() bool { return len(withSubject(box(t, m, ann, "Team"), "for the team")) == 1 })
	if got := run(t, m, "", "journal", "show", id); !strings.Contains(got, "filed into Team by the rules of test.example for mail in, line 2") {
		t.Errorf("the journal says\n%s", got)
	}
	if got := run(t, m, "", "journal", "show", gone); !strings.Contains(got, "discarded by the rules of test.example for mail in, line 2") {
		t.Errorf("the journal says\n%s", got)
	}
	run(t, m, "", "domain", "rules", "remove", "test.example", "in")
	run(t, m, "", "sieve", "activate", ann, "--none")
	mailFrom(t, m, goodClient, sender, note("for the team, again", "x"), ann).id(t)
	until(t, 20*time.Second, "it is in the inbox", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "for the team, again")) == 1 })
}
