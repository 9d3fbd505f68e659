package filters

import (
	"slices"
	"strings"
	"time"

	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// Filters that may wait, and know beforehand where they will not: they are off, there is
// nothing in the message that they would have to ask about, or what they would ask is in memory.

// Prompt implements pipeline.Prompter.
func (f antivirus) Prompt(pipeline.Query) bool { return len(f.engines) == 0 }

// Prompt implements pipeline.Prompter.
func (f spamassassin) Prompt(pipeline.Query) bool { return f.grader == nil }

// Prompt implements pipeline.Prompter.
func (f rspamd) Prompt(pipeline.Query) bool { return f.grader == nil }

// Prompt implements pipeline.Prompter.
func (f milterFilter) Prompt(q pipeline.Query) bool {
	return f.milter == nil || !f.early && q.Tx.Stage < pipeline.Data
}

// Prompt implements pipeline.Prompter.
func (f ocr) Prompt(pipeline.Query) bool { return f.command == "" }

// Prompt implements pipeline.Prompter.
func (f uribl) Prompt(pipeline.Query) bool { return len(f.lists) == 0 }

// Prompt implements pipeline.Prompter.
func (k keywordAllow) Prompt(pipeline.Query) bool {
	return len(k.rules)+len(k.sources.files)+len(k.sources.names) == 0
}

// Prompt implements pipeline.Prompter.
func (l logic) Prompt(pipeline.Query) bool {
	return len(l.rules)+len(l.sources.files)+len(l.sources.names) == 0
}

// Prompt implements pipeline.Prompter.
func (f dkimFilter) Prompt(q pipeline.Query) bool { return promptDKIM(q.Tx, f.resolver) }

// Prompt implements pipeline.Prompter.
func (f arcFilter) Prompt(q pipeline.Query) bool { return !hasARC(q.Tx.Message.Header()) }

// Prompt implements pipeline.Prompter: what was learnt is in memory, whom people deal with may be in the
// store alone.
func (c checksum) Prompt(q pipeline.Query) bool {
	return (c.Trust == nil || q.Tx.Envelope.ReversePath.IsNull()) && promptProof(q.Tx, c.Resolver)
}

// Prompt implements pipeline.Prompter: pictures take their turn to be decoded.
func (f phish) Prompt(q pipeline.Query) bool {
	return promptProof(q.Tx, f.resolver) && (f.pictures == nil || promptLinks(q.Tx))
}

// promptLinks reports whether the links of a message are known, or nothing in it can be a picture.
func promptLinks(tx *pipeline.Transaction) bool {
	if _, known := pipeline.Known[messageLinks](tx, linksKey); known {
		return true
	}
	for p := range tx.Message.Root().All() {
		if !p.IsMultipart() && p.Type != "text" {
			return false
		}
	}
	return true
}

// maxPromptFrom is the length of From fields, in octets, up to which their authors are looked for each time somebody asks.
const maxPromptFrom = 2 << 10

// shortFrom reports whether the authors of a message are told at next to no cost.
func shortFrom(h *mail.Header) bool {
	n := 0
	for _, from := range h.All("From") {
		n += len(from)
	}
	return n <= maxPromptFrom
}

// Prompt implements pipeline.Prompter.
func (f dmarcFilter) Prompt(q pipeline.Query) bool {
	m, ok := f.Resolver.(*remembering)
	switch {
	case !q.Tx.Client.Login.IsNull():
		return true
	case !ok || !shortFrom(q.Tx.Message.Header()) || !promptProof(q.Tx, f.Resolver):
		return false
	}
	a := dmarcAnswer{}
	if q.Tx.Message.Header().Count("DKIM-Signature") > 0 {
		known := false
		if a.DKIM, known = pipeline.Known[dkimAnswer](q.Tx, dkimKey); !known { // whom it proves is not known yet
			return false
		}
	}
	a.SPF, _ = knownSPF(q.Tx, m)
	domains, _ := fromDomains(q.Tx.Message)
	for _, d := range domains {
		if _, known := m.dmarc.get(dmarcKeyOf(d, a.proven()), time.Now()); !known {
			return false
		}
	}
	return true
}

// promptProof reports whether SPF and DKIM of a transaction are told without asking the DNS.
func promptProof(tx *pipeline.Transaction, r Resolver) bool {
	return promptSPF(tx, r) && promptDKIM(tx, r)
}

// promptDKIM reports whether there is no key to be asked for, or no more, or all are in memory.
func promptDKIM(tx *pipeline.Transaction, r Resolver) bool {
	h := tx.Message.Header()
	signed := h.Count("DKIM-Signature")
	if signed == 0 {
		return true
	}
	if _, known := pipeline.Known[dkimAnswer](tx, dkimKey); known {
		return true
	}
	m, ok := r.(*remembering)
	if !ok || signed > maxSignatures {
		return false
	}
	return !slices.ContainsFunc(h.Fields, func(f mail.Field) bool {
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			return false
		}
		s, err := dkim.ParseSignature(f.Raw)
		return err == nil && m.keeper.Keeps("TXT", s.Selector+"._domainkey."+s.Domain) <= 0
	})
}

// promptSPF reports whether SPF was evaluated in this transaction, or is remembered.
func promptSPF(tx *pipeline.Transaction, r Resolver) bool {
	_, known := knownSPF(tx, r)
	return known
}

func knownSPF(tx *pipeline.Transaction, r Resolver) (a spfAnswer, known bool) {
	sender, identity := spfIdentity(tx)
	if a, known = pipeline.Known[spfAnswer](tx, spfFactKey(tx, sender)); known {
		return a, true
	}
	m, ok := r.(*remembering)
	if !ok {
		return a, false
	}
	return m.spf.get(spfKey{tx.Client.Addr, domainOf(sender), identity}, time.Now())
}

// Prompt implements pipeline.Prompter.
func (b bayesFilter) Prompt(pipeline.Query) bool { return true }
