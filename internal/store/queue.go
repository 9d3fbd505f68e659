package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/trust"
)

// Queue is the queue's rows: it implements the interfaces of package queue.
type Queue struct{ db *DB }

var _ interface {
	queue.Rows
	queue.Clerk
} = Queue{}

// Queue returns the store's queue.
func (db *DB) Queue() Queue { return Queue{db} }

// Put queues transfers, in one commit. Those that share a Message share its row.
func (q Queue) Put(ctx context.Context, list []*queue.Transfer) error {
	err := q.db.Update(ctx, func(tx *Tx) error { return putTransfers(tx, list) })
	if err != nil {
		return fmt.Errorf("store: queue: %w", err)
	}
	return nil
}

// putTransfers queues transfers in the commit that accepts their message.
func putTransfers(tx *Tx, list []*queue.Transfer) error {
	refs := map[*queue.Message]int{}
	var messages []*queue.Message
	for _, t := range list {
		if refs[t.Message]++; refs[t.Message] == 1 {
			messages = append(messages, t.Message)
		}
	}
	for _, m := range messages {
		if err := putQueueMessage(tx, m, refs[m]); err != nil {
			return err
		}
	}
	for _, t := range list {
		if err := putTransfer(tx, t); err != nil {
			return err
		}
	}
	return nil
}

func putQueueMessage(tx *Tx, m *queue.Message, refs int) error {
	_, err := tx.Exec(`INSERT INTO queue_message (id, tx, sender, blob, prefix, skip, size, body, smtputf8, ret, envid, created, expires, refs, released, require_tls, sent_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.Tx, m.Sender, m.Blob, notNil(m.View.Prefix), m.View.Skip, m.Size, m.Params.Body, number(m.Params.SMTPUTF8), m.Params.Return,
		m.Params.EnvelopeID, toMicros(m.Created), toMicros(m.Expires), refs, releaseOf(m), number(m.Params.RequireTLS), m.By)
	if err != nil {
		return fmt.Errorf("queue message %s: %w", m.ID, err)
	}
	tx.ref(m.Blob, m.Size+m.View.Skip-int64(len(m.View.Prefix)))
	tx.mark(m)
	return nil
}

// releaseOf is until when its sender has a message wait, 0 where he does not.
func releaseOf(m *queue.Message) int64 {
	if m.Params.Release.IsZero() {
		return 0
	}
	return toMicros(m.Params.Release)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func putTransfer(tx *Tx, t *queue.Transfer) error {
	boxes := make([]string, len(t.Boxes))
	for i, b := range t.Boxes {
		boxes[i] = strconv.FormatInt(b, 10)
	}
	state := t.State
	if state == "" {
		state = queue.Waiting
	}
	_, err := tx.Exec(`INSERT INTO queue_transfer (message, recipient, recipient_fold, domain, notify, original, destination, boxes, folder,
		state, due, claimed, fence, attempts, delayed, host, code, enhanced, reply, command, for_rcpt, hold, released, home, sole, teach, proof, spam, virus, filed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, '', '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.Message.ID, t.Recipient, t.Recipient.Fold(), t.Recipient.Domain(), int64(t.Params.Notify), t.Params.Original, t.Destination,
		strings.Join(boxes, ","), t.Folder, state, max(tx.now(), releaseOf(t.Message)), joined(t.For), number(t.Hold), t.Released, t.Home, number(t.Sole), t.Teach, t.Judged.Proof, spamOf(t.Judged), t.Judged.Virus, number(t.Filed))
	if err != nil {
		return fmt.Errorf("queue transfer to %s: %w", t.Recipient, err)
	}
	return nil
}

// spamOf is below 0 where nobody looked.
func spamOf(j queue.Judged) float64 {
	if !j.Known {
		return -1
	}
	return max(j.Spam, 0)
}

// transferColumns are written out, since an UPDATE's RETURNING knows no other name
// of the table.
const transferColumns = `queue_transfer.id, queue_transfer.message, queue_transfer.recipient, queue_transfer.notify, queue_transfer.original,
	queue_transfer.destination, queue_transfer.boxes, queue_transfer.folder, queue_transfer.state, queue_transfer.due,
	queue_transfer.fence, queue_transfer.attempts, queue_transfer.delayed, queue_transfer.host, queue_transfer.code,
	queue_transfer.enhanced, queue_transfer.reply, queue_transfer.command, queue_transfer.for_rcpt,
	queue_transfer.hold, queue_transfer.released, queue_transfer.home, queue_transfer.sole, queue_transfer.teach, queue_transfer.proof, queue_transfer.spam, queue_transfer.virus, queue_transfer.filed, queue_transfer.claimed`

// scanTransfer reads a row; of its message only the ID.
func scanTransfer(rows *sql.Rows) (*queue.Transfer, error) {
	t := &queue.Transfer{Message: &queue.Message{}}
	var notify, due, delayed, hold, sole, filed, claimed int64
	var boxes, of string
	err := rows.Scan(&t.ID, &t.Message.ID, &t.Recipient, &notify, &t.Params.Original, &t.Destination, &boxes, &t.Folder, &t.State, &due,
		&t.Fence, &t.Attempts, &delayed, &t.Last.Host, &t.Last.Code, &t.Last.Enhanced, &t.Last.Text, &t.Last.Command, &of, &hold, &t.Released, &t.Home, &sole, &t.Teach,
		&t.Judged.Proof, &t.Judged.Spam, &t.Judged.Virus, &filed, &claimed)
	if err != nil {
		return nil, err
	}
	t.Params.Notify, t.Due, t.Delayed, t.Hold, t.Sole = mail.Notify(notify), fromMicros(due), delayed != 0, hold != 0, sole != 0
	t.Filed, t.Claimed = filed != 0, claimed != 0
	if t.Judged.Known = t.Judged.Spam >= 0; !t.Judged.Known {
		t.Judged.Spam = 0
	}
	for p := range strings.SplitSeq(of, "\n") {
		if p != "" {
			t.For = append(t.For, mail.Path(p))
		}
	}
	if boxes != "" {
		for s := range strings.SplitSeq(boxes, ",") {
			b, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("queue transfer %d: mailboxes %q", t.ID, boxes)
			}
			t.Boxes = append(t.Boxes, b)
		}
	}
	return t, nil
}

