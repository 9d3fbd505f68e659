package intake_test

import (
	"fmt"
	"slices"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// severe is the policy of all domains that ends every walk at RCPT; its part for postmaster and
// abuse does, too, with scans.
func severe(w *world, effect string, scans bool) {
	e, err := pipeline.ParseEffect(effect)
	if err != nil {
		panic(err)
	}
	kind := &pipeline.Kind{Name: "severe", Stage: pipeline.Rcpt, Scope: pipeline.PerRecipient, Results: []pipeline.Result{{Word: "all"}}}
	all := &pipeline.Policy{Name: "default", Entries: []*pipeline.Entry{{
		Name: "severe", Kind: kind, Key: "severe", On: map[string]pipeline.Effect{"all": e}, Filter: fixed{pipeline.Finding{Result: "all"}},
	}}}
	if scans {
		all.Roles = &pipeline.Policy{Name: "default", Entries: all.Entries}
	}
	p := *w.Policies()
	p.ByName = map[string]*pipeline.Policy{"default": all, "early": all}
	w.SetPolicies(&p)
}

// In every domain postmaster and abuse are taken (RFC 5321 §4.5.1, RFC 2142), made or not, here and
// for a customer's own server; no filter is asked but those that are for them.
func TestRolesAreTaken(t *testing.T) {
	for _, effect := range []string{"reject", "defer", "quarantine", "spam", "junk", "discard"} {
		for _, to := range []string{
			"postmaster@late.example", "Postmaster@EARLY.example", "abuse@junk.example", "abuse+case-7@late.example", "postmaster@hosted.example",
			"abuse@hosted.example", "postmaster@mx.example",
		} {
			w, _, dir := newOutWorld(t)
			if _, err := dir.ChangeDomain(t.Context(), "hosted.example", func(d *directory.Domain) error { d.Lookup = "staff"; return nil }); err != nil {
				t.Fatal(err) // and the look-up knows nobody
			}
			severe(w, effect, false)
			if got := w.send(t, to); !slices.Equal(got, []mail.Answer{mail.OK, mail.OK}) {
				t.Errorf("%s, %s: got %v", to, effect, got)
				continue
			}
			if c := w.commits[0]; len(c.Deliveries)+len(c.Transfers) != 1 || len(c.Held) != 0 {
				t.Errorf("%s, %s: commit %s", to, effect, outcome(c))
			}
		}
	}
	for _, effect := range []string{"reject", "quarantine"} { // nothing is held
		w := newWorld(t)
		severe(w, effect, true)
		if got := w.send(t, "postmaster@late.example"); got[len(got)-1] != mail.Refused || len(w.commits) > 0 {
			t.Errorf("%s: what is for them is not asked, or something is held: got %v", effect, got)
		}
	}
}

// Neither a full mailbox nor too much mail keeps them out, also where the queue brings it.
func TestRolesHaveRoom(t *testing.T) {
	w, _, dir := newOutWorld(t)
	box, _ := dir.Snapshot().Mailbox("none@late.example")
	for _, address := range []mail.Path{"postmaster@late.example", "help@late.example"} {
		if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: address, Targets: []mail.Path{"none@late.example"}}); err != nil {
			t.Fatal(err)
		}
	}
	w.Meter = &gauge{dir: dir, full: map[string]error{"none": mailbox.ErrBeyondQuota}, flooded: true}
	for to, want := range map[string]mail.Answer{
		"help@late.example": mail.MailboxFull, "postmaster@late.example": mail.OK, "abuse@late.example": mail.OK, "PostMaster+x@late.example": mail.OK,
	} {
		if got := w.send(t, to); got[0] != want {
			t.Errorf("%s: got %v, want %v", to, got, want)
		}
		m := &queue.Message{ID: "m", Sender: "bob@elsewhere.example", Size: 5}
		for _, boxes := range [][]int64{nil, {box.ID}} {
			store := &leftovers{}
			tr := &queue.Transfer{Message: m, Recipient: mail.Path(to), Destination: queue.Local, Boxes: boxes}
			job := queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte(letter)), Transfers: []*queue.Transfer{tr}}
			got := intake.Local{In: w.Intake, Store: store}.Carry(t.Context(), job).Results[0].Fate
			if (got == queue.Carried) != (want == mail.OK) {
				t.Errorf("%s, from the queue, to %v: %s", to, boxes, got)
			}
		}
	}
}

// What the gate puts off for their number is not put off for postmaster and abuse; who is banned or
// blocked does not get through to them either.
func TestRolesAtTheGate(t *testing.T) {
	for effect, want := range map[string]mail.Answer{"defer 450 4.7.1": mail.OK, "defer": mail.OK, "reject": mail.Shut} {
		w := newWorld(t)
		withGate(w, pipeline.Mail, effect)
		conv, _ := w.Connect(t.Context(), client)
		defer conv.Close()
		for try := range 8 { // longer than the gate's patience
			tx, _ := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
			for _, to := range []mail.Path{"none@late.example", "postmaster@late.example", "abuse@early.example", "postmaster@elsewhere.example"} {
				v := tx.Rcpt(t.Context(), to, mail.RcptParams{})
				if role := to == "postmaster@late.example" || to == "abuse@early.example"; role && v.Answer != want || !role && v.Answer == mail.OK {
					t.Errorf("%s, try %d, %s: got %v", effect, try, to, v)
				}
			}
			tx.Abort(mail.OK, "QUIT")
		}
		if got := w.notes[0].Walks; fmt.Sprint(want) == "ok" && len(got) != 5 {
			t.Errorf("%s: %d walks in the journal", effect, len(got))
		}
	}
}
