package relay

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// routes is a Router.
type routes map[queue.Destination][]Host

func (r routes) Hosts(d queue.Destination) ([]Host, error) {
	if list := r[d]; list != nil {
		return list, nil
	}
	return nil, fmt.Errorf("%s has no mail host", d)
}

// zone is a Resolver.
type zone struct {
	mx   map[string][]*net.MX
	addr map[string][]string
}

var (
	errAbsent    = &net.DNSError{Err: "no such name", IsNotFound: true}
	errServfail  = &net.DNSError{Err: "SERVFAIL", IsTemporary: true}
	errBrokenMX  = "servfail.example"
	errBrokenTwo = "mx.servfail.example"
)

func (z zone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	if name == errBrokenMX {
		return nil, errServfail
	}
	if list := z.mx[name]; list != nil {
		return slices.Clone(list), nil
	}
	return nil, errAbsent
}

func (z zone) LookupNetIP(_ context.Context, network, name string) ([]netip.Addr, error) {
	if name == errBrokenTwo {
		return nil, errServfail
	}
	var list []netip.Addr
	for _, s := range z.addr[name] {
		if a := netip.MustParseAddr(s); a.Is4() == (network == "ip4") {
			list = append(list, a)
		}
	}
	if list == nil {
		return nil, errAbsent
	}
	return list, nil
}

func job(d queue.Destination, rcpts ...mail.Path) queue.Job {
	content := mail.NewMessage([]byte("Subject: x\r\n\r\n.hello\r\n"))
	m := &queue.Message{ID: "m", Sender: "sender@here.example", Size: content.Size()}
	j := queue.Job{Destination: d, Message: m, Content: content}
	for i, r := range rcpts {
		j.Transfers = append(j.Transfers, &queue.Transfer{ID: int64(i + 1), Message: m, Recipient: r, Destination: d})
	}
	return j
}

// told is a report in words: "carried 250 2.0.0 fine; …", with "unreachable".
func told(r queue.Report) string {
	var words []string
	for _, one := range r.Results {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %d %s %s %s", one.Fate, one.Reply.Code, one.Reply.Enhanced, one.Reply.Command, one.Reply.Text)))
	}
	if r.Unreachable {
		words = append(words, "unreachable")
	}
	return strings.Join(words, "; ")
}

func hostRelay(t *testing.T, hosts ...Host) *Relay {
	t.Helper()
	r := New(Config{Hostname: "gate.example", Router: routes{"domain:a.example": hosts}, Resolver: zone{}})
	t.Cleanup(r.Close)
	return r
}

const toA = queue.Destination("domain:a.example")

