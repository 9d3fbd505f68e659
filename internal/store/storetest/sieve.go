package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/mailbox"
)

// ScriptStore is a store of scripts, and how what they remember is written.
type ScriptStore struct {
	mailbox.Scripts
	mailbox.ScriptNews
	mailbox.ScriptMemory
	// Drop removes a box.
	Drop func(t *testing.T, box int64)
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
	list, err := b.s.Scripts.Scripts(b.Context(), id)
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
	for _, name := range []string{"", "a\x00b", "a\u2028b", "a\x85\xff", strings.Repeat("x", mailbox.MaxScriptName+1)} {
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
	b.s.Drop(b.T, 7)
	b.want("scripts", b.list(7)+"/"+b.list(8), "/a")
	known, err := b.s.Recalls(b.Context(), 7, "x", time.Now())
	b.check(err)
	b.want("memory", known, false)
}
