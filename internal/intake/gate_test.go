package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// withGate puts a gate of one entry in force, which says the same at each stage.
func withGate(w *world, stage pipeline.Stage, effect string) {
	p := *w.Policies()
	kind := &pipeline.Kind{Name: "rate", Stage: stage, Gate: true, Told: true, Results: []pipeline.Result{{Word: "over"}}}
	e, err := pipeline.ParseEffect(effect)
	if err != nil {
		panic(err)
	}
	p.Gate = &pipeline.Policy{Name: "gate", Entries: []*pipeline.Entry{{
		Name: "rate", Kind: kind, Key: "rate", On: map[string]pipeline.Effect{"over": e},
		Filter: fixed{pipeline.Finding{Result: "over", Reason: "too many"}},
	}}}
	w.SetPolicies(&p)
}

// The gate speaks for the node. What it says before MAIL ends the connection; what it
// says at MAIL answers each RCPT, so that the record tells for whom the mail was.
func TestGate(t *testing.T) {
	tests := []struct {
		effect string
		want   mail.Answer
		code   int
		state  string
	}{
		{"defer", mail.Busy, 0, "busy"},
		{"defer 421 4.7.0", mail.Busy, 421, "busy"},
		{"defer 450 4.7.1", mail.Deferred, 450, "deferred"},
		{"reject", mail.Shut, 0, "shut"},
	}
	for _, test := range tests {
		t.Run(test.effect, func(t *testing.T) {
			w := newWorld(t)
			withGate(w, pipeline.Mail, test.effect)
			conv, v := w.Connect(t.Context(), client)
			defer conv.Close()
			if v.Answer != mail.OK {
				t.Fatalf("connect: got %v", v)
			}
			for try := 1; try <= 6; try++ {
				tx, v := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
				if v.Answer != mail.OK {
					t.Fatalf("mail: got %v", v)
				}
				want, code := test.want, test.code
				if try == 6 && want == mail.Deferred { // it has had its tries
					want, code = mail.Busy, 0
				}
				for _, to := range []mail.Path{"none@late.example", "nobody@elsewhere.example"} {
					v = tx.Rcpt(t.Context(), to, mail.RcptParams{})
					if v.Answer != want || v.Reply.Code != code || v.Reason != "too many" || v.ID == "" {
						t.Errorf("try %d, rcpt: got %+v", try, v)
					}
				}
				tx.Abort(mail.OK, "QUIT")
			}
			first := w.notes[0]
			if len(w.notes) != 6 || first.State != test.state || len(first.Walks) != 3 {
				t.Fatalf("%d notes, the first %+v", len(w.notes), first)
			}
			if got := first.Walks[1]; got.Recipient != "none@late.example" || got.Decision.Entry != "rate" || got.Decision.Reason != "too many" || got.Outcome != test.state {
				t.Errorf("recipient: %+v", got)
			}
		})
	}
}

// Transactions that ask for nobody leave one line a connection, and no notes.
func TestTransactionsWithoutRecipient(t *testing.T) {
	w := newWorld(t)
	withGate(w, pipeline.Mail, "defer 450 4.7.1")
	var b strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&b, nil))
	l := labels{w, map[string]bool{}}
	w.Observer = l
	conv, _ := w.Connect(t.Context(), client)
	for i := range 20 {
		tx, v := conv.Mail(t.Context(), client, mail.Path(fmt.Sprintf("a%d@sender.example", i)), mail.Params{})
		if v.Answer != mail.OK {
			t.Fatalf("mail: got %v", v)
		}
		tx.Abort(mail.OK, "RSET")
	}
	if b.Len() > 0 {
		t.Errorf("before the end: %s", b.String())
	}
	conv.Close()
	if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "transactions=20 last_from=a19@sender.example") {
		t.Errorf("log: %q", got)
	}
	if len(w.notes) != 0 || !l.seen["aborted"] {
		t.Errorf("%d notes, counted as %v", len(w.notes), l.seen)
	}
}