// One server, one thing that it says.
func TestReplies(t *testing.T) {
	for name, c := range map[string]struct {
		script map[string]string
		want   string
	}{
		"fine":             {nil, "carried 250 2.0.0 end of data fine; carried 250 2.0.0 end of data fine"},
		"one unknown":      {map[string]string{"RCPT TO:<bob@a.example>": "550 5.1.1 no bob here"}, "carried 250 2.0.0 end of data fine; refused 550 5.1.1 RCPT no bob here"},
		"both unknown":     {map[string]string{"RCPT": "550-5.1.1 nobody\n550 5.1.1 at all"}, "refused 550 5.1.1 RCPT nobody\nat all; refused 550 5.1.1 RCPT nobody\nat all"},
		"greylisted":       {map[string]string{"RCPT": "450 4.7.1 later"}, "deferred 450 4.7.1 RCPT later; deferred 450 4.7.1 RCPT later"},
		"no code":          {map[string]string{"MAIL": "550 who are you"}, "refused 550 5.0.0 MAIL who are you; refused 550 5.0.0 MAIL who are you"},
		"mail later":       {map[string]string{"MAIL": "451 4.3.0 tired"}, "deferred 451 4.3.0 MAIL tired; deferred 451 4.3.0 MAIL tired"},
		"content refused":  {map[string]string{"content": "554 5.7.1 spam"}, "refused 554 5.7.1 end of data spam; refused 554 5.7.1 end of data spam"},
		"content later":    {map[string]string{"content": "452 4.3.1 full"}, "deferred 452 4.3.1 end of data full; deferred 452 4.3.1 end of data full"},
		"data refused":     {map[string]string{"DATA": "554 no"}, "refused 554 5.0.0 DATA no; refused 554 5.0.0 DATA no"},
		"no EHLO":          {map[string]string{"EHLO": "502 what"}, "carried 250 2.0.0 end of data fine; carried 250 2.0.0 end of data fine"},
		"busy":             {map[string]string{"banner": "421 4.3.2 too busy"}, "deferred 421 4.3.2 connect too busy; deferred 421 4.3.2 connect too busy; unreachable"},
		"banner refused":   {map[string]string{"banner": "554 go away"}, "deferred 554 5.0.0 connect go away; deferred 554 5.0.0 connect go away; unreachable"},
		"hangs up":         {map[string]string{"banner": ""}, "deferred 0 4.4.1 connect the server closed the connection; deferred 0 4.4.1 connect the server closed the connection; unreachable"},
		"cut at MAIL":      {map[string]string{"MAIL": ""}, "deferred 0 4.4.2 MAIL the server closed the connection; deferred 0 4.4.2 MAIL the server closed the connection; unreachable"},
		"cut at RCPT":      {map[string]string{"RCPT": ""}, "deferred 0 4.4.2 RCPT the server closed the connection; deferred 0 4.4.2 RCPT the server closed the connection"},
		"cut at DATA":      {map[string]string{"DATA": ""}, "deferred 0 4.4.2 DATA the server closed the connection; deferred 0 4.4.2 DATA the server closed the connection"},
		"cut at the end":   {map[string]string{"content": ""}, "deferred 0 4.4.2 end of data the server closed the connection; deferred 0 4.4.2 end of data the server closed the connection"},
		"busy at the end":  {map[string]string{"content": "421 4.3.2 bye"}, "deferred 421 4.3.2 end of data bye; deferred 421 4.3.2 end of data bye; unreachable"},
		"busy at RCPT":     {map[string]string{"RCPT TO:<bob@a.example>": "421 4.3.2 enough"}, "deferred 421 4.3.2 RCPT enough; deferred 421 4.3.2 RCPT enough; unreachable"},
		"nonsense":         {map[string]string{"MAIL": "hello"}, `deferred 0 4.4.2 MAIL the server's answer is not SMTP: "hello"; deferred 0 4.4.2 MAIL the server's answer is not SMTP: "hello"; unreachable`},
		"controls":         {map[string]string{"RCPT": "550 5.1.1 \x1b[2J\x00ü"}, "refused 550 5.1.1 RCPT ?[2J?ü; refused 550 5.1.1 RCPT ?[2J?ü"},
		"too large":        {map[string]string{"EHLO": "250-x\n250 SIZE 10"}, "refused 0 5.3.4 EHLO the message has 22 octets, the server takes at most 10; refused 0 5.3.4 EHLO the message has 22 octets, the server takes at most 10"},
		"one by one":       {map[string]string{"EHLO": "250-x\n250-PIPELINING\n250 LIMITS RCPTMAX=1"}, "carried 250 2.0.0 end of data fine; carried 250 2.0.0 end of data fine"},
		"no pipelining":    {map[string]string{"EHLO": "250 x", "RCPT TO:<bob@a.example>": "550 no"}, "carried 250 2.0.0 end of data fine; refused 550 5.0.0 RCPT no"},
		"endless reply":    {map[string]string{"MAIL": strings.Repeat("250-x\n", 150) + "250 x"}, `deferred 0 4.4.2 MAIL the server's answer is not SMTP: "250-x"; deferred 0 4.4.2 MAIL the server's answer is not SMTP: "250-x"; unreachable`},
		"354 before DATA":  {map[string]string{"MAIL": "354 go on"}, "deferred 354 3.0.0 MAIL go on; deferred 354 3.0.0 MAIL go on"},
		"250 to the DATA":  {map[string]string{"DATA": "250 ok"}, "deferred 250 2.0.0 DATA ok; deferred 250 2.0.0 DATA ok"},
		"long line":        {map[string]string{"MAIL": "250 " + strings.Repeat("x", 5000)}, "deferred 0 4.4.2 MAIL the server's answer is not SMTP: a line longer than 4096 octets; deferred 0 4.4.2 MAIL the server's answer is not SMTP: a line longer than 4096 octets; unreachable"},
		"foreign enhanced": {map[string]string{"RCPT": "450 5.1.1 odd"}, "deferred 450 4.0.0 RCPT 5.1.1 odd; deferred 450 4.0.0 RCPT 5.1.1 odd"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "127.0.0.1", c.script)
			r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
			got := told(r.Carry(t.Context(), job(toA, "ann@a.example", "bob@a.example")))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, content := range s.contents {
				if content != "Subject: x\r\n\r\n.hello\r\n" {
					t.Errorf("content %q", content)
				}
			}
		})
	}
}

