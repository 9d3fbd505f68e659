package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// ScriptStore is a store of scripts, and how what they remember is written.
type ScriptStore struct {
	mailbox.ScriptChanges
	mailbox.ScriptNews
	mailbox.ScriptMemory
	mailbox.Folders
	mailbox.Reader
	Queue  QueueRows
	Commit func(ctx context.Context, c *intake.Commit) error
	// Drop removes a box, Remove its mailbox of the directory with all that is in it.
	Drop, Remove func(t *testing.T, box int64)
}

// Scripts tests that what open returns keeps scripts. Each call of open is a new, empty store
// that knows the mailboxes 1 to 70.
func Scripts(t *testing.T, open func(*testing.T) ScriptStore) {
	for name, f := range map[string]func(*scripts){
		"put, read, change":   (*scripts).put,
		"one is active":       (*scripts).active,
		"rename":              (*scripts).rename,
		"bounds":              (*scripts).bounds,
		"news":                (*scripts).news,
		"gone with their box": (*scripts).drop,
		"remembered":          (*scripts).remember,
		"gone meanwhile":      (*scripts).gone,
		"together":            (*scripts).together,
		"two at once":         (*scripts).raced,
		"answered once":       (*scripts).answer,
		"into some folders":   (*scripts).folders,
	} {
		t.Run(name, func(t *testing.T) { f(&scripts{box: &box{T: t}, s: open(t)}) })
	}
}

type scripts struct {
	*box
	s ScriptStore
}

func (b *scripts) putScript(id int64, name, content string) {
	b.Helper()
	b.check(b.s.PutScript(b.Context(), id, mailbox.Script{Name: name, Content: content, Active: true, Changed: when}))
}

