package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// Rules knows the Sieve scripts of mailboxes, and what those may know.
type Rules interface {
	// Has reports whether a box has an active script. It must not wait: it is asked about all mail.
	Has(box int64) bool
	// Active returns that script and the revision of the box's scripts; nil where there is none. What is
	// wrong with the script itself is a *sieve.Error.
	Active(ctx context.Context, box int64) (s *sieve.Script, revision int64, err error)
	// Include returns one that a script of the box includes (RFC 6609), its owner's or one for all;
	// nil where there is none.
	Include(ctx context.Context, box int64, global bool, name string) (*sieve.Script, error)
	Folders(ctx context.Context, box int64) ([]mailbox.Folder, error)
	// Domain returns rules of a domain by their text; files: they may file. What is wrong with them is a
	// *sieve.Error.
	Domain(text string, files bool) (*sieve.Script, error)
	// Recalls reports whether a box's scripts remember an identity. Box 0 has what rules of domains remember.
	Recalls(ctx context.Context, box int64, id string, now time.Time) (bool, error)
}

// A piece is a message on its way into one mailbox, whose rules decide about it. The accepting
// commit and the queue both make pieces: what follows is the same.
type piece struct {
	d        *mailbox.Delivery // where it goes without rules
	served   *mail.Message     // as d.View serves it
	snapshot *directory.Snapshot
	box      directory.Mailbox
	sender   mail.Path // the reverse-path
	rcpt     mail.Path // as the client named it, or who sent it on
	client   mail.Client
	tx       string
	params   mail.Params
	wishes   mail.RcptParams // what the sender wants to hear
	judged   queue.Judged
	proof    func() string // see queue.Judged; it may wait
	phase    string        // RFC 5183 §4.2: "during" the transaction, "post"
	released bool          // from quarantine: somebody wants to have it
}

// A filed is what the rules of a mailbox made of a piece.
type filed struct {
	deliveries []*mailbox.Delivery
	transfers  []*queue.Transfer
	drafts     []draft
	remember   []mailbox.Memory
	reject     *sieve.Action // nil: it is not sent back
	steps      []journal.Step
	mine       *piece
}

// spamFrom is the least queue.Judged.Spam of what the policy takes for spam: see spamScale.
const spamFrom = 50

// isSpam reports whether nothing of the piece is to be sent on, and nobody answered.
func (p *piece) isSpam() bool {
	return p.d.Folder == string(mailbox.Junk) || p.judged.Known && p.judged.Spam >= spamFrom
}

// Bounds of rules. How much one run may do is bounded by steps and octets (sieve.Limits), which a
// busy machine does not change; time is the last resort.
const (
	runTime   = time.Second     // of one run
	rulesTime = 5 * time.Second // of all runs before a client's answer; the others' scripts run from the queue
)

// file has the rules of a mailbox decide about a piece. An error is none of the rules: what they
// ask for can't be told now. Where the script is at fault the piece goes where it would go without,
// and the owner is told. The caller has asked Rules.Has.
func (in *Intake) file(ctx context.Context, p *piece) (*filed, error) {
	f := &filed{mine: p}
	script, revision, err := in.Rules.Active(ctx, p.d.Box)
	var fault *sieve.Error
	switch {
	case errors.As(err, &fault):
		in.fault(ctx, f, revision, err)
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("intake: rules of %s: %w", p.box.Address, err)
	case script == nil, p.d.Folder == string(mailbox.Junk) && !script.Requires("spamtest"):
		f.keep()
		return f, nil
	}
	env, sight := in.env(p, script)
	running, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	sight.ctx = ctx
	result, err := script.Run(running, env)
	switch {
	case sight.err != nil:
		return nil, fmt.Errorf("intake: rules of %s: %w", p.box.Address, sight.err)
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("intake: rules of %s: %w", p.box.Address, ctx.Err())
	case err != nil:
		in.fault(ctx, f, revision, err)
		return f, nil
	}
	in.carryOut(ctx, f, &env, result)
	return f, nil
}

// untagged is a reverse-path as a person knows it: without a tag that its server puts in front of each
// mail (BATV), by which no rule would know anybody again.
func untagged(p mail.Path) mail.Path {
	if plain := p.Unsigned(); plain != p.Fold() {
		return plain
	}
	return p
}

// env is what a run may know.
func (in *Intake) env(p *piece, script *sieve.Script) (sieve.Env, *sight) {
	look := &sight{rules: in.Rules, box: p.d.Box, now: in.Now()}
	home, _ := p.snapshot.Domain(p.box.Address.Domain())
	env := in.around(script, home, p.client, p.judged, p.phase)
	env.Message, env.From, env.To, env.Owner, env.Now = p.served, untagged(p.sender), p.rcpt, owners(p.box, home), look.now.In(env.Now.Location())
	env.Boxes, env.Scripts, env.Seen = look, look, look
	return env, look
}