// The recipients that one server puts off are brought to the next; what it refused
// or took is not.
func TestFailOver(t *testing.T) {
	first := serve(t, "127.0.0.1", map[string]string{"RCPT TO:<bob@a.example>": "450 later", "RCPT TO:<cy@a.example>": "550 no"})
	second := serve(t, "127.0.0.2", nil)
	r := hostRelay(t, Host{Name: "one", Address: first.addr.String(), Priority: 1}, Host{Name: "two", Address: second.addr.String(), Priority: 2})
	got := told(r.Carry(t.Context(), job(toA, "ann@a.example", "bob@a.example", "cy@a.example")))
	if want := "carried 250 2.0.0 end of data fine; carried 250 2.0.0 end of data fine; refused 550 5.0.0 RCPT no"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := second.said("RCPT"); !slices.Equal(got, []string{"RCPT TO:<bob@a.example>"}) {
		t.Errorf("the second was told %q", got)
	}
}

// A connection that breaks behind the end of data leaves open who has the message:
// no other server gets it in the same breath.
func TestUncertain(t *testing.T) {
	first := serve(t, "127.0.0.1", map[string]string{"content": ""})
	second := serve(t, "127.0.0.2", nil)
	r := hostRelay(t, Host{Name: "one", Address: first.addr.String(), Priority: 1}, Host{Name: "two", Address: second.addr.String(), Priority: 2})
	if report := r.Carry(t.Context(), job(toA, "ann@a.example")); !report.Unknown {
		t.Errorf("it was not told: %+v", report)
	}
	if connections, _ := second.count(); connections != 0 {
		t.Error("the second server was asked")
	}
}

// A host that can't be reached is tried last until it answers.
func TestHealth(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	s := serve(t, "127.0.0.2", nil)
	r := hostRelay(t, Host{Name: "dead", Address: dead.Addr().String(), Priority: 1}, Host{Name: "two", Address: s.addr.String(), Priority: 2})
	for range 3 {
		if got := told(r.Carry(t.Context(), job(toA, "ann@a.example"))); !strings.HasPrefix(got, "carried") {
			t.Error(got)
		}
	}
	h := r.Health()
	if len(h) != 1 || h[0].Host != "dead" || h[0].Err == nil {
		t.Errorf("health %+v", h)
	}
	targets, _, err := r.targets(t.Context(), toA, asPublished)
	if err != nil || targets[0].host != "two" {
		t.Errorf("%v first, %v", targets, err)
	}
	if r.Down(toA) {
		t.Error("it counts as down, though one host answers")
	}
	if r.health.note(target{host: "two"}, errTimeout); !r.Down(toA) || r.Down(queue.ByMX("a.example")) {
		t.Error("no host answers, and it does not count as down; or it does where there are no mail hosts")
	}
}

