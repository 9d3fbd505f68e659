package intake

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/collector"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// fields returns the header fields that one recipient's copy gets in front
// (spec, Headers written). They stand in the recipient's own row: the content
// stays as it came.
func (t *Transaction) fields(r *recipient, sender mail.Path, received []byte) []byte {
	b := mail.AppendStructured(nil, "Return-Path", "<"+string(sender)+">")
	b = append(b, received...)
	b = mail.AppendStructured(t.found(b, r), "X-Gatepost-Recipient", string(r.path))
	return t.verdict(b, r)
}

// onward returns the fields of a copy that goes to another server, for the address
// of ours that sends it on, if any does (loop.go looks for that). Who else is
// served the same can't tell from it whom it was for.
func (t *Transaction) onward(r *recipient, by mail.Path, received []byte) []byte {
	var b []byte
	if !by.IsNull() {
		b = mail.AppendStructured(b, "Delivered-To", string(by))
	}
	return t.verdict(t.found(append(b, received...), r), r)
}

// found adds who the client was, and what is proven of the sender.
func (t *Transaction) found(b []byte, r *recipient) []byte {
	tx, w := t.tx, r.walk
	appendField := mail.AppendField
	if tx.Envelope.Params.SMTPUTF8 { // else what is not ASCII there is no address
		appendField = mail.AppendStructured
	}
	b = appendField(b, "Authentication-Results", pipeline.AuthenticationResults(t.in.config().Hostname, t.auth(w)))
	if spf := t.spfResult(w); spf != nil {
		b = appendField(b, "Received-SPF", pipeline.ReceivedSPF(t.in.config().Hostname, tx.Client, tx.Envelope.ReversePath, spf))
	}
	b = mail.AppendField(b, "X-Gatepost-Id", tx.ID)
	if t.collected != nil {
		b = mail.AppendField(b, collector.TokenField, t.collected.Token)
	}
	if t.hides() {
		return mail.AppendStructured(b, "X-Gatepost-Reverse-Path", string(tx.Envelope.ReversePath))
	}
	from := client(tx, w)
	if t.relay.IsValid() {
		from += " by way of " + t.relay.String()
	}
	b = mail.AppendField(b, "X-Gatepost-Client", from)
	b = mail.AppendField(b, "X-Gatepost-Helo", tx.Client.Helo)
	return mail.AppendStructured(b, "X-Gatepost-Reverse-Path", string(tx.Envelope.ReversePath))
}

// hides reports whether nobody is to see from where the message was sent, and by which
// log-in: the journal alone has it.
func (t *Transaction) hides() bool { return t.in.config().HideUsers && !t.tx.Client.Login.IsNull() }

// verdict adds what the walk led to.
func (t *Transaction) verdict(b []byte, r *recipient) []byte {
	w := r.walk
	if judged := bayesStatus(w); judged != "" {
		b = mail.AppendField(b, "X-Gatepost-Bayes", judged)
	}
	if d := w.Decision; d.Action == pipeline.Accept {
		b = mail.AppendField(b, "X-Gatepost-Allowed", d.Entry+": "+d.Reason)
	}
	if isSpam(w) {
		b = mail.AppendField(b, "X-Spam-Flag", "YES")
	}
	score, _ := shownScores(w)
	b = mail.AppendField(b, "X-Spam-Score", score)
	return mail.AppendField(b, "X-Spam-Status", spamStatus(w))
}

// forged tells the fields that only this system writes: on arrival they are somebody's
// claim, and they go. It is to be asked about the fields of one header, from the top on. A
// Received-SPF field tells of the host whose Received stands below it (RFC 7208 §9.1): what
// came above the first Received would be read as ours.
func (t *Transaction) forged() func(mail.Field) bool {
	traced, hosts := false, t.in.hosts()
	return func(f mail.Field) bool {
		name := strings.ToLower(f.Name)
		switch {
		case strings.HasPrefix(name, "x-gatepost-"), strings.HasPrefix(name, "x-spam-"):
			return true
		case name == "authentication-results": // RFC 8601 §5: those with an id of ours
			return ownResults(f.Value(), hosts)
		case name == "received-spf":
			return !traced || namesHost(f.Value(), hosts)
		}
		traced = traced || name == "received"
		return false
	}
}

// auth gathers what there is to say under RFC 8601: the log-in (RFC 4954 §7), what the
// walk's filters found, and what is known where an entry above kept the walk from those.
func (t *Transaction) auth(w *pipeline.Walk) (results []authres.Result) {
	if login := t.tx.Client.Login; login != "" {
		if t.hides() {
			login = "" // who sends as another is not told from him
		}
		results = append(results, &authres.AuthResult{Value: authres.ResultPass, Auth: string(login)})
	}
	told := map[string]bool{}
	for _, s := range w.Steps {
		if !s.Shadow {
			results = append(results, s.Finding.Auth...)
			told[s.Filter] = true
		}
	}
	if t.in.KnownAuth == nil {
		return results
	}
	for _, r := range t.in.KnownAuth(t.tx) {
		if !told[method(r)] {
			results = append(results, r)
		}
	}
	return results
}

// method is the filter that writes of a result, were it asked.
func method(r authres.Result) string {
	switch r := r.(type) {
	case *authres.SPFResult:
		return "spf"
	case *authres.GenericResult:
		return r.Method
	}
	return ""
}

// spfResult returns what was found out under RFC 7208, or nil.
func (t *Transaction) spfResult(w *pipeline.Walk) *authres.SPFResult {
	for _, r := range t.auth(w) {
		if spf, ok := r.(*authres.SPFResult); ok {
			return spf
		}
	}
	return nil
}

