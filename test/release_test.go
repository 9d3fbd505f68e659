package test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatepost/test/machine"
)

const releaseConfig = `
hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: quarantine}}
`

// holdOne sends a message that is held and returns the id of the hold.
func holdOne(t *testing.T, m *machine.Machine, subject, text string, to ...string) string {
	t.Helper()
	mailFrom(t, m, goodClient, sender, note(subject, "a pest "+text), to...).id(t)
	rows := asked[[]row](t, m, "quarantine", "list", "--subject", subject)
	if len(rows) != len(to) {
		t.Fatalf("%s: %d rows in quarantine, want %d", subject, len(rows), len(to))
	}
	return rows[0].ID
}

// heldState is a held message's state.
func heldState(t *testing.T, m *machine.Machine, id string) string {
	t.Helper()
	return asked[row](t, m, "quarantine", "show", id).State
}

func TestRelease(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example", "--disposition", "junk")
	for _, part := range []struct {
		name string
		test func(*testing.T, *machine.Machine, string)
	}{
		{"unchanged, to the inbox, past the filters", releaseUnchanged},
		{"two at the same moment", releaseTwice},
		{"many ids", releaseMany},
		{"a selection", releaseSelection},
		{"deleted", releaseDeleted},
		{"a mailbox that is gone", releaseNobody},
		{"recipients are apart", releaseApart},
		{"survives a kill", releaseKill},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, m, ann) })
	}
}

func releaseUnchanged(t *testing.T, m *machine.Machine, ann string) {
	text := "\r\n.\r\n..dots\r\nlatin \xe9 and \x7f\r\n\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n\r\n\r\n"
	content := "X-Odd:  a \r\n\tfold\r\nSubject: unchanged\r\nX-Spam-Flag: NO\r\nFrom: Eve <eve@sender.example>\r\n\r\n" + text
	mailFrom(t, m, goodClient, sender, content, ann).id(t)
	rows := asked[[]row](t, m, "quarantine", "list", "--subject", "unchanged")
	if len(rows) != 1 {
		t.Fatalf("held: %+v", rows)
	}
	if got := box(t, m, ann, "INBOX"); len(got) > 0 {
		t.Fatalf("the inbox has %d messages before the release", len(got))
	}
	released := asked[[]row](t, m, "quarantine", "release", rows[0].ID)
	if len(released) != 1 || released[0].State != "released" || released[0].ID != rows[0].ID {
		t.Errorf("release says %+v", released)
	}
	got := withSubject(box(t, m, ann, "INBOX"), "unchanged")
	if len(got) != 1 {
		t.Fatalf("the inbox has it %d times", len(got))
	}
	header, rest, _ := strings.Cut(got[0], "X-Odd:")
	want := strings.TrimPrefix(strings.Replace(content, "X-Spam-Flag: NO\r\n", "", 1), "X-Odd:")
	if rest != want {
		t.Errorf("content is %q, want %q", rest, want)
	}
	if !strings.Contains(header, "\r\nX-Gatepost-Id: "+rows[0].Tx+"\r\n") {
		t.Errorf("the header does not name the transaction:\n%s", header)
	}
	if junk := box(t, m, ann, "Junk"); len(junk) > 0 {
		t.Errorf("Junk has %d messages", len(junk))
	}
	if left := asked[[]row](t, m, "quarantine", "list"); len(left) > 0 {
		t.Errorf("still held: %+v", left)
	}
}

// releaseTwice lets processes race: one of them delivers, the others are told.
func releaseTwice(t *testing.T, m *machine.Machine, ann string) {
	for round := range 5 {
		subject := fmt.Sprintf("race %d", round)
		id := holdOne(t, m, subject, "x", ann)
		var wg sync.WaitGroup
		statuses, says := make([]int, 3), make([]string, 3)
		for i := range statuses {
			wg.Go(func() { _, says[i], statuses[i] = m.Try("", "quarantine", "release", id) })
		}
		wg.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{0, 1, 1}) {
			t.Errorf("exit statuses %v, want one 0 and the others 1", statuses)
		}
		for _, s := range says {
			if s != "" && !strings.Contains(s, "released") {
				t.Errorf("the late one is told %q, want that it is released already", s)
			}
		}
		if n := len(withSubject(box(t, m, ann, "INBOX"), subject)); n != 1 {
			t.Errorf("%s is delivered %d times", subject, n)
		}
	}
}