func TestGateAtConnect(t *testing.T) {
	w := newWorld(t)
	withGate(w, pipeline.Connect, "reject")
	conv, v := w.Connect(t.Context(), client)
	conv.Close()
	if v.Answer != mail.Shut || v.Reason != "too many" {
		t.Errorf("got %+v", v)
	}
}

// A trapper says of recipients that do not exist what their local parts say, and of
// others nothing.
type trapper struct{}

func (trapper) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	word := q.Recipient.Fold().Base().Local()
	if q.Unknown && slices.Contains([]string{"trap", "pest", "guess", "spam", "fine"}, word) {
		return pipeline.Finding{Result: word, Reason: "it says " + word}, nil
	}
	return pipeline.Finding{Result: "none", Reason: fmt.Sprintf("owned %t", q.Owned)}, nil
}

// withTraps puts a trapper in front of the policy early.
func withTraps(w *world) {
	p := *w.Policies()
	effects := map[string]string{"trap": "discard", "pest": "reject", "guess": "defer", "spam": "spam", "fine": "accept", "none": "none"}
	kind := &pipeline.Kind{Name: "traps", Stage: pipeline.Rcpt, Scope: pipeline.PerRecipient, Unknown: true, Told: true}
	e := &pipeline.Entry{Name: "traps", Kind: kind, Filter: trapper{}, Key: "traps", On: map[string]pipeline.Effect{}}
	for word, effect := range effects {
		kind.Results = append(kind.Results, pipeline.Result{Word: word, Effect: effect})
		e.On[word], _ = pipeline.ParseEffect(effect)
	}
	early := *p.ByName["early"]
	early.Entries = append([]*pipeline.Entry{e}, early.Entries...)
	early.Unknown = &pipeline.Policy{Name: "early", Entries: []*pipeline.Entry{e}}
	p.ByName = map[string]*pipeline.Policy{"default": p.ByName["default"], "early": &early}
	w.SetPolicies(&p)
}

// Who does not exist is asked of the filters that want to know: a trap's mail is taken and
// thrown away, others are refused or put off, and without a word from them it is 550.
func TestUnknownRecipients(t *testing.T) {
	w := newWorld(t)
	withTraps(w)
	to := []string{"trap@early.example", "none@early.example", "pest@early.example", "guess@early.example", "fine@early.example", "spam+x@late.example", "zoe@early.example", "trap@late.example"}
	got := w.send(t, to...)
	want := []mail.Answer{mail.OK, mail.OK, mail.Refused, mail.Deferred, mail.NoSuchMailbox, mail.OK, mail.NoSuchMailbox, mail.NoSuchMailbox, mail.OK}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if len(w.commits) != 1 || len(w.commits[0].Deliveries) != 1 || len(w.commits[0].Held) != 1 || len(w.commits[0].Transfers) != 0 {
		t.Fatalf("commits: %+v", w.commits)
	}

	w = newWorld(t)
	withTraps(w)
	w.Config.SplitRecipients = true
	if got, want := w.send(t, "trap@early.example", "none@early.example"), []mail.Answer{mail.OK, mail.OK, mail.OK}; !slices.Equal(got, want) {
		t.Errorf("of one policy: got %v, want %v", got, want)
	}
}

// A trap alone: the client hears 250, and a journal row is all that stays.
func TestTrapAlone(t *testing.T) {
	w := newWorld(t)
	withTraps(w)
	if got, want := w.send(t, "trap@early.example"), []mail.Answer{mail.OK, mail.OK}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	c := w.commits[0]
	if len(w.commits) != 1 || len(c.Deliveries)+len(c.Held)+len(c.Transfers) != 0 || c.Row == nil || slices.Contains(w.calls, "content") {
		t.Errorf("commit %+v after %v", c, w.calls)
	}
}

