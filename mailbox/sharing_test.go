package mailbox

import (
	"errors"
	"testing"
)

// RFC 4314 §2.1.1.
func TestParseRights(t *testing.T) {
	for text, want := range map[string]struct{ letters, wire string }{
		"":            {"", ""},
		"lrs":         {"lrs", "lrs"},
		"lrswida":     {"lrswitea", "lrswitead"},
		"lrswikda":    {"lrswiktea", "lrswikteacd"},
		"c":           {"kx", "kxc"},
		"aetxkpiwsrl": {"lrswipkxtea", "lrswipkxteacd"},
		"read":        {"rtea", "rtead"}, // letters as well
	} {
		r, err := ParseRights(text)
		if err != nil || r.String() != want.letters || r.Wire() != want.wire {
			t.Errorf("%q: got %s, %s, %v; want %s, %s", text, r, r.Wire(), err, want.letters, want.wire)
		}
	}
	for _, text := range []string{"lrQ", "q", "lr s", "manage"} {
		if _, err := ParseRights(text); !errors.Is(err, ErrRights) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestParsePreset(t *testing.T) {
	for text, want := range map[string]string{"read": "lr", "write": "lrswipte", "manage": "lrswipkxtea", "lrs": "lrs"} {
		r, err := ParsePreset(text)
		if err != nil || r.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, r, err, want)
		}
		if name := r.Name(); name != text {
			t.Errorf("%q is called %q", text, name)
		}
	}
}

func TestSharedNames(t *testing.T) {
	for name, want := range map[string]struct {
		owner, folder string
		group, ok     bool
	}{
		"Shared/ann@example.org/Projects/x": {"ann@example.org", "Projects/x", false, true},
		"Groups/sales@example.org/INBOX":    {"sales@example.org", "INBOX", true, true},
		"Shared/ann@example.org":            {"ann@example.org", "", false, true},
		"Shared/mine":                       {"mine", "", false, false},
		"shared/ann@example.org/x":          {},
		"INBOX":                             {},
	} {
		owner, folder, group, ok := CutShared(name)
		if owner != want.owner || folder != want.folder || group != want.group || ok != want.ok {
			t.Errorf("%q: got %q, %q, %v, %v", name, owner, folder, group, ok)
		}
	}
	for name, want := range map[string]string{
		"Shared/Ann@Example.org/inbox": "Shared/ann@example.org/INBOX",
		"Shared/ann@example.org":       "Shared/ann@example.org",
		"Shared/x":                     "Shared/x",
		"Groups/a@b/x//y":              "",
		"Groups/a@b/x*":                "",
		"Groups/a*@b/x":                "",
		"inbox/x":                      "INBOX/x",
	} {
		if got, err := CleanAny(name); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
}