// around is what a run may know beside its message.
func (in *Intake) around(script *sieve.Script, home directory.Domain, client mail.Client, judged queue.Judged, phase string) sieve.Env {
	env := sieve.Env{
		Auth: client.Login, Now: in.Now(), Spam: -1, Virus: judged.Virus,
		Items: map[string]string{"domain": home.Name, "host": in.config().Hostname, "location": "MS", "name": "gatepost", "phase": phase},
	}
	if judged.Known {
		env.Spam = judged.Spam
	}
	if client.Addr.IsValid() {
		env.Items["remote-ip"], env.Items["remote-host"] = client.Addr.String(), client.Helo
	}
	if script.Requires("date") || script.Requires("include") || script.Requires("vacation") {
		zone, err := time.LoadLocation(cmp.Or(home.Zone, in.config().Zone))
		if err != nil { // it was there when it was set
			zone = time.UTC
		}
		env.Now = env.Now.In(zone)
	}
	return env
}

// owners are the addresses of a mailbox: its own, under all names of its domain.
func owners(box directory.Mailbox, home directory.Domain) []mail.Path {
	list := []mail.Path{box.Address}
	for _, name := range home.Names {
		list = append(list, mail.Path(box.Address.Local()+"@"+name))
	}
	return list
}

// A sight is what a run sees beside its message. What could not be read is no fault of the
// script, and kept in err.
type sight struct {
	rules   Rules
	ctx     context.Context // outlives the run's own time, so that its end is no error of the store
	box     int64
	now     time.Time
	folders []mailbox.Folder
	read    bool
	err     error
}

func (s *sight) failed(err error) error {
	if err != nil && s.err == nil {
		s.err = err
	}
	return err
}

func (s *sight) all() ([]mailbox.Folder, error) {
	if !s.read {
		var err error
		if s.folders, err = s.rules.Folders(s.ctx, s.box); err != nil {
			return nil, s.failed(err)
		}
		s.read = true
	}
	return s.folders, nil
}

// Exists implements sieve.Mailboxes. Nobody puts mail into the folder of what is held.
func (s *sight) Exists(_ context.Context, name string) (bool, error) {
	list, err := s.all()
	clean, bad := mailbox.CleanName(name)
	if bad != nil {
		return false, err
	}
	for _, f := range list {
		if f.Name == clean && f.Use != mailbox.Quarantine {
			return true, nil
		}
	}
	return err == nil && clean == mailbox.Inbox, err
}

// Special implements sieve.Mailboxes.
func (s *sight) Special(_ context.Context, use string) (string, error) {
	list, err := s.all()
	for _, f := range list {
		if f.Use != "" && f.Use != mailbox.Quarantine && strings.EqualFold(string(f.Use), use) {
			return f.Name, nil
		}
	}
	return "", err
}

// Script implements sieve.Scripts. A fault in what is included is the script's.
func (s *sight) Script(_ context.Context, global bool, name string) (*sieve.Script, error) {
	one, err := s.rules.Include(s.ctx, s.box, global, name)
	var fault *sieve.Error
	if err != nil && !errors.As(err, &fault) {
		s.failed(err)
	}
	return one, err
}

// Seen implements sieve.Duplicates.
func (s *sight) Seen(_ context.Context, id string) (bool, error) {
	known, err := s.rules.Recalls(s.ctx, s.box, seenID(id), s.now)
	return known, s.failed(err)
}

// remember adds what a box is to know again, each once: a script may ask twice for the same, and two
// copies of a message may come into one box.
func (c *Commit) remember(list []mailbox.Memory) {
	for _, m := range list {
		same := func(o mailbox.Memory) bool { return o.Box == m.Box && o.ID == m.ID }
		at := slices.IndexFunc(c.Remember, same)
		if at < 0 {
			c.Remember = append(c.Remember, m)
			continue
		}
		old := &c.Remember[at]
		old.New = old.New || m.New
		if m.Expires.After(old.Expires) {
			old.Expires = m.Expires
		}
	}
}

// Identities in a box's memory begin with what remembers them.
func seenID(id string) string { return "seen " + id }

// step tells the journal what the rules did.
func (f *filed) step(result string, line int, in, format string, args ...any) {
	step := ruleStep(result, string(f.mine.box.Address), line, fmt.Sprintf(format, args...))
	if in != "" {
		step.Reason += fmt.Sprintf(" of the included script %q", clip(in))
	}
	f.steps = append(f.steps, step)
}

// ruleStep tells the journal what somebody's rules did.
func ruleStep(result, whose string, line int, what string) journal.Step {
	reason := what + " by the rules of " + whose
	if line > 0 {
		reason += fmt.Sprintf(", line %d", line)
	}
	return journal.Step{Entry: "rules", Filter: "sieve", Result: result, Effect: "none", Reason: reason}
}

// keep delivers the piece as if there were no rules.
func (f *filed) keep() { f.deliveries = append(f.deliveries, f.mine.d) }