// Neither log-ins nor relays of ours are judged by whom they ask for.
func TestUnknownOfOurOwn(t *testing.T) {
	w := newWorld(t)
	withTraps(w)
	w.Config.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	if got := w.send(t, "trap@early.example"); !slices.Equal(got, []mail.Answer{mail.NoSuchMailbox}) {
		t.Errorf("a relay's: got %v", got)
	}
}

// past writes down what clients are remembered for.
type past []string

func (p *past) Took(client netip.Addr, good bool) {
	*p = append(*p, fmt.Sprint(client, " ", good))
}

// Arrived implements intake.Historian; see TestOpenConnections.
func (*past) Arrived(netip.Addr) (int, func()) { return 1, func() {} }

// Knows implements intake.Historian; see TestKnownRecipients.
func (*past) Knows(netip.Addr, mail.Path) {}

var _ intake.Historian = new(past)

// doors counts who is in.
type doors struct {
	past
	open int
}

func (d *doors) Arrived(netip.Addr) (int, func()) {
	d.open++
	return d.open, func() { d.open-- }
}

// A stranger's connection counts as open from its arrival to its end, also where the gate
// refuses it; a relay's, and one to the ports of users' programs, never does.
func TestOpenConnections(t *testing.T) {
	w := newWorld(t)
	var d doors
	w.Histories = &d
	one, _ := w.Connect(t.Context(), client)
	withGate(w, pipeline.Connect, "reject")
	two, _ := w.Connect(t.Context(), client)
	if d.open != 2 {
		t.Errorf("%d are open, want 2", d.open)
	}
	one.Close()
	two.Close()
	user := client
	user.Users = true
	three, _ := w.Connect(t.Context(), user)
	defer three.Close()
	w.Config.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	four, _ := w.Connect(t.Context(), client)
	defer four.Close()
	if d.open != 0 {
		t.Errorf("%d are open, want none", d.open)
	}
}

// knows counts recipients that exist.
type knows struct {
	past
	n int
}

func (k *knows) Knows(netip.Addr, mail.Path) { k.n++ }

// Who is deferred or held all the same named people who exist: a walk that ends above dhap
// makes nobody a harvester.
func TestKnownRecipients(t *testing.T) {
	for to, want := range map[string]int{"defer@early.example": 1, "reject@early.example": 1, "none@late.example": 1, "zoe@late.example": 0} {
		w := newWorld(t)
		var k knows
		w.Histories = &k
		w.send(t, to)
		if k.n != want {
			t.Errorf("%s: %d known, want %d", to, k.n, want)
		}
	}
}

func TestHistories(t *testing.T) {
	tests := []struct {
		to   []string
		want []string
	}{
		{[]string{"none@late.example"}, []string{"192.0.2.7 true"}},
		{[]string{"none@late.example", "accept@junk.example"}, []string{"192.0.2.7 true"}},
		{[]string{"none@late.example", "spam@junk.example"}, []string{"192.0.2.7 false"}},
		{[]string{"quarantine@late.example"}, []string{"192.0.2.7 false"}},
		{[]string{"reject@late.example"}, []string{"192.0.2.7 false"}},
		{[]string{"discard@early.example"}, []string{"192.0.2.7 false"}},
		{[]string{"defer@late.example"}, nil},
		{[]string{"zoe@late.example"}, nil},
		{[]string{"postmaster@late.example"}, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.to), func(t *testing.T) {
			w := newWorld(t)
			var p past
			w.Histories = &p
			w.send(t, test.to...)
			if !slices.Equal(p, test.want) {
				t.Errorf("got %v, want %v", p, test.want)
			}
		})
	}
}

// What a connection costs that the gate refuses as it comes, without the wire.
func BenchmarkRefusedAtConnect(b *testing.B) {
	w := newWorld(b)
	withGate(w, pipeline.Connect, "reject")
	b.ReportAllocs()
	for b.Loop() {
		conv, _ := w.Connect(b.Context(), client)
		conv.Close()
	}
}