// list describes a box's scripts: "a b*", the active one with a star.
func (b *scripts) list(id int64) string {
	b.Helper()
	list, err := b.s.ScriptChanges.Scripts(b.Context(), id)
	b.check(err)
	var all []string
	for _, s := range list {
		if s.Content != "" || !s.Changed.Equal(when) {
			b.Errorf("got %q, changed %v", s.Content, s.Changed)
		}
		if s.Active {
			s.Name += "*"
		}
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

func (b *scripts) put() {
	b.want("none", b.list(7), "")
	b.putScript(7, "été", "keep;")
	b.putScript(7, "b", "stop;\x00\xff")
	b.putScript(8, "b", "discard;")
	b.putScript(7, "été", "keep; stop;")
	b.want("scripts", b.list(7), "b été")
	for name, want := range map[string]string{"été": "keep; stop;", "b": "stop;\x00\xff"} {
		s, err := b.s.Script(b.Context(), 7, name)
		b.check(err)
		b.want(name, s, mailbox.Script{Name: name, Content: want, Changed: when})
	}
	_, err := b.s.Script(b.Context(), 7, "c")
	b.wantErr("another", err, mailbox.ErrNoScript)
	b.wantErr("delete another", b.s.DeleteScript(b.Context(), 7, "c"), mailbox.ErrNoScript)
	b.check(b.s.DeleteScript(b.Context(), 7, "b"))
	b.want("after delete", b.list(7)+b.list(8), "étéb")
	if err := b.s.PutScript(b.Context(), 700, mailbox.Script{Name: "x", Changed: when}); err == nil {
		b.Error("put into a mailbox that is not there")
	}
}

func (b *scripts) active() {
	b.putScript(7, "a", "keep;")
	b.putScript(7, "b", "keep;")
	b.check(b.s.ActivateScript(b.Context(), 7, "a"))
	b.check(b.s.ActivateScript(b.Context(), 7, "b"))
	b.want("active", b.list(7), "a b*")
	s, err := b.s.Script(b.Context(), 7, "b")
	b.check(err)
	b.want("active one", s.Active, true)
	b.wantErr("activate another", b.s.ActivateScript(b.Context(), 7, "c"), mailbox.ErrNoScript)
	b.wantErr("delete the active one", b.s.DeleteScript(b.Context(), 7, "b"), mailbox.ErrScriptActive)
	b.putScript(7, "b", "stop;")
	b.want("after all that", b.list(7), "a b*")
	b.check(b.s.ActivateScript(b.Context(), 7, ""))
	b.want("none", b.list(7), "a b")
	b.check(b.s.DeleteScript(b.Context(), 7, "b"))
}

func (b *scripts) rename() {
	b.putScript(7, "a", "keep;")
	b.putScript(7, "b", "stop;")
	b.check(b.s.ActivateScript(b.Context(), 7, "a"))
	b.wantErr("over another", b.s.RenameScript(b.Context(), 7, "a", "b"), mailbox.ErrScriptExists)
	b.wantErr("one that is not there", b.s.RenameScript(b.Context(), 7, "c", "d"), mailbox.ErrNoScript)
	b.wantErr("to no name", b.s.RenameScript(b.Context(), 7, "a", "x\ny"), mailbox.ErrScriptName)
	b.check(b.s.RenameScript(b.Context(), 7, "b", "b"))
	b.check(b.s.RenameScript(b.Context(), 7, "a", "c"))
	b.want("the active one", b.list(7), "b c*")
	s, err := b.s.Script(b.Context(), 7, "c")
	b.check(err)
	b.want("content", s.Content, "keep;")
}

func (b *scripts) bounds() {
	for _, name := range []string{"", "a\x00b", "a\u2028b", "a/b", "a\x85\xff", strings.Repeat("x", mailbox.MaxScriptName+1)} {
		b.wantErr("name", b.s.PutScript(b.Context(), 7, mailbox.Script{Name: name, Changed: when}), mailbox.ErrScriptName)
	}
	b.putScript(7, strings.Repeat("x", mailbox.MaxScriptName), strings.Repeat("#", mailbox.MaxScript-1))
	big := mailbox.Script{Name: "y", Content: "ab", Changed: when}
	b.wantErr("octets", b.s.PutScript(b.Context(), 7, big), mailbox.ErrScriptQuota)
	b.putScript(7, "y", "a")
	for i := range mailbox.MaxScripts {
		b.putScript(8, fmt.Sprint(i), "")
	}
	b.wantErr("number", b.s.PutScript(b.Context(), 8, big), mailbox.ErrScriptQuota)
	b.putScript(8, "3", "keep;")
	b.putScript(9, "y", "ab")
}

func (b *scripts) news() {
	since := func(after int64) (got string, last int64) {
		b.Helper()
		list, last, err := b.s.ScriptsSince(b.Context(), after)
		b.check(err)
		for _, c := range list {
			got += fmt.Sprintf("%d:%s ", c.Box, c.Active)
			if c.Revision <= after || c.Revision > last {
				b.Errorf("revision %d after %d, last %d", c.Revision, after, last)
			}
		}
		return got, last
	}
	got, first := since(0)
	b.want("nothing yet", got, "")
	b.putScript(7, "a", "keep;")
	b.putScript(8, "a", "keep;")
	b.check(b.s.ActivateScript(b.Context(), 7, "a"))
	got, second := since(first)
	b.want("news", got, "8: 7:a ")
	if b.s.ActivateScript(b.Context(), 7, "none") == nil {
		b.Error("activated nothing")
	}
	got, same := since(second)
	b.want("what failed is none", got+fmt.Sprint(same), fmt.Sprint(second))
	b.check(b.s.RenameScript(b.Context(), 7, "a", "b"))
	b.check(b.s.DeleteScript(b.Context(), 8, "a"))
	got, _ = since(second)
	b.want("after", got, "7:b 8: ")
}

func (b *scripts) drop() {
	b.putScript(7, "a", "keep;")
	b.putScript(8, "a", "keep;")
	b.check(b.s.ActivateScript(b.Context(), 7, "a"))
	b.commit(&intake.Commit{Remember: []mailbox.Memory{memory(7, "x", when, time.Hour)}})
	b.s.Drop(b.T, 7)
	b.want("scripts", b.list(7)+"/"+b.list(8), "/a")
	b.want("memory", b.recalls(7, "x", when), false)
}

func (b *scripts) recalls(id int64, what string, at time.Time) bool {
	b.Helper()
	known, err := b.s.Recalls(b.Context(), id, what, at)
	b.check(err)
	return known
}

func (b *scripts) commit(c *intake.Commit) {
	b.Helper()
	c.Row = &journal.Row{ID: mail.NewID(when), Time: when}
	b.check(b.s.Commit(b.Context(), c))
}

func memory(box int64, id string, at time.Time, d time.Duration) mailbox.Memory {
	return mailbox.Memory{Box: box, ID: id, Time: at, Expires: at.Add(d)}
}

func (b *scripts) remember() {
	b.want("before", b.recalls(7, "x", when), false)
	b.commit(&intake.Commit{Remember: []mailbox.Memory{memory(7, "x", when, time.Hour), memory(7, "y", when, 2*time.Hour), memory(8, "x", when, time.Minute)}})
	for at, want := range map[time.Duration]string{0: "true true true", time.Minute: "true true false", time.Hour: "false true false"} {
		got := fmt.Sprint(b.recalls(7, "x", when.Add(at)), b.recalls(7, "y", when.Add(at)), b.recalls(8, "x", when.Add(at)))
		b.want(fmt.Sprint("after ", at), got, want)
	}
	b.commit(&intake.Commit{Remember: []mailbox.Memory{memory(7, "x", when.Add(time.Hour), time.Hour)}})
	b.want("once more", b.recalls(7, "x", when.Add(time.Hour)), true)
	for _, want := range []int{1, 1, 1, 0} {
		n, err := b.s.Forget(b.Context(), when.Add(2*time.Hour), 1)
		b.check(err)
		b.want("forgotten", n, want)
	}
	b.want("at the end", b.recalls(7, "x", when), false)
}

// together: who reads and writes loses nobody's change, and what fails changes nothing.
func (b *scripts) together() {
	b.putScript(7, "a", "")
	add := func(fail error) error {
		return b.s.Together(b.Context(), 7, func(s mailbox.Scripts) error {
			one, err := s.Script(b.Context(), 7, "a")
			if err != nil {
				return err
			}
			one.Content += "x"
			if err := s.PutScript(b.Context(), 7, one); err != nil {
				return err
			}
			if err := s.ActivateScript(b.Context(), 7, "a"); err != nil {
				return err
			}
			list, err := s.Scripts(b.Context(), 7)
			if err == nil && !list[0].Active {
				err = errors.New("its own change is not seen")
			}
			return errors.Join(err, fail)
		})
	}
	cause := errors.New("no")
	if err := add(cause); !errors.Is(err, cause) {
		b.Error(err)
	}
	b.want("after a failure", b.list(7), "a")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := add(nil); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	one, err := b.s.Script(b.Context(), 7, "a")
	b.check(err)
	b.want("content", one.Content, "xxxxxxxx")
	b.want("active", b.list(7), "a*")
}

// gone: of a mailbox that was removed while its mail waited nothing is made anew.
func (b *scripts) gone() {
	queued(b.T, b.s.Queue, "m", queue.Local, "all@here.example")
	list, err := b.s.Queue.Claim(b.Context(), queue.Local, 1, time.Hour)
	b.check(err)
	b.s.Remove(b.T, 7)
	m := &queue.Message{ID: mail.NewID(when), Tx: "tx", Blob: "away", Size: 10, Created: when, Expires: when.Add(time.Hour)}
	c := &intake.Commit{
		Remember: []mailbox.Memory{memory(7, "x", when, time.Hour), memory(8, "x", when, time.Hour)},
		Answers:  []intake.Answer{{Transfer: &queue.Transfer{Message: m, Recipient: "ann@far.example", Destination: toQueue}, Once: memory(7, "v", when, time.Hour)}},
	}
	b.check(b.s.Queue.CommitLocal(b.Context(), list[0], c, nil))
	b.want("remembered", fmt.Sprint(b.recalls(7, "x", when), b.recalls(7, "v", when), b.recalls(8, "x", when)), "false false true")
	folders, err := b.s.Folders.Folders(b.Context(), 7)
	b.check(err)
	b.want("folders", len(folders), 0)
	b.want("answers", len(claim(b.T, b.s.Queue, 10, time.Hour)), 0)
}

// raced: what was decided as new is not, since another message was faster; nothing of it is kept.
func (b *scripts) raced() {
	fresh := func(at time.Time) *intake.Commit {
		m := memory(9, "x", at, time.Hour)
		m.New = true
		return &intake.Commit{
			Remember:   []mailbox.Memory{m},
			Deliveries: []*mailbox.Delivery{{Box: 9, Blob: "one", Size: 10, Time: at}}, Row: &journal.Row{ID: mail.NewID(at), Time: at},
		}
	}
	b.check(b.s.Commit(b.Context(), fresh(when)))
	if err := b.s.Commit(b.Context(), fresh(when.Add(time.Hour-1))); !errors.Is(err, intake.ErrSame) {
		b.Errorf("the second of two: %v", err)
	}
	b.check(b.s.Commit(b.Context(), fresh(when.Add(time.Hour))))
	list, err := b.s.Folders.Folders(b.Context(), 9)
	b.check(err)
	b.want("delivered", b.messages(list), int64(2))
	_, err = b.s.Forget(b.Context(), when.Add(24*time.Hour), 100)
	b.check(err)
}

func (b *scripts) messages(list []mailbox.Folder) (n int64) {
	for _, f := range list {
		n += f.Messages
	}
	return n
}

// Two messages of one sender have one answer, whatever comes first; and the next one when it is
// forgotten.
func (b *scripts) answer() {
	answer := func(id string, at time.Time, d time.Duration) intake.Answer {
		m := &queue.Message{ID: mail.NewID(at), Tx: "tx", Blob: "away", Size: 10, Created: at, Expires: at.Add(time.Hour)}
		return intake.Answer{Transfer: &queue.Transfer{Message: m, Recipient: "ann@far.example", Destination: toQueue}, Once: memory(7, id, at, d)}
	}
	sent := 0
	queued := func(what string, want int) {
		b.Helper()
		list := claim(b.T, b.s.Queue, 100, time.Hour)
		sent += len(list)
		b.want(what, sent, want)
	}
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("v", when, time.Hour), answer("v", when, time.Hour)}})
	queued("once", 1)
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("v", when.Add(time.Hour-1), time.Hour)}})
	queued("not again", 1)
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("v", when.Add(time.Hour), time.Hour), answer("w", when, time.Hour)}})
	queued("when it is over, and another", 3)
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("", when, 0), answer("", when, 0)}})
	queued("always", 5)
	ofDomain := func(at time.Time) *intake.Commit {
		a := answer("fault 1 in", at, time.Hour)
		a.Once.Box = 0
		return &intake.Commit{Answers: []intake.Answer{a}}
	}
	b.commit(ofDomain(when))
	b.commit(ofDomain(when.Add(time.Minute)))
	queued("of a domain's rules, once", 6)

	ahead := when.AddDate(1, 0, 0)
	jumped := answer("jump", ahead, 7*24*time.Hour)
	jumped.Transfer.Message.Created, jumped.Transfer.Message.Expires = when, when.Add(time.Hour)
	b.commit(&intake.Commit{Answers: []intake.Answer{jumped}, Remember: []mailbox.Memory{memory(7, "seen", ahead, time.Hour)}})
	queued("while the clock is a year ahead", 7)
	b.want("recalled then", b.recalls(7, "jump", ahead), true)
	b.want("recalled when it is right again", b.recalls(7, "jump", when) || b.recalls(7, "seen", when), false)
	again := memory(7, "seen", when, time.Hour)
	again.New = true
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("jump", when, 7*24*time.Hour)}, Remember: []mailbox.Memory{again}})
	queued("then again", 8)
	b.commit(&intake.Commit{Answers: []intake.Answer{answer("jump", when.Add(time.Hour), 7*24*time.Hour)}})
	queued("and not twice", 8)
	b.want("recalled", b.recalls(7, "jump", when) && b.recalls(7, "seen", when), true)
}