// releaseMany: ids that don't exist stop all of it; one that is released already does
// not keep the others.
func releaseMany(t *testing.T, m *machine.Machine, ann string) {
	first, second := holdOne(t, m, "many one", "x", ann), holdOne(t, m, "many two", "x", ann)
	if _, _, status := m.Try("", "quarantine", "release", first, "00000000000000000000"); status != 1 {
		t.Errorf("an unknown id: exit status %d, want 1", status)
	}
	if s := heldState(t, m, first); s != "held" {
		t.Errorf("with an unknown id beside it: %s, want held", s)
	}
	run(t, m, "", "quarantine", "release", first)
	if _, _, status := m.Try("", "quarantine", "release", first, second); status != 1 {
		t.Errorf("one of two is released already: exit status %d, want 1", status)
	}
	if s := heldState(t, m, second); s != "released" {
		t.Errorf("beside one that is released already: %s, want released", s)
	}
	if n := len(withSubject(box(t, m, ann, "INBOX"), "many one")); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

// releaseSelection: of what a selection means all is released, but what somebody released
// before, and nothing else.
func releaseSelection(t *testing.T, m *machine.Machine, ann string) {
	var ids []string
	for i := range 4 {
		ids = append(ids, holdOne(t, m, fmt.Sprintf("choice %d", i), "x", ann))
	}
	other := holdOne(t, m, "no such subject", "x", ann)
	run(t, m, "", "quarantine", "release", ids[1])
	selection := []string{"quarantine", "release", "--filter", "keywords", "--subject", "CHOICE", "--since", "1h", "--recipient", ann}
	n := asked[struct{ Count int }](t, m, append(selection, "--dry-run")...)
	if n.Count != 3 {
		t.Errorf("counted %d, want 3", n.Count)
	}
	sum := asked[struct{ Done, Skipped, Failed int }](t, m, append(selection, "--all")...)
	if sum.Done != 3 || sum.Skipped+sum.Failed != 0 {
		t.Errorf("got %+v, want 3 done", sum)
	}
	for _, id := range ids {
		if s := heldState(t, m, id); s != "released" {
			t.Errorf("%s is %s", id, s)
		}
	}
	if s := heldState(t, m, other); s != "held" {
		t.Errorf("what was not meant is %s", s)
	}
	run(t, m, "", "quarantine", "release", other)
}

func releaseDeleted(t *testing.T, m *machine.Machine, ann string) {
	id := holdOne(t, m, "deleted", "x", ann)
	run(t, m, "", "quarantine", "delete", id)
	out, errs, status := m.Try("", "quarantine", "release", id)
	if status != 1 || !strings.Contains(errs, "deleted") {
		t.Errorf("release of a deleted one: %d %q %q, want 1 and the reason", status, out, errs)
	}
	if _, _, status := m.Try("", "quarantine", "delete", id); status != 1 {
		t.Errorf("a second delete: exit status %d, want 1", status)
	}
	if s := heldState(t, m, id); s != "deleted" {
		t.Errorf("state %s, want deleted", s)
	}
	if n := len(withSubject(box(t, m, ann, "INBOX"), "deleted")); n != 0 {
		t.Errorf("delivered %d times", n)
	}
	rows := asked[[]row](t, m, "quarantine", "list", "--state", "deleted")
	if len(rows) != 1 || rows[0].ID != id {
		t.Errorf("list --state deleted has %+v", rows)
	}
	run(t, m, "", "check", "store") // the content of what was given up may go, and nobody misses it
}

func releaseNobody(t *testing.T, m *machine.Machine, _ string) {
	run(t, m, "", "mailbox", "add", "gone@test.example")
	id := holdOne(t, m, "gone", "x", "gone@test.example")
	run(t, m, "", "mailbox", "set", "gone@test.example", "--state", "closed")
	if _, errs, status := m.Try("", "quarantine", "release", id); status != 1 || errs == "" {
		t.Errorf("release into a closed mailbox: %d %q, want 1 and a reason", status, errs)
	}
	if s := heldState(t, m, id); s != "held" {
		t.Errorf("state %s, want held", s)
	}
	run(t, m, "", "mailbox", "remove", "gone@test.example")
	if _, errs, status := m.Try("", "quarantine", "release", id); status != 1 || errs == "" {
		t.Errorf("release into a mailbox that is gone: %d %q, want 1 and a reason", status, errs)
	}
	if s := heldState(t, m, id); s != "deleted" { // with the mailbox goes all that is its own
		t.Errorf("state %s, want deleted", s)
	}
	run(t, m, "", "check", "store")
}

// releaseApart: a message held for two is released for one.
func releaseApart(t *testing.T, m *machine.Machine, ann string) {
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	holdOne(t, m, "apart", "x", ann, "bob@test.example")
	rows := asked[[]row](t, m, "quarantine", "list", "--recipient", "bob@test.example")
	if len(rows) != 1 {
		t.Fatalf("held for bob: %+v", rows)
	}
	run(t, m, "", "quarantine", "release", rows[0].ID)
	if a, b := len(withSubject(box(t, m, ann, "INBOX"), "apart")), len(withSubject(box(t, m, "bob@test.example", "INBOX"), "apart")); a != 0 || b != 1 {
		t.Errorf("ann has it %d times, bob %d, want 0 and 1", a, b)
	}
	if rows := asked[[]row](t, m, "quarantine", "list", "--subject", "apart"); len(rows) != 1 || rows[0].Recipient != ann {
		t.Errorf("still held: %+v, want ann's", rows)
	}
}

// releaseKill: a release that was answered stays, and stays one.
func releaseKill(t *testing.T, m *machine.Machine, ann string) {
	id, other := holdOne(t, m, "killed one", "x", ann), holdOne(t, m, "killed two", "x", ann)
	run(t, m, "", "quarantine", "release", id)
	m.Kill()
	if _, _, status := m.Try("", "quarantine", "release", id); status != 1 {
		t.Errorf("again, without a server: exit status %d, want 1", status)
	}
	run(t, m, "", "quarantine", "release", other)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"killed one", "killed two"} {
		if n := len(withSubject(box(t, m, ann, "INBOX"), subject)); n != 1 {
			t.Errorf("%s is there %d times", subject, n)
		}
	}
	if s := heldState(t, m, id); s != "released" {
		t.Errorf("state %s, want released", s)
	}
	run(t, m, "", "check", "store")
}
