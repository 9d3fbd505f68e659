package intake_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/srs"
	"gatepost/pipeline"
)

// outside is what a world knows of other servers.
type outside struct {
	exists  map[mail.Path]error // an address that is not in it does not exist
	results []queue.Result
	rests   bool // nothing is tried
	carried []queue.Job
	woken   []queue.Destination
	success []string // recipients whose senders are told
	mute    bool     // no report is sent
	letters []queue.Letter
}

func (o *outside) Destination(to mail.Path, by string) queue.Destination {
	return queue.Destination("mx:" + to.Domain() + " by " + by)
}

func (o *outside) Exists(_ context.Context, _ string, rcpt mail.Path) (bool, error) {
	err, exists := o.exists[rcpt]
	return exists && err == nil, err
}

func (o *outside) Try(_ context.Context, job queue.Job) (queue.Report, bool) {
	o.carried = append(o.carried, job)
	return queue.Report{Results: o.results}, !o.rests
}

func (o *outside) Wake(d queue.Destination) { o.woken = append(o.woken, d) }

func (o *outside) Delivered(_ context.Context, m *queue.Message, to []*queue.Transfer) (*queue.Transfer, error) {
	for _, t := range to {
		o.success = append(o.success, string(t.Recipient))
	}
	return &queue.Transfer{Message: &queue.Message{ID: "report"}, Recipient: m.Sender, Destination: queue.Local}, nil
}

func (o *outside) Declined(_ context.Context, m *queue.Message, to *queue.Transfer, reason string) (*queue.Transfer, error) {
	if o.mute {
		return nil, nil
	}
	return &queue.Transfer{Message: &queue.Message{ID: "report", Blob: "report: " + reason}, Recipient: m.Sender, Destination: "mx:report"}, nil
}

func (o *outside) Letter(_ context.Context, l queue.Letter) (*queue.Transfer, error) {
	o.letters = append(o.letters, l)
	return &queue.Transfer{Message: &queue.Message{ID: "letter"}, Recipient: l.To, Destination: queue.Local}, nil
}

// homes is a Router that sends the mail of hosted.example to its hosts.
type homes struct{ *outside }

func (h homes) Destination(to mail.Path, by string) queue.Destination {
	if to.Domain() == "hosted.example" {
		return queue.ToDomain(to.Domain())
	}
	return h.outside.Destination(to, by)
}

// newOutWorld is newWorld with ways out.
func newOutWorld(t *testing.T) (*world, *outside, *directory.Directory) {
	w := newWorld(t)
	o := &outside{}
	dir := w.Directory.(*directory.Directory)
	w.Router, w.Lookups, w.Queue, w.Inline, w.Reports = homes{o}, o, o, o, o
	w.SRS = srs.New([][]byte{[]byte("a key for tests")}, time.Now)
	w.Config.Lifetime = 5 * 24 * time.Hour
	return w, o, dir
}

// addOutside adds hosted.example on a mail host, and addresses that lead elsewhere.
func addOutside(t testing.TB, dir *directory.Directory) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := dir.AddHost(t.Context(), "root", directory.Host{Name: "px", Address: "127.0.0.1:25", Roles: []directory.Role{directory.SMTPIn}})
	must(err)
	_, err = dir.AddDomain(t.Context(), directory.Domain{Name: "hosted.example", Hosts: []string{"px"}})
	must(err)
	for address, targets := range map[mail.Path][]mail.Path{
		"away@late.example": {"ann@elsewhere.example"}, "both@late.example": {"none@late.example", "bob@elsewhere.example"},
		"spam+away@late.example": {"ann@elsewhere.example"}, "où@late.example": {"ann@elsewhere.example"},
	} {
		_, err := dir.AddAlias(t.Context(), directory.Alias{Address: address, Targets: targets})
		must(err)
	}
}