// A host that answers again is found out by a probe, not by mail; one that was taken
// away is forgotten.
func TestProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	host := Host{Name: "dead", Address: l.Addr().String()}
	ways := routes{"domain:a.example": {host}, "host:dead": {host}}
	now := time.Now()
	r := New(Config{Hostname: "gate.example", Router: ways, Resolver: zone{}, Now: func() time.Time { return now }})
	t.Cleanup(r.Close)
	r.Carry(t.Context(), job(toA, "ann@a.example"))
	if got := probes(r); len(got) != 0 || len(r.Health()) != 1 {
		t.Errorf("to be probed at once: %v; health %v", got, r.Health())
	}
	now = now.Add(restFirst)
	var answers []string
	probe := func() {
		for _, sick := range r.health.due() {
			r.probe(t.Context(), sick)
		}
		answers = append(answers, r.health.recovered()...)
	}
	if probe(); len(answers) != 0 || len(probes(r)) != 0 {
		t.Errorf("still dead: answers %q, health %v", answers, r.Health())
	}
	now = now.Add(2 * restFirst)
	if l, err = net.Listen("tcp", host.Address); err != nil {
		t.Fatal(err)
	}
	(&server{}).listen(t, l)
	if probe(); !slices.Equal(answers, []string{"dead"}) || len(r.Health()) != 0 {
		t.Errorf("alive: answers %q, health %v", answers, r.Health())
	}
	r.health.note(target{host: "gone"}, errTimeout)
	if probe(); len(answers) != 1 {
		t.Errorf("told twice: %q", answers)
	}
	now = now.Add(restFirst)
	if probe(); len(answers) != 1 || len(r.Health()) != 0 {
		t.Errorf("taken away: answers %q, health %v", answers, r.Health())
	}
}

// probes returns whom a probe would ask now, and begins none.
func probes(r *Relay) []target {
	list := r.health.due()
	for _, t := range list {
		r.health.probed(t.host)
	}
	return list
}

// Messages to one server share a connection, and one that was closed meanwhile is
// no failure.
func TestReuse(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"RCPT TO:<no@a.example>": "550 no"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	for _, rcpt := range []mail.Path{"ann@a.example", "no@a.example", "ann@a.example", "ann@a.example"} {
		r.Carry(t.Context(), job(toA, rcpt))
	}
	if connections, contents := s.count(); connections != 1 || contents != 3 {
		t.Errorf("%d connections for %d contents, want 1 for 3", connections, contents)
	}
	if got := s.said("RSET"); len(got) != 1 {
		t.Errorf("%d RSET, want 1, after the transaction that was left open", len(got))
	}
	s.mu.Lock()
	s.script["MAIL"] = "" // the kept one is cut at its next use
	s.mu.Unlock()
	got := told(r.Carry(t.Context(), job(toA, "ann@a.example")))
	if connections, _ := s.count(); connections != 2 || !strings.Contains(got, "deferred 0 4.4.2 MAIL") {
		t.Errorf("%d connections, %s; want a second one tried", connections, got)
	}
}

// A server that takes so many messages over one connection, and says so in the next.
func TestEnoughOverOne(t *testing.T) {
	s := serve(t, "127.0.0.1", nil)
	s.most = 2
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	for i := range 5 {
		if got, want := told(r.Carry(t.Context(), job(toA, "ann@a.example"))), "carried 250 2.0.0 end of data fine"; got != want {
			t.Errorf("message %d: got %s, want %s", i, got, want)
		}
	}
	if connections, contents := s.count(); connections != 3 || contents != 5 {
		t.Errorf("%d connections for %d contents, want 3 for 5", connections, contents)
	}
}

