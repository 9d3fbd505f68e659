package intake_test

import (
	"errors"
	"net/netip"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// When nothing is handed on before the answer, though it could be.
func TestNotInline(t *testing.T) {
	refused := queue.Result{Fate: queue.Refused, Reply: queue.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user"}}
	for name, c := range map[string]struct {
		change func(w *world, o *outside)
		asked  int // how often the queue is
	}{
		"the destination rests": {func(_ *world, o *outside) { o.rests = true }, 1},
		"nothing can be stored": {func(w *world, _ *outside) { w.Ready = func() bool { return false } }, 0},
		"from a backup MX": {func(w *world, _ *outside) {
			w.Config.TrustedRelays = []netip.Prefix{netip.PrefixFrom(client.Addr, client.Addr.BitLen())}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, o, _ := newOutWorld(t)
			w.Config.RelayInline, o.results = true, []queue.Result{refused}
			c.change(w, o)
			answers := w.send(t, "x@hosted.example")
			if answers[len(answers)-1] != mail.OK || len(w.commits) != 1 || len(w.commits[0].Transfers) != 1 {
				t.Errorf("answers %v, commits %+v; want it queued", answers, w.commits)
			}
			if len(o.carried) != c.asked {
				t.Errorf("tried %d times", len(o.carried))
			}
		})
	}
}

// A client must not send again what others have, though we could not note it down. What
// is left to be kept it must.
func TestInlineNotKept(t *testing.T) {
	carried := queue.Result{Fate: queue.Carried, Reply: queue.Reply{Code: 250, Enhanced: "2.0.0", Text: "kept"}}
	for name, c := range map[string]struct {
		results []queue.Result
		want    mail.Answer
	}{"all": {[]queue.Result{carried, carried}, mail.OK}, "one": {[]queue.Result{carried, {}}, mail.Failed}} {
		for what, fail := range map[string]func(w *world, err error){
			"commit":  func(w *world, err error) { w.commitErr = err },
			"journal": func(w *world, err error) { w.writeErr = err },
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				w, o, _ := newOutWorld(t)
				w.Config.RelayInline, o.results = true, c.results
				fail(w, errors.New("disk gone"))
				answers := w.send(t, "x@hosted.example", "y@hosted.example")
				if got := answers[len(answers)-1]; got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
	}
}