// withMessages puts their messages into transfers; those of one share it. A transfer that
// was settled since it was read has none any more, and is left out.
func withMessages(tx *Tx, list []*queue.Transfer) ([]*queue.Transfer, error) {
	messages := map[string]*queue.Message{}
	var ids []string
	for _, t := range list {
		if _, known := messages[t.Message.ID]; !known {
			messages[t.Message.ID] = nil
			ids = append(ids, t.Message.ID)
		}
	}
	for some := range slices.Chunk(ids, lookChunk) {
		some = padded(some)
		rows, err := tx.Query(`SELECT id, tx, sender, blob, prefix, skip, size, body, smtputf8, ret, envid, created, expires, released, require_tls, sent_by
			FROM queue_message WHERE id IN (`+marks(len(some))+`)`, anys(some)...)
		err = each(rows, err, func(rows *sql.Rows) error {
			m, err := scanQueueMessage(rows)
			if err == nil {
				messages[m.ID] = m
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("queue messages: %w", err)
		}
	}
	var there []*queue.Transfer
	for _, t := range list {
		if m := messages[t.Message.ID]; m != nil {
			t.Message = m
			there = append(there, t)
		}
	}
	return there, nil
}

func scanQueueMessage(rows *sql.Rows) (*queue.Message, error) {
	m := &queue.Message{}
	var utf8, created, expires, released, secure int64
	err := rows.Scan(&m.ID, &m.Tx, &m.Sender, &m.Blob, &m.View.Prefix, &m.View.Skip, &m.Size, &m.Params.Body, &utf8, &m.Params.Return, &m.Params.EnvelopeID,
		&created, &expires, &released, &secure, &m.By)
	if err != nil {
		return nil, err
	}
	m.Params.SMTPUTF8, m.Params.RequireTLS, m.Params.Size = utf8 != 0, secure != 0, m.Size
	m.Created, m.Expires = fromMicros(created), fromMicros(expires)
	if released > 0 {
		m.Params.Release = fromMicros(released)
	}
	return m, nil
}

// Claim implements queue.Rows.
func (q Queue) Claim(ctx context.Context, d queue.Destination, limit int, lease time.Duration) (list []*queue.Transfer, err error) {
	err = q.db.Update(ctx, func(tx *Tx) error {
		list = nil
		now := tx.now()
		rows, err := tx.Query(`UPDATE queue_transfer SET due = ?, claimed = 1, fence = fence + 1 WHERE id`+tx.speaks.among[0]+`
			SELECT id FROM queue_transfer WHERE state = 'waiting' AND destination = ? AND due <= ? ORDER BY due, id LIMIT ?`+tx.speaks.among[1]+`
			RETURNING `+transferColumns, now+lease.Microseconds(), d, now, limit)
		err = each(rows, err, func(rows *sql.Rows) error {
			t, err := scanTransfer(rows)
			list = append(list, t)
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b *queue.Transfer) int { return cmp.Compare(a.ID, b.ID) })
		list, err = withMessages(tx, list)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: claim transfers to %s: %w", d, err)
	}
	return list, nil
}

func settle(tx *Tx, s *queue.Settlement) error {
	t := s.Transfer
	var done sql.Result
	var err error
	switch {
	case s.Fate == queue.Deferred && s.Untried:
		done, err = tx.Exec(`UPDATE queue_transfer SET due = ?, claimed = 0 WHERE id = ? AND fence = ? AND claimed = 1`, tx.now(), t.ID, t.Fence)
	case s.Fate == queue.Deferred:
		done, err = tx.Exec(`UPDATE queue_transfer SET due = ?, claimed = 0, attempts = attempts + 1, delayed = ?, host = ?, code = ?,
			enhanced = ?, reply = ?, command = ? WHERE id = ? AND fence = ? AND claimed = 1`,
			tx.now()+s.Retry.Microseconds(), number(s.Delayed), s.Reply.Host, s.Reply.Code, s.Reply.Enhanced, s.Reply.Text, s.Reply.Command, t.ID, t.Fence)
	default:
		done, err = tx.Exec(`DELETE FROM queue_transfer WHERE id = ? AND fence = ? AND claimed = 1`, t.ID, t.Fence)
	}
	if err == nil {
		err = one(done)
	}
	if err != nil {
		return err
	}
	if s.Fate == queue.Carried && t.Teach != "" {
		tx.teach(trust.Scope(t.Teach), t.Recipient, trust.Outgoing, tx.now())
	}
	if s.Fate != queue.Deferred {
		if err := noteBounce(tx, s); err != nil {
			return err
		}
		if !s.Hold.IsZero() {
			if err := holdRefused(tx, t, s); err != nil {
				return err
			}
		}
		if err := unrefQueueMessage(tx, t.Message.ID, 1); err != nil {
			return err
		}
		if err := tellJournal(tx, t, became(t, s)); err != nil {
			return err
		}
	}
	if !s.Untried && !s.Silent {
		if err := putEvent(tx, t, s.Fate.String(), s.Reply); err != nil {
			return err
		}
	}
	if s.Notice != nil {
		return putTransfers(tx, []*queue.Transfer{s.Notice})
	}
	return nil
}

// tellJournal says in the journal what became of a recipient's mail: relayed,
// delivered, bounced or deleted, and where it went to several and they differ, partial.
func tellJournal(tx *Tx, t *queue.Transfer, state string) error {
	well := state == "relayed" || state == "delivered"
	gives := state
	if state == "held" {
		gives = "deleted" // by an admin, before: there is something to be done again
	}
	for _, recipient := range t.For {
		was := []any{"bounced", "deleted", "held"}
		if !well {
			was = []any{"relayed", "delivered", "relayed"}
		}
		_, err := tx.Exec(`UPDATE journal SET state = CASE WHEN state IN ('queued', 'released', ?) THEN ? WHEN state IN (?, ?, ?) THEN 'partial' ELSE state END
			WHERE id = ? AND recipient = ?`, gives, state, was[0], was[1], was[2], t.Message.Tx, recipient)
		if err != nil {
			return fmt.Errorf("journal %s: %w", t.Message.Tx, err)
		}
	}
	return nil
}

// became is the journal's word for an end.
func became(t *queue.Transfer, s *queue.Settlement) string {
	switch {
	case !s.Hold.IsZero() && t.Released != "" && !t.Sole: // others have it
		return "partial"
	case !s.Hold.IsZero():
		return "held"
	case s.Fate == queue.Refused:
		return "bounced"
	case t.Destination == queue.Local:
		return "delivered"
	}
	return "relayed"
}

func joined(paths []mail.Path) string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = string(p)
	}
	return strings.Join(texts, "\n")
}

// one fails with queue.ErrLost where a claim did not hold any more.
func one(done sql.Result) error {
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return orElse(err, queue.ErrLost)
	}
	return nil
}

