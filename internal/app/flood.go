package app

import (
	"cmp"
	"context"
	"strings"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/letter"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// A floodTeller tells owners that strangers send more to their mailbox than it takes in an hour, once a
// day. It is told of them on the way in, where nobody waits for it.
type floodTeller struct {
	app *App
	due chan directory.Mailbox
}

const (
	floodEvery  = 24 * time.Hour
	floodMemory = "flood"     // in the box's memory, which all nodes share
	maxFloods   = 100         // that wait; more are told in another hour
	floodTime   = time.Minute // for one letter
)

func newFloodTeller(a *App) *floodTeller {
	return &floodTeller{app: a, due: make(chan directory.Mailbox, maxFloods)}
}

// note has the owner of a mailbox told. It does not wait.
func (f *floodTeller) note(box directory.Mailbox) {
	select {
	case f.due <- box:
	default:
	}
}

func (f *floodTeller) run(ctx context.Context) error {
	for {
		select {
		case box := <-f.due:
			if err := f.tell(ctx, box); err != nil && ctx.Err() == nil {
				f.app.log.Error("owner not told that strangers are put off", "mailbox", box.Address, "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// tell delivers the letter, unless there was one within a day.
func (f *floodTeller) tell(ctx context.Context, box directory.Mailbox) error {
	ctx, cancel := context.WithTimeout(ctx, floodTime)
	defer cancel()
	a, now := f.app, f.app.now()
	own, dom := a.quotas.of(box.ID)
	told, err := a.rules.Recalls(ctx, box.ID, floodMemory, now)
	_, octets := a.inflow(box.ID, own)
	most := atMost{own.Inbound, 0}
	if octets || own.Inbound <= 0 {
		most = atMost{0, own.InboundBytes}
	}
	if err != nil || told || most == (atMost{}) {
		return err
	}
	content := a.letters.flooded(cmp.Or(box.Language, dom.Language, a.config.Load().Digest.Language), box.Address, most, a.config.Load().Hostname, now)
	d, err := a.inboxLetter(ctx, box.ID, queue.Letter{To: box.Address, Content: content, Kind: "flood"}, now)
	if err != nil {
		return err
	}
	done, err := a.mailboxes.DeliverOnce(ctx, &d, mailbox.Memory{Box: box.ID, ID: floodMemory, Time: now, Expires: now.Add(floodEvery), New: true})
	if err != nil || !done { // another node was faster
		return err
	}
	a.changes.Notify(box.ID)
	a.log.Info("owner told that strangers are put off", "mailbox", box.Address)
	return nil
}

// atMost is what strangers brought as much of as a mailbox takes in an hour: one of the two.
type atMost struct{ messages, octets int64 }

// flooded tells an owner that strangers are put off, and what may be behind it. It is from the postmaster of
// his domain.
func (l letters) flooded(wish string, to mail.Path, most atMost, hostname string, now time.Time) []byte {
	lang := l.texts.Match(wish)
	text := func(key string, args ...any) string { return l.texts.Text(lang, "flood."+key, args...) }
	amount := text("messages", most.messages)
	if most.octets > 0 {
		amount = text("octets", config.Size(most.octets))
	}
	head := letter.Letter{
		ID: mail.NewID(now), Host: hostname, FromName: text("from", to.Domain()), From: mail.Path("postmaster@" + to.Domain()), To: to,
		Subject: text("subject"), Language: lang, Time: now.UTC(),
	}
	return head.Plain(strings.Join([]string{text("state", to, amount), text("wait"), text("why"), text("advice")}, "\n\n") + "\n")
}