// outcome is what a commit holds, in a form to compare.
func outcome(c *intake.Commit) string {
	var all []string
	for _, d := range c.Deliveries {
		all = append(all, fmt.Sprintf("box %d", d.Box))
	}
	for _, h := range c.Held {
		all = append(all, fmt.Sprintf("held %s for %d", h.Recipient, h.Box))
	}
	messages := map[*queue.Message]int{}
	for _, tr := range c.Transfers {
		if messages[tr.Message] == 0 {
			messages[tr.Message] = len(messages) + 1
		}
		sender := string(tr.Message.Sender)
		if strings.HasPrefix(sender, "SRS0=") {
			sender = "SRS@" + tr.Message.Sender.Domain()
		}
		all = append(all, fmt.Sprintf("message %d: %s -> %s, %s, %d boxes", messages[tr.Message], sender, tr.Recipient, tr.Destination, len(tr.Boxes)))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func TestCarriedOn(t *testing.T) {
	tests := map[string]struct {
		to   []string
		want string
	}{
		"a domain on mail hosts": {[]string{"x@hosted.example"}, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
		"two in one message": {[]string{"x@hosted.example", "y@hosted.example"},
			"message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes\nmessage 1: a@sender.example -> y@hosted.example, domain:hosted.example, 0 boxes"},
		"an alias that leads away": {[]string{"away@late.example"}, "message 1: SRS@late.example -> ann@elsewhere.example, mx:elsewhere.example by late.example, 0 boxes"},
		"here and away":            {[]string{"both@late.example"}, "box 20\nmessage 1: SRS@late.example -> bob@elsewhere.example, mx:elsewhere.example by late.example, 0 boxes"},
		"spam does not leave":      {[]string{"spam@hosted.example"}, "held spam@hosted.example for 0"},
		"nor junk":                 {[]string{"junk@hosted.example", "tag@hosted.example"}, "held junk@hosted.example for 0\nheld tag@hosted.example for 0"},
		"refused beside a taker":   {[]string{"reject@hosted.example", "x@hosted.example"}, "held reject@hosted.example for 0\nmessage 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, o, dir := newOutWorld(t)
			answers := w.send(t, tt.to...)
			if answers[len(answers)-1] != mail.OK || len(w.commits) != 1 {
				t.Fatalf("answers %v, %d commits", answers, len(w.commits))
			}
			box, _ := dir.Snapshot().Mailbox("none@late.example")
			want := strings.ReplaceAll(tt.want, "box 20", fmt.Sprintf("box %d", box.ID))
			if got := outcome(w.commits[0]); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if len(w.commits[0].Transfers) > 0 && len(o.woken) == 0 {
				t.Error("the queue was not told")
			}
		})
	}
}

// Two recipients that lead to one address share its transfer: both are told of, and the
// sender hears what either wants.
func TestSharedTarget(t *testing.T) {
	w, _, dir := newOutWorld(t)
	if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "too@late.example", Targets: []mail.Path{"ann@elsewhere.example"}}); err != nil {
		t.Fatal(err)
	}
	tx := w.begin(t, "away@late.example")
	tx.Rcpt(t.Context(), "Too@late.example", mail.RcptParams{Notify: mail.NotifyNever})
	tx.Data(t.Context(), mail.NewMessage([]byte(letter)), nil)
	list := w.commits[0].Transfers
	if len(list) != 1 || !slices.Equal(list[0].For, []mail.Path{"away@late.example", "too@late.example"}) || !list[0].Params.Notify.Wants(mail.NotifyFailure) {
		t.Errorf("got %+v", list[0])
	}
}