func TestLMTP(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"content 1": "552 5.2.2 full", "EHLO": "500 LHLO please", "HELO": "500 LHLO please"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String(), LMTP: true})
	got := told(r.Carry(t.Context(), job(toA, "ann@a.example", "bob@a.example", "cy@a.example")))
	if want := "carried 250 2.0.0 end of data fine; refused 552 5.2.2 end of data full; carried 250 2.0.0 end of data fine"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParameters(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"EHLO": "250-x\n250-DSN\n250-SIZE\n250-8BITMIME\n250 SMTPUTF8"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	j := job(toA, "jörg@a.example")
	j.Message.Params = mail.Params{Body: "8BITMIME", Return: "HDRS", EnvelopeID: "a+b c"}
	j.Transfers[0].Params = mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyDelay, Original: "rfc822;x=y@a.example"}
	j.Transfers = append(j.Transfers, &queue.Transfer{ID: 2, Message: j.Message, Recipient: "ann@a.example", Destination: toA,
		Params: mail.RcptParams{Original: `utf-8;"用 户\+"@例子.example`}})
	report := r.Carry(t.Context(), j)
	if !report.Results[0].Notifies {
		t.Error("the server's DSN was not seen")
	}
	want := []string{
		"MAIL FROM:<sender@here.example> SIZE=22 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20c",
		"RCPT TO:<jörg@a.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+3Dy@a.example",
		`RCPT TO:<ann@a.example> ORCPT=utf-8;"\x{7528}\x{20}\x{6237}\x{5C}\x{2B}"@\x{4F8B}\x{5B50}.example`,
	}
	if got := s.said("MAIL", "RCPT"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Who does not know SMTPUTF8 gets what can do without, for those who can do without (RFC 6531 §3.2).
func TestWithoutSMTPUTF8(t *testing.T) {
	const no = "refused 0 5.6.7 EHLO "
	for name, c := range map[string]struct {
		sender, header string
		flag           bool
		want           string
	}{
		"one of the recipients":       {"", "Subject: x", false, "carried 250 2.0.0 end of data fine; " + no + "the address is not ASCII"},
		"said SMTPUTF8, needs it not": {"", "Subject: x", true, "carried 250 2.0.0 end of data fine; " + no + "the address is not ASCII"},
		"sender":                      {"jörg@here.example", "Subject: x", true, no + "the message from jörg@here.example has"},
		"header":                      {"", "Subject: é", true, no + "the message from sender@here.example has"},
		"header that never was right": {"", "Subject: é", false, "carried 250 2.0.0 end of data fine; " + no},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "127.0.0.1", nil)
			r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
			j := job(toA, "ann@a.example", "jörg@a.example")
			j.Content = mail.NewMessage([]byte(c.header + "\r\n\r\né\r\n"))
			j.Message.Params.SMTPUTF8 = c.flag
			j.Message.Sender = mail.Path(cmp.Or(c.sender, string(j.Message.Sender)))
			if got := told(r.Carry(t.Context(), j)); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if said := strings.Join(s.said("MAIL", "RCPT"), "; "); strings.Contains(said, "jörg") || strings.Contains(said, "SMTPUTF8") {
				t.Errorf("it was told %s", said)
			}
		})
	}
}

