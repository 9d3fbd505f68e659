package intake_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// What is sent as a group is in its Sent, once, with who has sent it, for whoever sees that; what nobody gets is not.
func TestFileSent(t *testing.T) {
	const own, group, other = "From: none@late.example\r\n", "From: Tags <tag+x@late.example>\r\n", "From: junk@late.example\r\n"
	for _, c := range []struct {
		name, header string
		to           []mail.Path
		filed        int
	}{
		{"as oneself", own, []mail.Path{"accept@late.example"}, 0},
		{"as a group", group, []mail.Path{"accept@late.example"}, 1},
		{"as a mailbox that is none", other, []mail.Path{"accept@late.example"}, 0},
		{"as both", "From: tag@late.example, none@late.example\r\n", []mail.Path{"accept@late.example"}, 1},
		{"under two spellings", "From: tag@late.example, Tag+y@late.example\r\n", []mail.Path{"accept@late.example"}, 1},
		{"to the group itself", group, []mail.Path{"tag@late.example"}, 1},
		{"elsewhere", group, []mail.Path{"a@elsewhere.example"}, 1},
		{"filed by the program", group + "Message-ID: <filed@late.example>\r\n", []mail.Path{"accept@late.example"}, 0},
		{"nobody can tell", group + "Message-ID: <broken@late.example>\r\n", []mail.Path{"accept@late.example"}, 0},
		{"refused as spam", group, []mail.Path{"accept@late.example"}, 0},
		{"held as spam", group, []mail.Path{"accept@late.example"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _, _ := newOutWorld(t)
			w.Senders = grants{w}
			if strings.HasSuffix(c.name, "as spam") {
				p := *w.Policies()
				out := policy("out", pipeline.Data)
				out.Entries[0].Filter = fixed{pipeline.Finding{Result: "spam"}}
				p.ByName, p.Outgoing = map[string]*pipeline.Policy{"default": p.ByName["default"], "early": p.ByName["early"], "out": out}, "out"
				w.SetPolicies(&p)
				w.Config.HoldOutgoing = c.name == "held as spam"
			}
			user := client
			user.Login = "none@late.example"
			conv, _ := w.Connect(t.Context(), user)
			defer conv.Close()
			tx, _ := conv.Mail(t.Context(), user, "none@late.example", mail.Params{})
			for _, to := range c.to {
				if v := tx.Rcpt(t.Context(), to, mail.RcptParams{}); v.Answer != mail.OK {
					t.Fatalf("%s: %v", to, v)
				}
			}
			tx.Data(t.Context(), mail.NewMessage([]byte(c.header+"Bcc: secret@far.example\r\nX-Gatepost-Login: boss@late.example\r\nSubject: x\r\n\r\nbody\r\n")), []byte("Received: by mx.example\r\n"))
			filed := slices.DeleteFunc(deliveries(w), func(d *mailbox.Delivery) bool { return d.Folder != string(mailbox.Sent) })
			if len(filed) != c.filed {
				t.Fatalf("filed %d times, want %d", len(filed), c.filed)
			}
			for _, d := range filed {
				served, err := io.ReadAll(d.View.Message(mail.NewMessage(w.content)).Reader())
				h := mail.NewMessage(served).Header()
				if err != nil || !slices.Equal(d.Flags, []string{`\Seen`}) || !slices.Equal(h.All("X-Gatepost-Login"), []string{"none@late.example"}) ||
					h.Count("Bcc")+h.Count("Received")+h.Count("Return-Path") != 0 || h.Get("Subject") != "x" || h.Count("Message-ID") != 1 {
					t.Errorf("%v, with %q:\n%s", err, d.Flags, served)
				}
			}
		})
	}
}

func deliveries(w *world) (all []*mailbox.Delivery) {
	for _, c := range w.commits {
		all = append(all, c.Deliveries...)
	}
	return all
}
