package intake_test

import (
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// offer does one transaction, in which some recipients may be deferred, and returns the
// answers to RCPT.
func (c *challengeWorld) offer(t *testing.T, to ...mail.Path) (answers []mail.Answer) {
	t.Helper()
	conv, _ := c.Connect(t.Context(), client)
	defer conv.Close()
	conv.Helo(t.Context(), client)
	tx, _ := conv.Mail(t.Context(), client, sender, mail.Params{})
	for _, rcpt := range to {
		answers = append(answers, tx.Rcpt(t.Context(), rcpt, mail.RcptParams{}).Answer)
	}
	if v := tx.Data(t.Context(), mail.NewMessage([]byte(spam)), []byte("Received: test\r\n")); v.Answer != mail.OK {
		t.Fatal(v)
	}
	return answers
}

// Field note 15: a client brings to all again what the answer to one recipient told it to
// bring again. Who is in a domain that does not greylist has it once, too.
func TestFieldNote15SameBesideAnotherPolicyThatRepeats(t *testing.T) {
	c := newChallengeWorld(t)
	const ann, bob = "none@junk.example", "defer@early.example"
	greylist := c.Policies().ByName["early"]
	entry := greylist.Entries[0]
	i := slices.IndexFunc(entry.Kind.Results, func(r pipeline.Result) bool { return r.Word == "defer" })
	entry.Kind.Results[i].State, greylist.Repeats = "greylisted", true
	if got := c.offer(t, ann, bob); !slices.Equal(got, []mail.Answer{mail.OK, mail.Deferred}) || c.stored() != 1 {
		t.Fatalf("at first: %v, %d delivered", got, c.stored())
	}
	first := c.last.ID
	entry.On["defer"], _ = pipeline.ParseEffect("none") // bob's passes now
	entry.Kind.Results[i].Again = true
	for _, to := range [][]mail.Path{{ann, bob}, {bob, ann}, {ann}, {bob}} {
		c.offer(t, to...)
		if c.stored() != 2 {
			t.Fatalf("to %v: %d delivered", to, c.stored())
		}
		for _, w := range c.last.Walks {
			if w.Recipient == ann && (w.Outcome != "duplicate" || len(w.Steps) == 0 || !strings.HasSuffix(w.Steps[len(w.Steps)-1].Reason, "was delivered before, as "+first)) {
				t.Errorf("to %v: journal: %s, %+v", to, w.Outcome, w.Steps)
			}
		}
	}
}