// Where one of a destination's servers can't take a message, or not for a recipient, the next one that can has it. It is refused where
// none can; where nobody knows, since one did not answer, it waits.
func TestAbleServer(t *testing.T) {
	const plain, wide, small = "250 PIPELINING", "250-x\n250-PIPELINING\n250 SMTPUTF8", "250-x\n250-SMTPUTF8\n250 SIZE 10"
	const fine, no, large = "carried 250 2.0.0 end of data fine", "refused 0 5.6.7 EHLO the address is not ASCII", "refused 0 5.3.4 EHLO the message has 22 octets, the server takes at most 10"
	for name, c := range map[string]struct {
		one, two map[string]string
		want     string
	}{
		"the second can":                {map[string]string{"EHLO": plain}, map[string]string{"EHLO": wide}, fine + "; " + fine},
		"the first can":                 {map[string]string{"EHLO": wide}, map[string]string{"EHLO": plain}, fine + "; " + fine},
		"none can":                      {map[string]string{"EHLO": plain}, map[string]string{"EHLO": plain}, fine + "; " + no},
		"the second is away":            {map[string]string{"EHLO": plain}, map[string]string{"banner": ""}, fine + "; deferred 0 4.4.1"},
		"the first is away":             {map[string]string{"banner": ""}, map[string]string{"EHLO": plain}, fine + "; deferred 0 4.4.1"},
		"the first can, and not now":    {map[string]string{"EHLO": wide, "RCPT TO:<jörg@a.example>": "450 4.2.1 later"}, map[string]string{"EHLO": plain}, fine + "; deferred 450 4.2.1 RCPT later"},
		"the second can, and not now":   {map[string]string{"EHLO": plain}, map[string]string{"EHLO": wide, "RCPT": "450 4.2.1 later"}, fine + "; deferred 450 4.2.1 RCPT later"},
		"the second refuses":            {map[string]string{"EHLO": plain}, map[string]string{"EHLO": wide, "RCPT": "550 5.1.1 nobody"}, fine + "; refused 550 5.1.1 RCPT nobody"},
		"too large for the first":       {map[string]string{"EHLO": small}, map[string]string{"EHLO": wide}, fine + "; " + fine},
		"too large for both":            {map[string]string{"EHLO": small}, map[string]string{"EHLO": small}, large + "; " + large},
		"too large, and the other away": {map[string]string{"EHLO": small}, map[string]string{"banner": ""}, "deferred 0 4.4.1"},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := serve(t, "127.0.0.1", c.one), serve(t, "127.0.0.2", c.two)
			r := hostRelay(t, Host{Name: "one", Address: one.addr.String(), Priority: 1}, Host{Name: "two", Address: two.addr.String(), Priority: 2})
			if got := told(r.Carry(t.Context(), job(toA, "ann@a.example", "jörg@a.example"))); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			_, first := one.count()
			_, second := two.count()
			if most := strings.Count(c.want, fine); first+second > most {
				t.Errorf("%d contents to one and %d to the other, want %d", first, second, most)
			}
		})
	}
}

// A server that can't be found now may take what the others can't.
func TestAbleServerNotFound(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"EHLO": "250 PIPELINING"})
	r := hostRelay(t, Host{Name: "one", Address: s.addr.String(), Priority: 1}, Host{Name: "two", Address: errBrokenTwo + ":25", Priority: 2})
	const want = "carried 250 2.0.0 end of data fine; deferred 0 4.4.3  mail host two: "
	if got := told(r.Carry(t.Context(), job(toA, "ann@a.example", "jörg@a.example"))); !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	r = New(Config{Hostname: "gate.example", Port: int(s.addr.Port()), Resolver: zone{
		mx:   map[string][]*net.MX{"b.example": {{Host: "one.example", Pref: 1}, {Host: errBrokenTwo, Pref: 2}}},
		addr: map[string][]string{"one.example": {"127.0.0.1"}},
	}})
	t.Cleanup(r.Close)
	if got, want := told(r.Carry(t.Context(), job(queue.ByMX("b.example"), "jörg@b.example"))), "deferred 0 4.4.3"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A server is asked for an address that is not ASCII where it knows SMTPUTF8, and has none elsewhere.