// folders: an e-mail in some folders is one e-mail, and in each once.
func (b *scripts) folders() {
	d := func(folder string, create, again bool, flags ...string) *mailbox.Delivery {
		return &mailbox.Delivery{Box: 7, Folder: folder, Create: create, Again: again, Flags: flags, Blob: "one", Size: 10, Time: when}
	}
	c := &intake.Commit{Deliveries: []*mailbox.Delivery{
		d("", false, false), d("Work/Bills", true, true, `\Flagged`), d("none", false, true), d("work/bills", true, true), d("Work/Bills", true, true),
		d(`\Junk`, false, true), d("Bad\x00", true, true), d("Quarantine", true, true),
		d("\xe9", true, true), d("Shared/ann@example.org/Work", true, true), d("Groups/x", true, true),
	}}
	b.commit(c)
	list, err := b.s.Folders.Folders(b.Context(), 7)
	b.check(err)
	var got []string
	ids := map[int64]bool{}
	for _, f := range list {
		all, err := b.s.Messages(b.Context(), f.ID, set(1, 1<<32-1), mailbox.Row)
		b.check(err)
		for _, m := range all {
			ids[m.EmailID] = true
		}
		if f.Messages > 0 || strings.Contains(f.Name, "ork") {
			got = append(got, fmt.Sprintf("%s %d %v", f.Name, f.Messages, f.Subscribed))
		}
	}
	b.want("folders", strings.Join(got, ", "), "Groups/x 1 true, INBOX 1 true, Junk 1 true, Quarantine 1 true, Work 0 false, Work/Bills 1 true, work 0 false, work/bills 1 true")
	b.want("e-mails", len(ids), 1)
	b.want("into the inbox again", c.Deliveries[2].UID, 0)
}
