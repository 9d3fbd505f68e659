package intake_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// asked is a filter that counts how often it is asked.
type asked struct{ n *atomic.Int64 }

func (a asked) Check(context.Context, pipeline.Query) (pipeline.Finding, error) {
	a.n.Add(1)
	return pipeline.Finding{Result: "none"}, nil
}

// A transaction of as many recipients as are taken (1,000): what judges the message is asked once for all of them, what each recipient takes of
// memory is bounded, and ten times as many take no more than ten times as much work, by what is allocated, which no load of the
// machine changes.
func TestManyRecipients(t *testing.T) {
	few, many := takes(t, 100), takes(t, 1000)
	t.Logf("100: %d KiB live, %d KiB allocated; 1,000: %d KiB live, %d KiB allocated", few.live>>10, few.allocated>>10, many.live>>10, many.allocated>>10)
	if each := many.live / 1000; each > 8<<10 {
		t.Errorf("each of 1,000 recipients holds %d octets", each)
	}
	if many.allocated > 15*few.allocated {
		t.Errorf("1,000 recipients take %d octets of allocations, 100 take %d", many.allocated, few.allocated)
	}
}

// a load is what a transaction took.
type load struct{ live, allocated int64 }

// takes brings one message to n recipients.
func takes(t *testing.T, n int) load {
	t.Helper()
	w := newWorld(t)
	var whole, domain, each atomic.Int64
	var entries []*pipeline.Entry
	for name, f := range map[pipeline.Scope]*atomic.Int64{pipeline.PerMessage: &whole, pipeline.PerDomain: &domain, pipeline.PerRecipient: &each} {
		kind := &pipeline.Kind{Name: fmt.Sprint("asked", name), Stage: pipeline.Data, Scope: name, Results: []pipeline.Result{{Word: "none", Effect: "none"}}}
		entries = append(entries, &pipeline.Entry{Name: kind.Name, Kind: kind, Filter: asked{f}, Key: kind.Name, On: map[string]pipeline.Effect{}})
	}
	p := &pipeline.Policy{Name: "default", Required: 5, Entries: entries}
	w.SetPolicies(&intake.Policies{Gate: &pipeline.Policy{Name: "gate"}, Default: "default", ByName: map[string]*pipeline.Policy{"default": p}})
	_, err := w.Directory.(*directory.Directory).ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.CatchAll = "none@late.example"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	conv.Helo(t.Context(), client)
	before := heap()
	tx, v := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	for i := range n {
		if v := tx.Rcpt(t.Context(), mail.Path(fmt.Sprintf("somebody%d@late.example", i)), mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(i, v)
		}
	}
	open := heap()
	if v := tx.Data(t.Context(), mail.NewMessage([]byte(letter)), []byte("Received: test\r\n")); v.Answer != mail.OK {
		t.Fatal(v)
	}
	after := heap()
	if whole.Load() != 1 || domain.Load() != 1 || each.Load() != int64(n) {
		t.Errorf("%d recipients: asked %d times for the message, %d for the domain, %d for recipients", n, whole.Load(), domain.Load(), each.Load())
	}
	if len(w.commits) != 1 {
		t.Errorf("%d recipients: %d commits", n, len(w.commits))
	}
	return load{int64(open.HeapAlloc) - int64(before.HeapAlloc), int64(after.TotalAlloc - before.TotalAlloc)}
}

// heap is what is there once the collector has been.
func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
