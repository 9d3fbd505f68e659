package intake

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// An Explanation is what would become of a message.
type Explanation struct {
	Verdict mail.Verdict // what its client would be answered
	Walks   []journal.Walk
}

// Explain walks the gate and each recipient's policy as if the client sent the
// message now; one with a Login as if it had come by submission, past the gate. Nothing follows: no delivery, no
// journal, and filters with memory are not told. A recipient that SMTP would not take is an error.
func (in *Intake) Explain(ctx context.Context, c mail.Client, from mail.Path, to []string, m *mail.Message) (*Explanation, error) {
	t := &Transaction{in: in, policies: in.Policies(), snapshot: in.Directory.Snapshot()}
	t.tx = pipeline.NewTransaction(ctx, mail.NewID(in.Now()), in.Now(), c, in.lists()).WithHelo(c).WithMail(from, mail.Params{Size: m.Size()})
	defer func() { t.tx.Close() }()
	t.gate = pipeline.NewWalk(t.policies.Gate, mail.Null, false)
	if how, err := in.identity(ctx, t.snapshot, c.Login, from); err != nil {
		return nil, err
	} else if how == mailbox.NoSending {
		return &Explanation{Verdict: notYours(t.ID(), c.Login, from)}, nil
	}
	t.tx = t.tx.WithMail(bounces(t.snapshot, c.Login, from), t.tx.Envelope.Params)
	m, v, err := t.submitted(ctx, m)
	if err != nil || v.Answer != mail.OK {
		return &Explanation{Verdict: v}, err
	}
	if c.Login.IsNull() {
		if err := t.gate.Advance(ctx, t.tx); err != nil {
			return nil, err
		}
	}
	for _, s := range to {
		if err := t.explainRcpt(ctx, s); err != nil {
			return nil, err
		}
	}
	// The gate's verdict comes first; the walks are shown all the same.
	t.tx = t.tx.WithData(t.paths(), m)
	if err := pipeline.AdvanceAll(ctx, t.tx, t.walks()); err != nil {
		return nil, err
	}
	t.walkShadows(ctx)
	v = t.settle()
	if t.keeps() {
		p, err := t.plan(ctx, m, nil)
		if err != nil {
			return nil, err
		}
		refused, done, err := t.rule(ctx, p)
		if err != nil {
			return nil, err
		}
		if done {
			v = refused
		}
	}
	if g := gateVerdict(t.gate); g.Answer != mail.OK {
		v = g
	}
	return &Explanation{Verdict: v, Walks: t.record(v, t.state(v)).Walks}, nil
}

func (t *Transaction) explainRcpt(ctx context.Context, s string) error {
	p, err := mail.ParsePath(s)
	if err != nil {
		return err
	}
	found, err := t.in.resolve(ctx, t.snapshot, t.tx.Envelope.ReversePath, p)
	if login := t.tx.Client.Login; errors.Is(err, directory.ErrNoDomain) && !login.IsNull() {
		home, _ := t.snapshot.Domain(login.Domain())
		found, err = directory.Resolution{Domain: home, Remotes: []directory.Remote{{Address: p}}}, nil
	}
	if err != nil {
		return fmt.Errorf("recipient %s: %w", s, err)
	}
	r := &recipient{path: p, domain: found.Domain, boxes: found.Boxes, remotes: found.Remotes, way: found}
	t.begin(r, t.judge(found, p), false)
	t.rcpts = append(t.rcpts, r)
	return nil
}