func TestAskUTF8(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"EHLO": "250-x\n250 SMTPUTF8"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	if said, err := r.Ask(t.Context(), toA, "jörg@a.example"); err != nil || said.Code != 250 {
		t.Errorf("%v, %v", said, err)
	}
	if got, want := s.said("MAIL", "RCPT"), []string{"MAIL FROM:<> SMTPUTF8", "RCPT TO:<jörg@a.example>"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	plain := serve(t, "127.0.0.2", nil)
	r = hostRelay(t, Host{Name: "h", Address: plain.addr.String()})
	if said, err := r.Ask(t.Context(), toA, "jörg@a.example"); err != nil || said.Code != 553 || said.Enhanced != "5.6.7" {
		t.Errorf("without SMTPUTF8: %v, %v", said, err)
	}
	if got := plain.said("MAIL", "RCPT"); len(got) > 0 {
		t.Errorf("it was told %q", got)
	}
}

func TestTLS(t *testing.T) {
	good, roots := certificate(t, "mx.a.example")
	_, others := certificate(t, "mx.a.example")
	offers := "250-x\n250-STARTTLS\n250 AUTH PLAIN LOGIN"
	for name, c := range map[string]struct {
		policy string
		trusts bool
		ehlo   string
		tls    string // reply to STARTTLS
		user   string
		want   string // beginning
	}{
		"may":                 {"may", false, offers, "220 go", "", "carried"},
		"may, refused":        {"may", false, offers, "454 not now", "", "carried"},
		"may, not offered":    {"may", false, "250 x", "", "", "carried"},
		"encrypt":             {"encrypt", false, offers, "220 go", "", "carried"},
		"encrypt, refused":    {"encrypt", false, offers, "454 not now", "", "deferred 454 4.0.0 STARTTLS not now"},
		"encrypt, none":       {"encrypt", false, "250 x", "", "", "deferred 0 4.7.0 STARTTLS the server offers no TLS"},
		"may, injected":       {"may", false, offers, "220 go\n250-evil", "", "carried"}, // in the clear, as where nobody offers TLS
		"encrypt, injected":   {"encrypt", false, offers, "220 go\n250-evil", "", "deferred 0 4.7.0 STARTTLS TLS: data came with the answer"},
		"verify":              {"verify", true, offers, "220 go", "", "carried"},
		"verify, unknown":     {"verify", false, offers, "220 go", "", "deferred 0 4.7.0 STARTTLS the certificate of mx.a.example is signed by nobody we trust"},
		"never":               {"never", false, offers, "", "", "carried"},
		"log-in":              {"encrypt", false, offers, "220 go", "us", "carried"},
		"log-in in the clear": {"may", false, "250-x\n250 AUTH PLAIN", "", "us", "deferred 0 4.7.0 AUTH the connection is not encrypted"},
		"log-in, no way":      {"never", false, "250-x\n250 AUTH GSSAPI", "", "us", "deferred 0 4.7.0 AUTH the server offers neither"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "127.0.0.1", map[string]string{"EHLO": c.ehlo, "STARTTLS": c.tls, "AUTH PLAIN AHVzAHNlY3JldA==": "235 hello"})
			s.tls = good
			pool := others
			if c.trusts {
				pool = roots
			}
			h := Host{Name: "h", Address: fmt.Sprintf("mx.a.example:%d", s.addr.Port()), TLS: c.policy, User: c.user, Password: "secret"}
			r := New(Config{
				Hostname: "gate.example", Router: routes{toA: {h}}, Roots: pool,
				Resolver: zone{addr: map[string][]string{"mx.a.example": {"127.0.0.1"}}},
			})
			defer r.Close()
			if got := told(r.Carry(t.Context(), job(toA, "ann@a.example"))); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s…", got, c.want)
			}
		})
	}
}

