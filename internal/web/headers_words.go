package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trace"
	"gatepost/internal/web/safe"
)

// explained is what a header tells, in sentences.
type explained struct {
	Author, Mail, Filters []string
	Tests                 []trace.Test
	Proof                 saying
	Hops                  []hopLine
	Results               []saying
	Claims                []claimLine
	Believed, Cut         bool // a server of ours wrote on top; there is more than is told
}

// A saying is a sentence, and how good that is: "good", "warn", "bad" or "info".
type saying struct{ Class, Text, More string }

// A hopLine is one step of the way.
type hopLine struct {
	Class, Text, Wire, Wait string
	Ours                    bool
	Time                    time.Time
}

// A claimLine is what others say that they found out.
type claimLine struct {
	Text   string
	Posing bool
}

func explain(v *visit, r trace.Report) *explained {
	e := &explained{
		Author: authorWords(v, r), Mail: mailWords(v, r), Filters: filterWords(v, r.Verdict), Proof: proofWords(v, r.Proof), Cut: r.Cut,
		Believed: len(r.Hops) > 0 && r.Hops[len(r.Hops)-1].Ours,
	}
	for _, h := range r.Hops {
		e.Hops = append(e.Hops, hopWords(v, h))
	}
	for _, res := range r.Results {
		e.Results = append(e.Results, resultWords(v, res))
	}
	for _, c := range r.Claims {
		e.Claims = append(e.Claims, claimLine{v.T("headers.claim", foreign(c.Host), foreign(claimed(c.Results))), c.Posing})
	}
	for _, t := range r.Verdict.Tests {
		e.Tests = append(e.Tests, trace.Test{Name: safe.Line(t.Name), Result: safe.Line(t.Result)})
	}
	return e
}