// client is the address with the name that the reverse DNS gave and confirmed
// (the evidence "name" of the filter rdns).
func client(tx *pipeline.Transaction, w *pipeline.Walk) string {
	name := "unknown"
	for _, s := range w.Steps {
		for _, e := range s.Finding.Evidence {
			if s.Filter == "rdns" && e.Key == "name" {
				name = e.Value
			}
		}
	}
	return fmt.Sprintf("%s (%s)", tx.Client.Addr, name)
}

// isSpam reports whether the walk ended in a verdict of spam, whatever became
// of it.
func isSpam(w *pipeline.Walk) bool {
	switch w.Decision.Action {
	case pipeline.Spam, pipeline.Junk, pipeline.Tag, pipeline.Quarantine, pipeline.Reject:
		return true
	}
	return false
}

func spamStatus(w *pipeline.Walk) string {
	word := "No"
	if isSpam(w) {
		word = "Yes"
	}
	var tests []string
	for _, s := range w.Steps {
		switch {
		case s.Shadow:
		case s.Points != 0:
			tests = append(tests, fmt.Sprintf("%s: %s", s.Entry, thousandths(shownThousandths(s.Points), 0)))
		case s.Effect.Action.Ends():
			tests = append(tests, fmt.Sprintf("%s: %s", s.Entry, s.Effect.Action))
		}
	}
	if tests == nil {
		tests = []string{"none"}
	}
	score, required := shownScores(w)
	return fmt.Sprintf("%s, score=%s required=%s tests=%s", word, score, required, strings.Join(tests, ", "))
}

// shownScores are a walk's score and what it takes until that is spam, with one to three decimals; as shown, too, the one reaches the
// other or does not.
func shownScores(w *pipeline.Walk) (score, required string) {
	n, limit := shownThousandths(w.Score), int64(math.Round(w.Required*1000))
	switch {
	case w.Required <= 0: // nothing is spam by its score
	case w.Score >= w.Required:
		n = max(n, limit)
	default:
		n = min(n, limit-1)
	}
	return thousandths(n, 1), thousandths(limit, 1)
}

// shownThousandths leaves out what is less than a thousandth, so that no more is shown than there is. What a sum of decimal
// fractions lacks because it is a binary one does not count.
func shownThousandths(x float64) int64 { return int64(math.Floor(x*1000 + 1e-6)) }

// thousandths writes a number of them in decimals, at least so many.
func thousandths(n int64, least int) string {
	s := strconv.FormatFloat(float64(n)/1000, 'f', 3, 64)
	whole, decimals, _ := strings.Cut(s, ".")
	for len(decimals) > least && strings.HasSuffix(decimals, "0") {
		decimals = decimals[:len(decimals)-1]
	}
	if decimals == "" {
		return whole
	}
	return whole + "." + decimals
}

// bayesStatus is what the filter bayes said, "ham, score=0.412 required=7.5 level=4", by its evidence; "" where the
// walk did not come to it.
func bayesStatus(w *pipeline.Walk) string {
	for _, s := range w.Steps {
		if s.Filter != "bayes" || s.Shadow || s.Finding.Result == pipeline.Skipped {
			continue
		}
		var told []string
		for _, key := range [...]string{"score", "required", "level"} {
			for _, e := range s.Finding.Evidence {
				if e.Key == key {
					told = append(told, e.Key+"="+e.Value)
				}
			}
		}
		if told == nil {
			return s.Finding.Result
		}
		return s.Finding.Result + ", " + strings.Join(told, " ")
	}
	return ""
}

// proven reports whether the sender is who the reverse-path says: by log-in, or by
// SPF, which a filter or prove has asked.
func (t *Transaction) proven(r *recipient) bool {
	if !t.tx.Client.Login.IsNull() {
		return true
	}
	spf := t.spfResult(r.walk)
	return spf != nil && spf.Value == authres.ResultPass || t.sender.spf == string(authres.ResultPass) && !t.blind
}

// disproven reports whether the reverse-path is most likely somebody else's: SPF says so,
// and no signature of its domain says otherwise. What is refused later is held then, since
// a report would go to who wrote nothing.
func (t *Transaction) disproven(r *recipient) bool {
	sender := t.tx.Envelope.ReversePath
	if t.collected != nil {
		return true // he was told long ago that it is delivered
	}
	if sender.IsNull() || t.proven(r) {
		return false
	}
	spf := t.spfResult(r.walk)
	if spf == nil || spf.Value != authres.ResultFail && spf.Value != authres.ResultSoftFail {
		return false
	}
	for _, result := range t.auth(r.walk) {
		if d, ok := signer(result); ok && within(sender.Domain(), d) {
			return false
		}
	}
	return true
}

// signer returns the domain of a good signature. The library's own type has no place for
// all that RFC 8601 §2.7.1 knows of one, so the filters use the general one.
func signer(r authres.Result) (domain string, ok bool) {
	switch r := r.(type) {
	case *authres.DKIMResult:
		return r.Domain, r.Value == authres.ResultPass
	case *authres.GenericResult:
		return r.Params["header.d"], r.Method == "dkim" && r.Value == authres.ResultPass
	}
	return "", false
}

// within reports whether a domain is that one, or below it.
func within(domain, above string) bool {
	above = strings.ToLower(above)
	return above != "" && (domain == above || strings.HasSuffix(domain, "."+above))
}