// What is held for an address that leads here and elsewhere has a row for each: no
// release loses the other half. Copies of a mailbox go with its own.
func TestHeldInHalves(t *testing.T) {
	w, _, dir := newOutWorld(t)
	if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "spam+half@late.example", Targets: []mail.Path{"none@late.example", "bob@elsewhere.example"}}); err != nil {
		t.Fatal(err)
	}
	box, err := dir.ChangeMailbox(t.Context(), "spam@late.example", func(m *directory.Mailbox) error {
		m.Copies = []mail.Path{"copy@elsewhere.example", "accept@late.example"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.send(t, "spam+half@late.example")
	w.send(t, "spam@late.example")
	half, _ := dir.Snapshot().Mailbox("none@late.example")
	want := fmt.Sprintf("held spam+half@late.example for -1\nheld spam+half@late.example for %d", half.ID)
	if got := outcome(w.commits[0]); got != want {
		t.Errorf("an alias: got\n%s\nwant\n%s", got, want)
	}
	if got := outcome(w.commits[1]); got != fmt.Sprintf("held spam@late.example for %d", box.ID) {
		t.Errorf("a mailbox with copies: got %s", got)
	}
	var ways []string
	for _, c := range w.commits {
		for _, h := range c.Held {
			onward, err := w.Onward(t.Context(), *h)
			for _, o := range onward {
				to := []mail.Path{o.To}
				for i, id := range o.Boxes {
					box, _ := dir.Snapshot().Box(id)
					to = slices.Concat(to[:i], []mail.Path{box.Address})
				}
				ways = append(ways, fmt.Sprintf("%d to %s", min(h.Box, 1), to))
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	if want := []string{"-1 to [bob@elsewhere.example]", "1 to [accept@late.example]", "1 to [copy@elsewhere.example]"}; !slices.Equal(ways, want) {
		t.Errorf("released: got %q, want %q", ways, want)
	}
}

// authenticates is a filter that found out something about the sender.
type authenticates []authres.Result

func (a authenticates) Check(context.Context, pipeline.Query) (pipeline.Finding, error) {
	return pipeline.Finding{Result: "none", Auth: a}, nil
}

// What can't be delivered is held, and not reported, where the sender is a forgery.
func TestForgedSenderIsNotWrittenTo(t *testing.T) {
	spf := func(v authres.ResultValue) authres.Result {
		return &authres.SPFResult{Value: v, From: "a@sender.example"}
	}
	signed := func(domain string) authres.Result {
		return &authres.DKIMResult{Value: authres.ResultPass, Domain: domain}
	}
	tests := map[string]struct {
		results []authres.Result
		hold    bool
	}{
		"nothing known":    {nil, false},
		"SPF pass":         {[]authres.Result{spf(authres.ResultPass)}, false},
		"SPF neutral":      {[]authres.Result{spf(authres.ResultNeutral)}, false},
		"SPF fail":         {[]authres.Result{spf(authres.ResultFail)}, true},
		"SPF softfail":     {[]authres.Result{spf(authres.ResultSoftFail)}, true},
		"SPF fail, signed": {[]authres.Result{spf(authres.ResultFail), signed("sender.example")}, false},
		"SPF fail, signed, as the filter says it": {[]authres.Result{spf(authres.ResultFail), &authres.GenericResult{Method: "dkim", Value: authres.ResultPass, Params: map[string]string{"header.d": "sender.example"}}}, false},
		"SPF fail, badly signed":                  {[]authres.Result{spf(authres.ResultFail), &authres.GenericResult{Method: "dkim", Value: authres.ResultFail, Params: map[string]string{"header.d": "sender.example"}}}, true},
		"SPF fail, signed by its kin":             {[]authres.Result{spf(authres.ResultFail), signed("example")}, false},
		"SPF fail, signed by another":             {[]authres.Result{spf(authres.ResultFail), signed("other.example")}, true},
		"SPF fail, signed by a lookalike":         {[]authres.Result{spf(authres.ResultFail), signed("der.example")}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, _, _ := newOutWorld(t)
			kind := &pipeline.Kind{Name: "auth", Stage: pipeline.Mail, Scope: pipeline.PerMessage, Results: []pipeline.Result{{Word: "none"}}}
			p := *w.Policies()
			p.ByName = map[string]*pipeline.Policy{"default": {Name: "default", Required: 5, Entries: []*pipeline.Entry{{
				Name: "auth", Kind: kind, Filter: authenticates(tt.results), Key: "auth", On: map[string]pipeline.Effect{"none": {}},
			}}}}
			w.SetPolicies(&p)
			w.send(t, "x@hosted.example")
			if got := w.commits[0].Transfers[0].Hold; got != tt.hold {
				t.Errorf("got %v, want %v", got, tt.hold)
			}
		})
	}
}

// A mail host may want spam, marked.
func TestHostThatTagsSpam(t *testing.T) {
	w, _, dir := newOutWorld(t)
	if _, err := dir.ChangeHost(t.Context(), "px", "root", func(h *directory.Host) error { h.Spam = directory.SpamTagged; return nil }); err != nil {
		t.Fatal(err)
	}
	w.send(t, "spam@hosted.example", "x@hosted.example", "quarantine@hosted.example")
	c := w.commits[0]
	want := "held quarantine@hosted.example for 0\nmessage 1: a@sender.example -> spam@hosted.example, domain:hosted.example, 0 boxes\n" +
		"message 2: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"
	if got := outcome(c); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	for _, tr := range c.Transfers {
		h := tr.Message.View.Message(mail.NewMessage([]byte(letter))).Header()
		marked := tr.Recipient == "spam@hosted.example"
		if (h.Get("Subject") == "SPAM: hello") != marked || (h.Get("X-Spam-Flag") == "YES") != marked {
			t.Errorf("to %s: %q", tr.Recipient, h.Fields)
		}
	}
}

// A copy that leaves tells nobody whom else it was for, and has no Return-Path.
func TestFieldsOfWhatLeaves(t *testing.T) {
	w, _, _ := newOutWorld(t)
	w.send(t, "x@hosted.example", "away@late.example")
	for _, tr := range w.commits[0].Transfers {
		h := tr.Message.View.Message(mail.NewMessage([]byte(letter))).Header()
		if h.Count("Return-Path") != 0 || h.Count("X-Gatepost-Recipient") != 0 || h.Fields[len(h.Fields)-1].Name != "Subject" {
			t.Errorf("to %s: %q", tr.Recipient, h.Fields)
		}
		if got := h.Get("Delivered-To"); (got == "away@late.example") != (tr.Recipient == "ann@elsewhere.example") {
			t.Errorf("to %s: Delivered-To %q", tr.Recipient, got)
		}
	}
}

// More mailboxes than a commit takes are one row.
func TestManyMailboxes(t *testing.T) {
	w, _, dir := newOutWorld(t)
	var targets []mail.Path
	for i := range 51 {
		a := mail.Path(fmt.Sprintf("m%d@late.example", i))
		if _, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: a}, ""); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, a)
	}
	for name, to := range map[mail.Path][]mail.Path{"accept+fifty@late.example": targets[:50], "accept+more@late.example": targets} {
		if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: name, Targets: to}); err != nil {
			t.Fatal(err)
		}
	}
	w.send(t, "accept+fifty@late.example")
	w.send(t, "accept+more@late.example", "none@late.example")
	if got := len(w.commits[0].Deliveries); got != 50 {
		t.Errorf("50 mailboxes: %d in the commit", got)
	}
	c := w.commits[1]
	if len(c.Deliveries) != 1 || len(c.Transfers) != 1 || c.Transfers[0].Destination != queue.Local || len(c.Transfers[0].Boxes) != 51 {
		t.Errorf("51 mailboxes: %s", outcome(c))
	}
}