// Who answers for a domain elsewhere.
func TestMX(t *testing.T) {
	mx := func(pairs ...any) (list []*net.MX) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, &net.MX{Host: pairs[i].(string), Pref: uint16(pairs[i+1].(int))})
		}
		return list
	}
	r := New(Config{
		Hostname: "gate.example", IPv6: true, Router: routes{},
		Self: func(a netip.AddrPort) bool { return a.Addr() == netip.MustParseAddr("192.0.2.99") },
		Resolver: zone{
			mx: map[string][]*net.MX{
				"two.example": mx("b.example", 20, "a.example", 10), "null.example": mx(".", 0), "us.example": mx("gate.example", 10, "a.example", 20),
				"backup.example": mx("gate.example", 20, "a.example", 10, "b.example", 30), "address.example": mx("self.example", 5, "a.example", 9),
				"equal.example": mx("b.example", 5, "a.example", 10, "gate.example", 10),
				"gone.example":  mx("nowhere.example", 10), "half.example": mx("nowhere.example", 10, "b.example", 20), "unsure.example": mx(errBrokenTwo, 10),
			},
			addr: map[string][]string{
				"a.example": {"192.0.2.1", "2001:db8::1"}, "b.example": {"192.0.2.2"}, "implicit.example": {"192.0.2.3"}, "self.example": {"192.0.2.99"},
			},
		},
	})
	defer r.Close()
	for domain, want := range map[string]string{
		"two.example":        "a.example [2001:db8::1]:25 a.example [192.0.2.1]:25 b.example [192.0.2.2]:25",
		"implicit.example":   "implicit.example [192.0.2.3]:25",
		"[192.0.2.7]":        "192.0.2.7:25",
		"[IPv6:2001:db8::7]": "[2001:db8::7]:25",
		"backup.example":     "a.example [2001:db8::1]:25 a.example [192.0.2.1]:25",
		"equal.example":      "b.example [192.0.2.2]:25",
		"half.example":       "b.example [192.0.2.2]:25",
		"null.example":       "5.1.10 null.example takes no mail (its MX record says so)",
		"us.example":         "5.4.6 the mail server of us.example is this one, which does not know the domain: mail would loop",
		"address.example":    "5.4.6 the mail server of address.example is this one, which does not know the domain: mail would loop",
		"gone.example":       "5.4.4 none of the mail servers of gone.example has an address",
		"nothing.example":    "5.1.2 the domain nothing.example does not exist, or has neither a mail server nor an address",
		"servfail.example":   "4.4.3 looking up the mail servers of servfail.example: lookup : SERVFAIL",
		"unsure.example":     "4.4.3 looking up the mail servers of unsure.example: lookup : SERVFAIL",
	} {
		list, _, err := r.targets(t.Context(), queue.ByMX(domain), asPublished)
		var words []string
		for _, t := range list {
			words = append(words, t.String())
		}
		got := strings.Join(words, " ")
		var no *noWay
		if errors.As(err, &no) {
			got = no.enhanced + " " + no.text
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", domain, got, want)
		}
	}
}

func TestAsk(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"RCPT TO:<bob@a.example>": "550 5.1.1 who"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String()})
	for rcpt, want := range map[mail.Path]int{"ann@a.example": 250, "bob@a.example": 550} {
		got, err := r.Ask(t.Context(), toA, rcpt)
		if err != nil || got.Code != want {
			t.Errorf("%s: got %+v, %v; want %d", rcpt, got, err, want)
		}
	}
	if _, contents := s.count(); contents != 0 || len(s.said("MAIL FROM:<>")) != 2 {
		t.Errorf("said %q", s.said(""))
	}
}

// A context that ends, ends the wait.
func TestContextEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := hostRelay(t, Host{Name: "h", Address: l.Addr().String()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	got := told(r.Carry(ctx, job(toA, "ann@a.example")))
	if !strings.HasPrefix(got, "deferred 0 4.4.1 connect") {
		t.Error(got)
	}
}

// A wait that begins when the context has ended already is none.
func TestContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := &client{conn: near, r: bufio.NewReader(near), w: bufio.NewWriter(near)}
		defer c.close()
		ctx, cancel := context.WithCancel(t.Context())
		c.bind(ctx)
		cancel()
		synctest.Wait()
		began := time.Now()
		if _, err := c.wait("MAIL", commandTime); err == nil || time.Since(began) != 0 {
			t.Errorf("%v after %v, want an error at once", err, time.Since(began))
		}
		if _, err := c.do("MAIL", "MAIL FROM:<>"); err == nil || time.Since(began) != 0 {
			t.Errorf("%v after %v, want an error at once", err, time.Since(began))
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add("250-2.0.0 a\r\n250 2.0.0 b\r\n")
	f.Add("421\r\n")
	f.Add("550-x\n551 y\n")
	f.Fuzz(func(t *testing.T, wire string) {
		r, err := readReply(newReader(wire))
		if err != nil {
			return
		}
		if r.code < 200 || r.code > 599 || len(r.text()) > maxReplyText+maxReplyLines {
			t.Fatalf("%q: %+v", wire, r)
		}
		for _, c := range strings.ReplaceAll(r.text(), "\n", "") {
			if c < ' ' && c != '\t' || c == 0x7f {
				t.Fatalf("%q: control character in %q", wire, r.text())
			}
		}
	})
}
