package intake

import (
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// fields returns the header fields that one recipient's copy gets in front
// (spec, Headers written). They stand in the recipient's own row: the content
// stays as it came.
func (t *Transaction) fields(r *recipient, received []byte) []byte {
	tx, w := t.tx, r.walk
	b := mail.AppendField(nil, "Return-Path", "<"+string(tx.Envelope.ReversePath)+">")
	b = append(b, received...)
	b = mail.AppendField(b, "Authentication-Results", pipeline.AuthenticationResults(t.in.Config.Hostname, auth(w)))
	if s, ok := step(w, "spf"); ok {
		b = mail.AppendField(b, "Received-SPF", receivedSPF(tx, s))
	}
	b = mail.AppendField(b, "X-Gatepost-Id", tx.ID)
	b = mail.AppendField(b, "X-Gatepost-Client", client(tx, w))
	b = mail.AppendField(b, "X-Gatepost-Helo", tx.Client.Helo)
	b = mail.AppendField(b, "X-Gatepost-Reverse-Path", string(tx.Envelope.ReversePath))
	b = mail.AppendField(b, "X-Gatepost-Recipient", string(r.path))
	if d := w.Decision; d.Action == pipeline.Accept {
		b = mail.AppendField(b, "X-Gatepost-Allowed", d.Entry+": "+d.Reason)
	}
	if isSpam(w) {
		b = mail.AppendField(b, "X-Spam-Flag", "YES")
	}
	b = mail.AppendField(b, "X-Spam-Score", fmt.Sprintf("%.1f", w.Score))
	return mail.AppendField(b, "X-Spam-Status", spamStatus(w))
}

// forged names the fields that only this system writes: on arrival they are
// somebody's claim, and they go.
func (t *Transaction) forged(f mail.Field) bool {
	name := strings.ToLower(f.Name)
	switch {
	case strings.HasPrefix(name, "x-gatepost-"), strings.HasPrefix(name, "x-spam-"):
		return true
	case name == "authentication-results": // RFC 8601 §5: those with our own id
		id, _, _ := strings.Cut(f.Value(), ";")
		id, _, _ = strings.Cut(strings.TrimSpace(id), " ") // a version may follow
		return strings.EqualFold(id, t.in.Config.Hostname)
	}
	return false
}

// auth gathers what the walk's filters have to say under RFC 8601.
func auth(w *pipeline.Walk) (results []authres.Result) {
	for _, s := range w.Steps {
		if !s.Shadow {
			results = append(results, s.Finding.Auth...)
		}
	}
	return results
}

func step(w *pipeline.Walk, filter string) (pipeline.Step, bool) {
	for _, s := range w.Steps {
		if s.Filter == filter && !s.Shadow {
			return s, true
		}
	}
	return pipeline.Step{}, false
}

// receivedSPF is the field of RFC 7208 §9.1.
func receivedSPF(tx *pipeline.Transaction, s pipeline.Step) string {
	identity, from := "mailfrom", string(tx.Envelope.ReversePath)
	if tx.Envelope.ReversePath.IsNull() {
		identity, from = "helo", "postmaster@"+tx.Client.Helo
	}
	return fmt.Sprintf("%s client-ip=%s; envelope-from=%q; helo=%q; identity=%s",
		s.Finding.Result, tx.Client.Addr, from, tx.Client.Helo, identity)
}

// client is the address with the name that the reverse DNS gave and confirmed.
func client(tx *pipeline.Transaction, w *pipeline.Walk) string {
	name := "unknown"
	if s, ok := step(w, "rdns"); ok {
		for _, e := range s.Finding.Evidence {
			if e.Key == "name" && e.Value != "" {
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
			tests = append(tests, fmt.Sprintf("%s: %g", s.Entry, s.Points))
		case s.Effect.Action.Ends():
			tests = append(tests, fmt.Sprintf("%s: %s", s.Entry, s.Effect.Action))
		}
	}
	if tests == nil {
		tests = []string{"none"}
	}
	return fmt.Sprintf("%s, score=%.1f required=%.1f tests=%s", word, w.Score, w.Policy.Required, strings.Join(tests, ", "))
}
