package intake

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatepost/internal/arc"
	"gatepost/internal/directory"
	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/internal/signing"
)

// A Signer signs for our domains; *signing.Desk is one.
type Signer interface {
	// Sign returns DKIM-Signature fields for the top of a message whose author is of a domain; nothing
	// where the domain has no keys, or the message can't be signed.
	Sign(ctx context.Context, m *mail.Message, domain string) ([]byte, error)
	// Signers returns those of a domain, RSA first. It does not wait.
	Signers(domain string) []*dkim.Signer
}

// chainTime bounds how long is waited for the keys of an ARC chain: mostly the filters asked for them
// already.
const chainTime = 10 * time.Second

// signatures returns the fields with which a message leaves, for its top: signatures for what one of our people sends, who
// had logged in; a seal for a stranger's mail that a domain of ours sends on (by, "": none does). It is signed as it leaves, once, when it is
// queued: nothing on the way changes what is signed, and each try sends the same octets. What can't be signed leaves
// as it is: that is said in the log, and no mail waits for it.
func (in *Intake) signatures(ctx context.Context, s *directory.Snapshot, served *mail.Message, by string) []byte {
	if in.Signer == nil {
		return nil
	}
	var fields []byte
	var err error
	found := in.ownFindings(served)
	if submitted(found) {
		if domain, ours := authored(s, served); ours && !in.signedBy(served, domain) {
			fields, err = in.Signer.Sign(ctx, served, domain)
		}
	} else if by != "" {
		fields, err = in.seal(ctx, s, served, by, found)
	}
	if err != nil {
		in.Log.Warn("a message leaves unsigned", "by", by, "error", err)
		return nil
	}
	return fields
}

// signedBy reports whether a domain's key of ours has signed a message already: it waited in the queue, and is sent
// on from there.
func (in *Intake) signedBy(served *mail.Message, domain string) bool {
	signers := in.Signer.Signers(domain)
	for _, f := range served.Header().Fields {
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			continue
		}
		if s, err := dkim.ParseSignature(f.Raw); err == nil && slices.ContainsFunc(signers, func(o *dkim.Signer) bool { return o.Domain == s.Domain && o.Selector == s.Selector }) {
			return true
		}
	}
	return false
}

// ownFindings is the value of the Authentication-Results field that a node of ours wrote; "" where there is
// none. It stands above all that came with the message: one further down is somebody's claim, which was
// removed as the message came if it bore a name that was ours then.
func (in *Intake) ownFindings(served *mail.Message) string {
	if all := served.Header().All("Authentication-Results"); len(all) > 0 && ownResults(all[0], in.hosts()) {
		return all[0]
	}
	return ""
}

// submitted reports whether somebody had logged in to send the message of which that was found. Then its authors were
// identities of his (Transaction.submitted).
func submitted(found string) bool {
	return slices.ContainsFunc(arc.ParseClaims(found), func(c arc.Claim) bool { return c.Method == "auth" && c.Result == "pass" })
}

// authored returns the domain of a message's one author, and whether it is one of ours, under whichever of its names.
func authored(s *directory.Snapshot, served *mail.Message) (domain string, ours bool) {
	author, ok := served.Author()
	if !ok {
		return "", false
	}
	name, ok := dkim.Domain(author.Domain())
	if !ok {
		return "", false
	}
	_, ours = s.Domain(name)
	return name, ours
}

// seal returns a further ARC set (RFC 8617 §5.1): what was found when the message came, and that nothing was changed since.
func (in *Intake) seal(ctx context.Context, s *directory.Snapshot, served *mail.Message, by, found string) ([]byte, error) {
	signer := in.sealer(s, by)
	if signer == nil || served.Header().Cut {
		return nil, nil
	}
	if found == "" {
		found = in.config().Hostname + "; none"
	}
	ctx, cancel := context.WithTimeout(ctx, chainTime)
	defer cancel()
	parts := signing.Parts(served)
	body, err := dkim.BodyHash(ctx, parts.Body())
	if err == nil {
		var chain arc.Chain
		if chain, err = arc.Verify(ctx, signing.Parts(served), dkim.NewKeys(in.Resolver), in.Now()); err == nil {
			var set []byte
			if set, err = arc.Seal(signer, parts.Fields, body, chain, found, in.Now()); err == nil {
				return set, nil
			}
		}
	}
	if errors.Is(err, dkim.ErrUnsignable) || errors.Is(err, arc.ErrNoSeal) {
		in.Log.Info("what is sent on is not sealed", "by", by, "error", err)
		return nil, nil
	}
	return nil, err
}

// sealer is that of the name that sends a message on, else of its domain's own name, else of this node, since a seal need not be
// of anybody whom the message names. RSA is what all who verify chains know.
func (in *Intake) sealer(s *directory.Snapshot, by string) *dkim.Signer {
	names := []string{by}
	if dom, ours := s.Domain(by); ours && dom.Name != by {
		names = append(names, dom.Name)
	}
	for _, name := range append(names, in.config().Hostname) {
		if list := in.Signer.Signers(name); len(list) > 0 {
			return list[0]
		}
	}
	return nil
}

// signed is a view of a message as it leaves, with what signatures returns in front.
func (in *Intake) signed(ctx context.Context, s *directory.Snapshot, view mail.View, content *mail.Message, by string) mail.View {
	if fields := in.signatures(ctx, s, view.Message(content), by); len(fields) > 0 {
		view.Prefix = append(bytes.Clone(fields), view.Prefix...)
	}
	return view
}

// signed is Intake.signed for one of the plan's copies. Copies that differ in nothing that is signed share the work, such as those
// of a hundred recipients; where the plan is only to explain nothing is signed.
func (p *plan) signed(ctx context.Context, view mail.View, by, subject string) mail.View {
	in := p.t.in
	if in.Signer == nil || p.t.conv == nil || by == "" && p.t.tx.Client.Login.IsNull() {
		return view
	}
	served := view.Message(p.m)
	alike := strings.Join([]string{by, subject, in.ownFindings(served)}, "\x00")
	fields, known := p.signatures[alike]
	if !known {
		fields = in.signatures(ctx, p.t.snapshot, served, by)
		p.signatures[alike] = fields
	}
	if len(fields) > 0 {
		view.Prefix = append(bytes.Clone(fields), view.Prefix...)
	}
	return view
}

// Signatures returns the fields with which a message leaves that was held, served as it leaves; by is the domain
// of ours that sends it on, "": none does.
func (in *Intake) Signatures(ctx context.Context, served *mail.Message, by string) []byte {
	return in.signatures(ctx, in.Directory.Snapshot(), served, by)
}
