package filters

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/ban"
	"gatepost/pipeline"
)

// fakeBans are bans as a case writes them. Hits are counted with those of lists.
type fakeBans struct {
	bans  []ban.Ban
	lists *fakeLists
}

func parseBans(t *testing.T, text string, lists *fakeLists) *fakeBans {
	f := &fakeBans{lists: lists}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 2 {
			t.Fatalf("ban %q", line)
		}
		until := time.Unix(1_700_000_600, 0).UTC()
		f.bans = append(f.bans, ban.Ban{ID: int64(len(f.bans) + 1), Network: netip.MustParsePrefix(words[0]), Cause: ban.Cause(words[1]), Step: 1, Until: until})
	}
	return f
}

func (f *fakeBans) Find(a netip.Addr, shuts func(ban.Cause) bool) (ban.Ban, bool) {
	for _, b := range f.bans {
		if b.Network.Contains(a) && (shuts == nil || shuts(b.Cause)) {
			return b, true
		}
	}
	return ban.Ban{}, false
}

func (f *fakeBans) Notice(b ban.Ban) string {
	return b.Network.Addr().String() + " is banned until " + b.Until.Format("15:04") + " UTC; if this is a mistake, write to help@example.org"
}

func (f *fakeBans) Hit(b ban.Ban, _ string) { f.lists.hits = append(f.lists.hits, b.ID) }

// A cause that there is not is a mistake in the list.
func TestIPBanCauses(t *testing.T) {
	spec := pipeline.Spec{Entries: []pipeline.EntrySpec{{Filter: "ip-ban", Settings: map[string]any{"causes": []any{"login", "weather"}}}}}
	if _, problems := pipeline.CompileGate(Catalog(Deps{}), spec); len(problems) != 1 || !strings.Contains(problems[0].Text, `"weather" is no cause`) {
		t.Errorf("got %v", problems)
	}
}
