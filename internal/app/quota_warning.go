package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"sync"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// A quotaWarner tells owners that their mailbox is nearly full. It is told which mailboxes
// something came into, and looks at them a moment later; of a mailbox that has no quota that
// is all. What it forgot in a crash, or had no room for, it finds by looking at all of them.
type quotaWarner struct {
	app *App

	mu    sync.Mutex
	all   bool                // to look at all
	boxes map[int64]bool      // to look at, maxNoted at most
	told  map[int64]time.Time // those known to be warned, maxNoted at most
}

const (
	maxNoted     = 10_000
	warnEvery    = 24 * time.Hour
	warnInterval = 2 * time.Second // how long a node gathers boxes to look at
	sweepPage    = 1000            // boxes that are read at once where all are looked at
)

func newQuotaWarner(a *App) *quotaWarner {
	return &quotaWarner{app: a, all: true, boxes: map[int64]bool{}, told: map[int64]time.Time{}}
}

// note has a mailbox looked at, if it has a quota.
func (w *quotaWarner) note(box int64) {
	if own, _ := w.app.quotas.of(box); !own.Any() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.boxes) < maxNoted {
		w.boxes[box] = true
	} else {
		w.all = true
	}
}

// noted returns the mailboxes to look at, and whether those are all, and forgets that.
func (w *quotaWarner) noted() (list map[int64]bool, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, all = w.boxes, w.all
	w.boxes, w.all = map[int64]bool{}, false
	return list, all
}

// sweep looks at the mailboxes that are nearly full, of all.
func (w *quotaWarner) sweep(ctx context.Context, look func(box int64)) error {
	percent := w.app.config.Load().Quota.Warn
	for after := int64(0); percent > 0; {
		var list []int64
		last, err := w.app.mailboxes.Usages(ctx, after, sweepPage, func(box int64, there mailbox.Usage) {
			if own, _ := w.app.quotas.of(box); own.Any() && quotaOf(own).Share(there) >= percent {
				list = append(list, box)
			}
		})
		if err != nil || last == 0 {
			return err
		}
		for _, box := range list {
			look(box)
		}
		after = last
	}
	return nil
}

// tick looks at what was noted.
func (w *quotaWarner) tick(ctx context.Context) {
	look := func(box int64) {
		if err := w.look(ctx, box); err != nil && ctx.Err() == nil {
			w.app.log.Error("owner not warned of a full mailbox", "box", box, "error", err)
		}
	}
	list, all := w.noted()
	for box := range list {
		look(box)
	}
	if !all {
		return
	}
	if err := w.sweep(ctx, look); err != nil {
		w.mu.Lock()
		w.all = true
		w.mu.Unlock()
		if ctx.Err() == nil {
			w.app.log.Error("mailboxes that are nearly full are not known", "error", err)
		}
	}
}

func (w *quotaWarner) run(ctx context.Context) error {
	tick := time.NewTicker(warnInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		w.tick(ctx)
	}
}

// look warns a mailbox's owner if it is nearly full and he was not told within a day.
func (w *quotaWarner) look(ctx context.Context, box int64) error {
	percent, now := w.app.config.Load().Quota.Warn, w.app.now()
	if percent == 0 || w.knownTold(box, now) {
		return nil
	}
	own, dom := w.app.quotas.of(box)
	there, err := w.app.mailboxes.Usage(ctx, box)
	if err != nil || quotaOf(own).Share(there) < percent {
		return err
	}
	last, err := w.app.mailboxes.Warned(ctx, box)
	if err == nil && now.Sub(last) >= warnEvery {
		last, err = now, w.warn(ctx, box, own, dom, there, now)
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) >= maxNoted {
		clear(w.told)
	}
	w.told[box] = last
	return nil
}

func (w *quotaWarner) knownTold(box int64, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.told[box]
	if ok && now.Sub(last) >= warnEvery {
		delete(w.told, box)
		return false
	}
	return ok
}