// addresses writes out who stands in a field.
func addresses(list []mail.Address) string {
	texts := make([]string, 0, len(list))
	for _, a := range list {
		text := a.Local
		if a.Domain != "" {
			text += "@" + a.Domain
		}
		if a.Name != "" {
			text = a.Name + " <" + text + ">"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func authorWords(v *visit, r trace.Report) (list []string) {
	a := r.Author
	switch {
	case len(a.From) == 0:
		list = append(list, v.T("headers.from.none"))
	case !a.Known:
		list = append(list, v.T("headers.from.several", foreign(addresses(a.From))))
	default:
		list = append(list, v.T("headers.from", foreign(addresses(a.From))))
	}
	if a.Sender != "" {
		list = append(list, v.T("headers.sender", foreign(a.Sender)))
	}
	switch {
	case a.ReplyElsewhere():
		list = append(list, v.T("headers.reply.elsewhere", foreign(addresses(a.ReplyTo))))
	case len(a.ReplyTo) > 0:
		list = append(list, v.T("headers.reply", foreign(addresses(a.ReplyTo))))
	}
	if a.ReturnElsewhere() {
		list = append(list, v.T("headers.return.elsewhere", foreign(a.ReturnPath)))
	}
	return list
}

func proofWords(v *visit, p trace.Proof) saying {
	switch {
	case !p.Known:
		return saying{Class: "info", Text: v.T("headers.proof.unknown")}
	case p.Given:
		return saying{Class: "good", Text: v.T("headers.proof.yes", methods(p.By))}
	case len(p.By) > 0:
		return saying{Class: "bad", Text: v.T("headers.proof.no", methods(p.By))}
	}
	return saying{Class: "warn", Text: v.T("headers.proof.none")}
}

// methods writes names of methods as people know them.
func methods(list []string) string { return strings.ToUpper(strings.Join(slices.Compact(list), ", ")) }

// mailWords tells what kind of mail it is.
func mailWords(v *visit, r trace.Report) (list []string) {
	switch a := r.Automatic; a {
	case "":
	case "auto-replied", "auto-generated":
		list = append(list, word(v, "headers."+a))
	default:
		list = append(list, v.T("headers.auto", foreign(a)))
	}
	switch l := r.List; {
	case l.ID != "":
		list = append(list, v.T("headers.list", foreign(l.ID)))
	case l.There():
		list = append(list, v.T("headers.bulk"))
	}
	if ways := r.List.Unsubscribe; len(ways) > 0 {
		list = append(list, v.T("headers.leave", foreign(strings.Join(ways, " "))))
		if r.List.OneClick {
			list = append(list, v.T("headers.oneclick"))
		}
	}
	return list
}

// filterWords tells what our filters wrote.
func filterWords(v *visit, d trace.Verdict) (list []string) {
	if !d.There {
		return nil
	}
	if d.Spam {
		list = append(list, v.T("headers.spam"))
	} else {
		list = append(list, v.T("headers.ham"))
	}
	if d.Score != "" && d.Required != "" {
		list = append(list, v.T("headers.score", foreign(d.Score), foreign(d.Required)))
	}
	for _, line := range [...]struct{ key, text string }{
		{"headers.bayes", d.Bayes}, {"headers.allowed", d.Allowed}, {"headers.released", d.Released}, {"headers.number", d.ID},
	} {
		if line.text != "" {
			list = append(list, v.T(line.key, foreign(line.text)))
		}
	}
	return list
}

// clockSlack is by how much servers' clocks may differ before somebody is told.
const clockSlack = time.Minute

func hopWords(v *visit, h trace.Hop) hopLine {
	line := hopLine{Class: "skipped", Ours: h.Ours, Time: h.Time}
	if h.Ours {
		line.Class = "passed"
	}
	by := foreign(h.By)
	if h.By == "" {
		by = v.T("headers.hop.some")
	}
	if from := clientWords(h); from == "" {
		line.Text = v.T("headers.hop.in", by)
	} else {
		line.Text = v.T("headers.hop", foreign(from), by)
	}
	switch {
	case h.Wire == trace.Encrypted:
		line.Wire = v.T("headers.wire.tls")
	case h.Inside():
		line.Wire = v.T("headers.wire.inside")
	case h.Wire == trace.Plain:
		line.Wire = v.T("headers.wire.plain")
	default:
		line.Wire = v.T("headers.wire.untold")
	}
	switch {
	case h.Time.IsZero():
		line.Wait = v.T("headers.wait.unknown")
	case !h.Timed:
	case h.Wait < -clockSlack:
		line.Wait, line.Class = v.T("headers.wait.back"), "failed"
	default:
		line.Wait = waitWords(v, h.Wait)
	}
	return line
}

// clientWords names who handed a message on: as the DNS does, and as it did itself where that is another name.
func clientWords(h trace.Hop) string {
	list := make([]string, 0, 3)
	if h.Name != "" {
		list = append(list, h.Name)
	}
	if h.Helo != "" && !strings.EqualFold(h.Helo, h.Name) {
		list = append(list, h.Helo)
	}
	if h.Addr.IsValid() {
		list = append(list, mail.Unmap(h.Addr).String())
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return list[0] + " (" + strings.Join(list[1:], ", ") + ")"
}

// waitWords writes how long it took.
func waitWords(v *visit, d time.Duration) string {
	switch {
	case d < time.Second:
		return v.T("headers.wait.none")
	case d < 2*time.Minute:
		return v.T("headers.wait.seconds", int(d/time.Second))
	case d < 2*time.Hour:
		return v.T("headers.wait.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return v.T("headers.wait.hours", int(d/time.Hour))
	}
	return v.T("headers.wait.days", int(d/(24*time.Hour)))
}

// resultWords says what one of our findings means.
func resultWords(v *visit, r trace.Result) saying {
	line := saying{Class: "info", More: safe.Line(r.Reason)}
	about := r.Prop("header.d", "header.i", "smtp.mailfrom", "header.from", "policy.iprev", "smtp.auth", "smtp.helo")
	switch r.Value {
	case "pass":
		line.Class = "good"
	case "fail":
		line.Class = "bad"
	case "softfail", "temperror", "permerror":
		line.Class = "warn"
	}
	key := "headers." + r.Method + "." + r.Value
	switch {
	case r.Value == "temperror" || r.Value == "permerror":
		key = "headers.result." + r.Value
		line.Text = v.T(key, foreign(methods([]string{r.Method})))
	case r.Method == "arc" && knownResult(r.Method, r.Value), r.Method == "dkim" && r.Value == "none": // of nobody's domain
		line.Text = v.T(key)
	case knownResult(r.Method, r.Value):
		line.Text = v.T(key, foreign(cmp.Or(about, "–")))
	default: // nobody says here what is good of it
		line.Class, line.Text = "info", v.T("headers.result", foreign(methods([]string{r.Method})), foreign(r.Value))
	}
	return line
}

// knownResult: these have words, "headers." and the method and the value.
func knownResult(method, value string) bool {
	return slices.Contains([]string{
		"spf.pass", "spf.fail", "spf.softfail", "spf.neutral", "spf.none", "dkim.pass", "dkim.fail", "dkim.none",
		"dmarc.pass", "dmarc.fail", "dmarc.none", "arc.pass", "arc.fail", "arc.none", "iprev.pass", "iprev.fail", "auth.pass",
	}, method+"."+value)
}

// claimed writes results as they came, since nobody here answers for them.
func claimed(list []trace.Result) string {
	texts := make([]string, 0, len(list))
	for _, r := range list {
		texts = append(texts, fmt.Sprintf("%s=%s", r.Method, r.Value))
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