// What was sent on for an address comes back to it.
func TestReportsFindTheirWayBack(t *testing.T) {
	w, _, _ := newOutWorld(t)
	w.send(t, "away@late.example")
	back := w.commits[0].Transfers[0].Message.Sender
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	for from, want := range map[mail.Path]mail.Answer{"": mail.OK, "a@sender.example": mail.NoSuchMailbox} {
		tx, _ := conv.Mail(t.Context(), client, from, mail.Params{})
		if v := tx.Rcpt(t.Context(), back, mail.RcptParams{}); v.Answer != want {
			t.Errorf("from %q: got %v, want %v", from, v.Answer, want)
		}
		if from.IsNull() {
			tx.Data(t.Context(), mail.NewMessage([]byte(letter)), nil)
		} else {
			tx.Abort(mail.OK, "QUIT")
		}
	}
	if got := outcome(w.commits[1]); got != "message 1:  -> a@sender.example, mx:sender.example by late.example, 0 boxes" {
		t.Errorf("got %q", got)
	}
}

func TestLookup(t *testing.T) {
	w, o, dir := newOutWorld(t)
	if _, err := dir.ChangeDomain(t.Context(), "hosted.example", func(d *directory.Domain) error { d.Lookup = "ldap"; return nil }); err != nil {
		t.Fatal(err)
	}
	o.exists = map[mail.Path]error{"x@hosted.example": nil, "down@hosted.example": context.DeadlineExceeded}
	got := w.send(t, "y@hosted.example", "down@hosted.example", "postmaster@hosted.example", "x@hosted.example")
	if want := []mail.Answer{mail.NoSuchMailbox, mail.Failed, mail.OK, mail.OK, mail.OK}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInline(t *testing.T) {
	carried := queue.Result{Fate: queue.Carried, Reply: queue.Reply{Code: 250, Enhanced: "2.0.0", Text: "kept"}}
	refused := queue.Result{Fate: queue.Refused, Reply: queue.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user"}}
	deferred := queue.Result{Fate: queue.Deferred, Reply: queue.Reply{Enhanced: "4.4.1"}}
	tests := map[string]struct {
		to      []string
		results []queue.Result
		answer  mail.Answer
		want    string // the commit
		calls   string
	}{
		"taken":         {[]string{"x@hosted.example"}, []queue.Result{carried}, mail.OK, "", "commit"},
		"refused":       {[]string{"x@hosted.example"}, []queue.Result{refused}, mail.Refused, "none", ""},
		"out of reach":  {[]string{"x@hosted.example"}, []queue.Result{deferred}, mail.OK, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes", "content commit"},
		"one of two":    {[]string{"x@hosted.example", "y@hosted.example"}, []queue.Result{refused, carried}, mail.OK, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes", "content commit"},
		"a mailbox too": {[]string{"x@hosted.example", "none@late.example"}, nil, mail.OK, "box\nmessage 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes", "content commit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, o, _ := newOutWorld(t)
			w.Config.RelayInline, o.results = true, tt.results
			answers := w.send(t, tt.to...)
			got := "none"
			if len(w.commits) > 0 {
				got = outcome(w.commits[0])
			}
			if strings.HasPrefix(tt.want, "box") {
				got = "box" + strings.TrimLeft(strings.TrimPrefix(got, "box"), " 0123456789")
			}
			if answers[len(answers)-1] != tt.answer || got != tt.want || strings.Join(w.calls, " ") != tt.calls {
				t.Errorf("got %v, %q after %q; want %v, %q after %q", answers, got, w.calls, tt.answer, tt.want, tt.calls)
			}
			if len(o.carried) != min(1, len(tt.results)) {
				t.Errorf("carried %d times", len(o.carried))
			}
		})
	}
}

// What one of our relays brings is judged by who brought it there, and never refused.
func TestTrustedRelay(t *testing.T) {
	w, _, _ := newOutWorld(t)
	w.Config.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	conv, v := w.Connect(t.Context(), client)
	defer conv.Close()
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	tx, _ := conv.Mail(t.Context(), client, "a@sender.example", mail.Params{})
	if v := tx.Rcpt(t.Context(), "reject@early.example", mail.RcptParams{}); v.Answer != mail.OK {
		t.Fatalf("RCPT: %v", v)
	}
	m := mail.NewMessage([]byte("Received: from mx.true.example (x [203.0.113.9]) by mx2.here.example\r\n" + letter))
	if v := tx.Data(t.Context(), m, nil); v.Answer != mail.OK {
		t.Fatalf("DATA: %v", v)
	}
	h := w.commits[0].Held[0]
	if h.Client.String() != "203.0.113.9" {
		t.Errorf("judged as %v", h.Client)
	}
	got := h.View.Message(m).Header().Get("X-Gatepost-Client")
	if got != "203.0.113.9 (unknown) by way of 192.0.2.7" {
		t.Errorf("X-Gatepost-Client: %q", got)
	}
}

func TestLoops(t *testing.T) {
	const here = "Received: from a by mx.example with ESMTP id 1; x\r\n"
	tests := map[string]struct {
		header string
		to     []string
		answer mail.Answer
		want   string
	}{
		"forged":              {"Delivered-To: away@late.example\r\n", []string{"away@late.example"}, mail.OK, "message 1: SRS@late.example -> ann@elsewhere.example, mx:elsewhere.example by late.example, 0 boxes"},
		"sent on before":      {here + "Delivered-To: away@late.example\r\n", []string{"away@late.example"}, mail.Refused, "none"},
		"whatever the case":   {here + "Delivered-To: <Away@LATE.example>\r\n", []string{"away@late.example"}, mail.Refused, "none"},
		"beyond ASCII":        {here + "Delivered-To: où@late.example\r\n", []string{"où@late.example"}, mail.Refused, "none"},
		"one of two":          {here + "Delivered-To: away@late.example\r\n", []string{"away@late.example", "x@hosted.example"}, mail.OK, "held away@late.example for 0\nmessage 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
		"somebody else's":     {here + "Delivered-To: away@other.example\r\n", []string{"x@hosted.example"}, mail.OK, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
		"here five times":     {strings.Repeat("Received: from a by mx.example with ESMTP id 1; x\r\n", 5), []string{"x@hosted.example"}, mail.OK, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
		"here too often":      {strings.Repeat("Received: from a\r\n by mx.example with ESMTP id 1; x\r\n", 6), []string{"x@hosted.example"}, mail.Loop, "none"},
		"near namesakes pass": {strings.Repeat("Received: from a by mx.example.org with ESMTP id 1; x\r\n", 9), []string{"x@hosted.example"}, mail.OK, "message 1: a@sender.example -> x@hosted.example, domain:hosted.example, 0 boxes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, _, _ := newOutWorld(t)
			tx := w.begin(t, mail.Path(tt.to[0]))
			for _, to := range tt.to[1:] {
				tx.Rcpt(t.Context(), mail.Path(to), mail.RcptParams{})
			}
			v := tx.Data(t.Context(), mail.NewMessage([]byte(tt.header+letter)), nil)
			got := "none"
			if len(w.commits) > 0 {
				got = outcome(w.commits[0])
			}
			if v.Answer != tt.answer || got != tt.want {
				t.Errorf("got %v, %q; want %v, %q", v, got, tt.answer, tt.want)
			}
		})
	}
}

// Addresses in trace fields stay as they are, or loops would not be found.
func TestTraceUTF8(t *testing.T) {
	w, _, _ := newOutWorld(t)
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), client, "josé@sender.example", mail.Params{SMTPUTF8: true})
	tx.Rcpt(t.Context(), "où@late.example", mail.RcptParams{})
	tx.Rcpt(t.Context(), "accept@late.example", mail.RcptParams{})
	m := mail.NewMessage([]byte(letter))
	if v := tx.Data(t.Context(), m, nil); v.Answer != mail.OK {
		t.Fatal(v)
	}
	onward := string(w.commits[0].Transfers[0].Message.View.Prefix)
	here := string(w.commits[0].Deliveries[0].View.Prefix)
	for want, where := range map[string]string{"Delivered-To: où@late.example\r\n": onward, "X-Gatepost-Reverse-Path: josé@sender.example\r\n": onward, "Return-Path: <josé@sender.example>\r\n": here} {
		if !strings.Contains(where, want) {
			t.Errorf("%q is missing in\n%s", want, where)
		}
	}
	if strings.Contains(onward+here, "=?utf-8?") {
		t.Errorf("an encoded word in a trace field:\n%s\n%s", onward, here)
	}
}

// spfOf is what SPF says, where nothing asked for it before.
type spfOf string

func (s spfOf) Proven(context.Context, *pipeline.Transaction) (how, spf string, err error) {
	return "", string(s), nil
}

// Success is told to who has proven to be the sender, also where no filter asked for that, and to nobody else.
func TestSuccess(t *testing.T) {
	for name, tt := range map[string]struct {
		login mail.Path
		spf   spfOf
		told  bool
	}{
		"a log-in":                   {"none@late.example", "", true},
		"a stranger":                 {"", "", false},
		"a stranger whom SPF passes": {"", "pass", true},
		"one whom it does not":       {"", "softfail", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, o, _ := newOutWorld(t)
			w.Prover = tt.spf
			c := client
			c.Login = tt.login
			conv, _ := w.Connect(t.Context(), c)
			defer conv.Close()
			tx, _ := conv.Mail(t.Context(), c, "none@late.example", mail.Params{})
			tx.Rcpt(t.Context(), "accept@late.example", mail.RcptParams{Notify: mail.NotifySuccess})
			tx.Rcpt(t.Context(), "junk@late.example", mail.RcptParams{})
			if v := tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil); v.Answer != mail.OK {
				t.Fatal(v)
			}
			want := 0
			if tt.told {
				want = 1
			}
			if len(o.success) != want || len(w.commits[0].Transfers) != want {
				t.Errorf("told of %q, %d transfers", o.success, len(w.commits[0].Transfers))
			}
		})
	}
}

// A log-in may write to the world; strangers may not.
func TestLoginLeaves(t *testing.T) {
	w, _, _ := newOutWorld(t)
	own := client
	own.Login = "none@late.example"
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), own, "none@late.example", mail.Params{})
	if v := tx.Rcpt(t.Context(), "x@elsewhere.example", mail.RcptParams{}); v.Answer != mail.OK {
		t.Fatal(v)
	}
	tx.Data(t.Context(), mail.NewMessage([]byte(ownLetter)), nil)
	if got := outcome(w.commits[0]); got != "message 1: none@late.example -> x@elsewhere.example, mx:elsewhere.example by late.example, 0 boxes" {
		t.Errorf("got %q", got)
	}
}