// warn delivers the letter, whatever the quota.
func (w *quotaWarner) warn(ctx context.Context, box int64, own directory.Limits, dom directory.Domain, there mailbox.Usage, now time.Time) error {
	a := w.app
	m, ok := a.directory.Snapshot().Box(box)
	if !ok || !m.State.Takes() {
		return nil
	}
	lang := cmp.Or(m.Language, dom.Language, a.config.Load().Digest.Language)
	letter := quotaLetter{
		to: m.Address, domain: dom.Name, hostname: a.config.Load().Hostname, limit: quotaOf(own), there: there,
		refuses: a.config.Load().Quota.Over == "refuse", kept: a.config.Load().Keeping.Deleted, now: now,
	}
	content := letter.write(lang)
	message := mail.NewMessage(content)
	id, err := a.blobs.Put(ctx, bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	d := mailbox.Prepare(box, mailbox.Inbox, message, now)
	d.Blob = string(id)
	done, err := a.mailboxes.Warn(ctx, &d, now.Add(-warnEvery))
	if done {
		a.changes.Notify(box)
		a.log.Info("owner warned of a full mailbox", "mailbox", m.Address, "percent", quotaOf(own).Share(there))
	}
	return err
}

// A warningWaker is told of boxes that have new mail, and hands it on to who watches them.
type warningWaker struct {
	changes *mailbox.Changes
	warner  *quotaWarner
}

// Notify implements intake.Waker.
func (w warningWaker) Notify(box int64) {
	w.changes.Notify(box)
	w.warner.note(box)
}

// A quotaLetter tells the owner of a mailbox how full it is, and what to do.
type quotaLetter struct {
	to               mail.Path
	domain, hostname string
	limit, there     mailbox.Usage
	refuses          bool
	kept             time.Duration // that deleted mail can be brought back
	now              time.Time
}

// quotaWords are a letter's texts in one language; see write for what stands where.
type quotaWords struct{ from, subject, nearly, full, octets, messages, soon, never, advice, back string }

var quotaEnglish = quotaWords{
	from:     "Mail of %s",
	subject:  "Your mailbox is %d %% full",
	nearly:   "Your mailbox %s is nearly full: it is at %d %% of what it may hold.",
	full:     "Your mailbox %s is full: it is at %d %% of what it may hold.",
	octets:   "It holds %s of %s.",
	messages: "It holds %d of %d messages.",
	soon:     "When it is full, new mail waits with its senders for a few days and then goes back to them.",
	never:    "When it is full, new mail goes back to its senders at once.",
	advice: "To make room:\n" +
		"- empty the folders Trash and Junk: what is in them counts;\n" +
		"- sort your mail by size and delete large messages that you do not need, also in Sent;\n" +
		"- mail programs that only mark deleted mail have a command that removes it: Expunge or Compact;\n" +
		"- or ask your administrator for more room.",
	back: "What you delete by mistake can be brought back for %d days: ask your administrator.",
}

var quotaFrench = quotaWords{
	from:     "Courrier de %s",
	subject:  "Votre boîte est pleine à %d %%",
	nearly:   "Votre boîte %s est presque pleine : elle est à %d %% de ce qu’elle peut contenir.",
	full:     "Votre boîte %s est pleine : elle est à %d %% de ce qu’elle peut contenir.",
	octets:   "Elle contient %s sur %s.",
	messages: "Elle contient %d messages sur %d.",
	soon:     "Quand elle est pleine, le nouveau courrier attend quelques jours chez ses expéditeurs, puis leur est retourné.",
	never:    "Quand elle est pleine, le nouveau courrier est aussitôt retourné à ses expéditeurs.",
	advice: "Pour faire de la place :\n" +
		"- videz la corbeille et les indésirables : leur contenu compte ;\n" +
		"- triez votre courrier par taille et supprimez les gros messages dont vous n’avez plus besoin, y compris parmi les envoyés ;\n" +
		"- les logiciels qui ne font que marquer le courrier supprimé ont une commande qui l’enlève : « Purger » ou « Compacter » ;\n" +
		"- ou demandez plus de place à votre administrateur.",
	back: "Ce que vous supprimez par erreur peut être récupéré pendant %d jours : demandez à votre administrateur.",
}

// write makes the message, from postmaster of the owner's domain.
func (l quotaLetter) write(lang string) []byte {
	w, code := quotaEnglish, "en"
	if primary, _, _ := strings.Cut(strings.ToLower(lang), "-"); primary == "fr" {
		w, code = quotaFrench, "fr"
	}
	percent := l.limit.Share(l.there)
	var b []byte
	b = mail.AppendField(b, "From", `"`+fmt.Sprintf(w.from, l.domain)+`" <postmaster@`+l.domain+">")
	b = append(b, "To: <"+string(l.to)+">\r\n"...)
	b = mail.AppendField(b, "Subject", fmt.Sprintf(w.subject, percent))
	b = mail.AppendField(b, "Date", l.now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	b = mail.AppendField(b, "Message-ID", "<"+mail.NewID(l.now)+"@"+l.hostname+">")
	b = mail.AppendField(b, "Auto-Submitted", "auto-generated") // RFC 3834 §5
	b = mail.AppendField(b, "Content-Language", code)
	b = mail.AppendField(b, "MIME-Version", "1.0")
	b = mail.AppendField(b, "Content-Type", "text/plain; charset=utf-8")
	b = mail.AppendField(b, "Content-Transfer-Encoding", "quoted-printable")
	return append(append(b, "\r\n"...), quoted(l.text(w, percent))...)
}

func (l quotaLetter) text(w quotaWords, percent int) string {
	state := w.nearly
	if percent >= 100 {
		state = w.full
	}
	parts := []string{fmt.Sprintf(state, l.to, percent)}
	if l.limit.Bytes > 0 {
		parts[0] += " " + fmt.Sprintf(w.octets, sizeText(l.there.Bytes), sizeText(l.limit.Bytes))
	}
	if l.limit.Messages > 0 {
		parts[0] += " " + fmt.Sprintf(w.messages, l.there.Messages, l.limit.Messages)
	}
	if l.refuses {
		parts = append(parts, w.never)
	} else {
		parts = append(parts, w.soon)
	}
	parts = append(parts, w.advice)
	if days := int(l.kept / (24 * time.Hour)); days > 0 {
		parts = append(parts, fmt.Sprintf(w.back, days))
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// sizeText is a size for a person: in MiB from one up to some GiB.
func sizeText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// quoted is text in quoted-printable, its lines ended as mail's are.
func quoted(text string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // into memory
	_ = w.Close()
	return b.Bytes()
}