// unrefQueueMessage counts n transfers less, and lets the message go with the last.
func unrefQueueMessage(tx *Tx, id string, n int64) error {
	var refs int64
	var blob string
	err := tx.Row(`UPDATE queue_message SET refs = refs - ? WHERE id = ? RETURNING refs, blob`, []any{n, id}, &refs, &blob)
	if err != nil || refs > 0 {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM queue_message WHERE id = ?`, id); err != nil {
		return err
	}
	tx.unref(blob)
	return nil
}

func putEvent(tx *Tx, t *queue.Transfer, what string, r queue.Reply) error {
	_, err := tx.Exec(`INSERT INTO queue_event (tx, time, transfer, recipient, what, host, code, enhanced, reply, command, released)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.Message.Tx, tx.now(), t.ID, t.Recipient, what, r.Host, r.Code, r.Enhanced, r.Text, r.Command, t.Released)
	return err
}

// Destinations implements queue.Rows. It steps through the index from one
// destination to the next: what it costs is in how many there are, not in how much
// waits for them.
func (q Queue) Destinations(ctx context.Context) (list []queue.Waiter, err error) {
	err = q.db.View(ctx, func(tx *Tx) error {
		now := tx.now()
		rows, err := tx.Query(`WITH RECURSIVE d (name) AS (
			SELECT MIN(destination) FROM queue_transfer WHERE state = 'waiting'
			UNION ALL
			SELECT (SELECT MIN(destination) FROM queue_transfer WHERE state = 'waiting' AND destination > d.name) FROM d WHERE d.name IS NOT NULL)
			SELECT name, (SELECT MIN(due) FROM queue_transfer WHERE state = 'waiting' AND destination = d.name) FROM d WHERE name IS NOT NULL`)
		return each(rows, err, func(rows *sql.Rows) error {
			var w queue.Waiter
			var due int64
			err := rows.Scan(&w.Destination, &due)
			w.Due = time.Duration(due-now) * time.Microsecond
			list = append(list, w)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: queue destinations: %w", err)
	}
	return list, nil
}

// Reclaim implements queue.Rows.
func (q Queue) Reclaim(ctx context.Context) error {
	err := q.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE queue_transfer SET due = ?, claimed = 0 WHERE claimed = 1`, tx.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("store: reclaim transfers: %w", err)
	}
	return nil
}

// CommitLocal writes what a local transfer leads to, and ends the claim on it, in
// one commit: it is removed, or put back for the mailboxes that are left, with the wishes of its
// sender as t has them now. It fails
// with queue.ErrLost, and writes nothing, where the claim does not hold any more, and with
// intake.ErrSame as Commit does.
// A mailbox that was removed meanwhile is passed over.
func (db *DB) CommitLocal(ctx context.Context, t *queue.Transfer, c *intake.Commit, left []int64) error {
	err := db.Update(ctx, func(tx *Tx) error {
		if err := settleLocal(tx, t, left); err != nil {
			return err
		}
		there, err := stillThere(tx, c)
		if err != nil {
			return err
		}
		for _, e := range c.Events {
			if err := putEvent(tx, t, e.What, e.Reply); err != nil {
				return err
			}
		}
		if err := putRuled(tx, there, there.Deliveries); err != nil {
			return err
		}
		return putTransfers(tx, c.Transfers)
	})
	if err != nil {
		return fmt.Errorf("store: deliver transfer %d: %w", t.ID, err)
	}
	return nil
}

// stillThere is what a commit has for boxes whose mailboxes have not been removed meanwhile, who may not be
// from here on: rows of one that is gone nobody would take away.
func stillThere(tx *Tx, c *intake.Commit) (*intake.Commit, error) {
	known := map[int64]bool{}
	for _, box := range boxesOf(c) {
		err := standing(tx, box)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		known[box] = err == nil
	}
	left := &intake.Commit{}
	for _, d := range c.Deliveries {
		if known[d.Box] {
			left.Deliveries = append(left.Deliveries, d)
		}
	}
	for _, m := range c.Remember {
		if known[m.Box] {
			left.Remember = append(left.Remember, m)
		}
	}
	for _, a := range c.Answers {
		if known[a.Once.Box] || a.Once.Box == 0 {
			left.Answers = append(left.Answers, a)
		}
	}
	return left, nil
}

func settleLocal(tx *Tx, t *queue.Transfer, left []int64) error {
	if len(left) == 0 {
		here := *t
		here.Destination = queue.Local // wherever it was to go
		err := settle(tx, &queue.Settlement{Transfer: &here, Fate: queue.Carried, Reply: queue.Reply{Enhanced: "2.1.5", Text: "delivered here"}})
		return err
	}
	boxes := make([]string, len(left))
	for i, b := range left {
		boxes[i] = strconv.FormatInt(b, 10)
	}
	done, err := tx.Exec(`UPDATE queue_transfer SET boxes = ?, notify = ? WHERE id = ? AND fence = ? AND claimed = 1`, strings.Join(boxes, ","), int64(t.Params.Notify), t.ID, t.Fence)
	if err != nil {
		return err
	}
	return one(done)
}
