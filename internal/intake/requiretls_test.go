package intake_test

import (
	"slices"
	"testing"

	"gatepost/internal/mail"
)

// What came with REQUIRETLS stays so on every way that it takes from here: held, sent on by rules,
// answered.
func TestRequireTLS(t *testing.T) {
	for _, asked := range []bool{true, false} {
		w, o, dir, r := newRulesWorld(t)
		r.set(t, dir, "none@late.example", `redirect :copy "x@far.example"; `+away)
		conv, _ := w.Connect(t.Context(), client)
		defer conv.Close()
		conv.Helo(t.Context(), client)
		tx, _ := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{RequireTLS: asked})
		for _, to := range []mail.Path{"none@late.example", "quarantine@late.example"} {
			if v := tx.Rcpt(t.Context(), to, mail.RcptParams{}); v.Answer != mail.OK {
				t.Fatal(to, v)
			}
		}
		if v := tx.Data(t.Context(), mail.NewMessage([]byte("To: none@late.example\r\n"+letter)), nil); v.Answer != mail.OK {
			t.Fatal(v)
		}
		c := w.commits[0]
		var got []bool
		for _, tr := range c.Transfers {
			got = append(got, tr.Message.Params.RequireTLS)
		}
		for _, h := range c.Held {
			got = append(got, h.RequireTLS)
		}
		for _, l := range o.letters {
			got = append(got, l.RequireTLS)
		}
		if want := []bool{asked, asked, asked}; !slices.Equal(got, want) || len(c.Held) != 1 || len(o.letters) != 1 {
			t.Errorf("%v: sent on, held and answered: %v, want %v", asked, got, want)
		}
	}
}
