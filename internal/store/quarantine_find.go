package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gatepost/quarantine"
)

const heldColumns = `id, tx, recipient, box, domain, sender, client, subject, filter, reason, score, blob, prefix, skip, size, time, expires, state,
	author, proof, guarded, asked, told, same, domain_id, require_tls, sent_by`

// Find implements quarantine.Reader. A page costs the same wherever it begins and
// however many rows there are: it comes from the index that has its rows in order, or by
// way of blocks (quarantine_block.go).
func (q Quarantine) Find(ctx context.Context, query quarantine.Query) (page quarantine.Page, err error) {
	limit := query.Limit
	if limit <= 0 || limit > quarantine.MaxPage {
		limit = quarantine.MaxPage
	}
	query, some := sameDomains(query)
	if !some {
		return quarantine.Page{}, nil
	}
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		page, err = findHeld(tx, query, limit)
		return err
	})
	if err != nil {
		return quarantine.Page{}, fmt.Errorf("store: find held messages: %w", err)
	}
	return page, nil
}

// sameDomains has one domain in Domain, more in Domains, and reports whether there is any.
func sameDomains(q quarantine.Query) (quarantine.Query, bool) {
	if q.Domain != "" && len(q.Domains) > 0 && !slices.Contains(q.Domains, q.Domain) {
		return q, false
	}
	if len(q.Domains) == 1 {
		q.Domain = q.Domains[0]
	}
	if q.Domain != "" {
		q.Domains = nil
	}
	return q, true
}

func findHeld(tx *Tx, q quarantine.Query, limit int) (quarantine.Page, error) {
	streams := heldStreams(q)
	switch {
	case len(streams) == 0:
		return searchHeld(tx, q, limit)
	case len(streams) > 1:
		return mergeHeld(tx, q, streams, limit)
	}
	few := q.Tx != "" || q.Asked // they have indexes of their own
	w := heldWhere(q, few)
	if few {
		w.within(q)
	}
	rows, err := heldRows(tx, `SELECT `+heldColumns+` FROM held`+w.String()+heldOrder, append(w.args, limit)...)
	return heldPage(rows, limit), err
}

const heldOrder = ` ORDER BY time DESC, id DESC LIMIT ?`

func heldRows(tx *Tx, query string, args ...any) (list []quarantine.Held, err error) {
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		h, err := scanHeld(rows)
		list = append(list, h)
		return err
	})
	return list, err
}

func heldPage(rows []quarantine.Held, limit int) quarantine.Page {
	p := quarantine.Page{Rows: rows}
	if n := len(rows); n == limit {
		p.More, p.Next = true, rows[n-1].Cursor()
	}
	return p
}

// A stream is some rows that one index has in order.
type stream struct {
	column string // "": all
	value  any
	state  quarantine.State // "": whatever
}

// maxStreams bounds how many streams are merged to a page.
const maxStreams = 256

var states = [...]quarantine.State{
	quarantine.StateHeld, quarantine.StateReleased, quarantine.StateExpired, quarantine.StateDeleted, quarantine.StateRejected,
}

// heldStreams returns the streams that what q asks for is made of; none where it is made
// of none.
func heldStreams(q quarantine.Query) (list []stream) {
	switch {
	case q.Tx != "", q.Asked: // few
		return make([]stream, 1)
	case q.Text != "", q.Subject != "", q.Reason != "", q.Filter != "", q.Client.IsValid(), q.Guarded, q.Sender != "" && q.NullOnly:
		return nil
	}
	if q.Recipient != "" {
		list = append(list, stream{column: "recipient_fold", value: q.Recipient.Fold()})
	}
	if q.Box != 0 {
		list = append(list, stream{column: "box", value: q.Box})
	}
	if q.Sender != "" || q.NullOnly {
		list = append(list, stream{column: "sender_fold", value: q.Sender.Fold()})
	}
	if q.Domain != "" {
		list = append(list, stream{column: "domain", value: q.Domain})
	}
	switch {
	case len(list) > 1, len(list) == 1 && len(q.Domains) > 0:
		return nil // one index has not both
	case len(list) == 0 && len(q.Domains) == 0:
		return make([]stream, 1)
	}
	for _, d := range q.Domains {
		list = append(list, stream{column: "domain", value: d})
	}
	if list = inStates(list, q.State); len(list) > maxStreams {
		return nil
	}
	return list
}

// inStates makes of each stream one for each state.
func inStates(list []stream, state quarantine.State) (all []stream) {
	for _, s := range list {
		if s.state = state; state != "" {
			all = append(all, s)
			continue
		}
		for _, s.state = range states {
			all = append(all, s)
		}
	}
	return all
}

// mergeHeld reads from each stream which its newest rows are, and then those that are the
// newest of all.
func mergeHeld(tx *Tx, q quarantine.Query, streams []stream, limit int) (quarantine.Page, error) {
	var places []quarantine.Cursor
	for _, s := range streams {
		w := where{}
		w.add(s.column+` = ?`, s.value)
		w.add(`state = ?`, s.state)
		w.addIf(q.Unlocked, unlocked)
		w.within(q)
		rows, err := tx.Query(`SELECT time, id FROM held`+w.String()+heldOrder, append(w.args, limit)...)
		err = each(rows, err, func(rows *sql.Rows) error {
			var c quarantine.Cursor
			var when int64
			err := rows.Scan(&when, &c.ID)
			c.Time = fromMicros(when)
			places = append(places, c)
			return err
		})
		if err != nil {
			return quarantine.Page{}, err
		}
	}
	slices.SortFunc(places, func(a, b quarantine.Cursor) int { return newer(a, b) })
	places = places[:min(len(places), limit)]
	list, err := heldByID(tx, places)
	return heldPage(list, limit), err
}

// newer orders rows as pages have them.
func newer(a, b quarantine.Cursor) int {
	if d := b.Time.Compare(a.Time); d != 0 {
		return d
	}
	return strings.Compare(b.ID, a.ID)
}

// heldByID reads rows in the order of places, some at a time.
func heldByID(tx *Tx, places []quarantine.Cursor) (list []quarantine.Held, err error) {
	const some = 50
	for chunk := range slices.Chunk(places, some) {
		ids := make([]any, some)
		for i := range ids {
			ids[i] = chunk[min(i, len(chunk)-1)].ID
		}
		rows, err := heldRows(tx, `SELECT `+heldColumns+` FROM held WHERE id IN (`+marks(some)+`)`, ids...)
		if err != nil {
			return nil, err
		}
		list = append(list, rows...)
	}
	slices.SortFunc(list, func(a, b quarantine.Held) int { return newer(a.Cursor(), b.Cursor()) })
	return list, nil
}

// heldWhere is what rows must fulfil. Where an index is not to be chosen by it, since the
// rows come from elsewhere, its columns stand in expressions, and the time is left out.
func heldWhere(q quarantine.Query, elsewhere bool) (w where) {
	same, number := ` = ?`, ` = ?`
	if elsewhere {
		same, number = ` || '' = ?`, ` + 0 = ?`
	}
	w.addIf(q.Recipient != "", `recipient_fold`+same, q.Recipient.Fold())
	w.addIf(q.Box != 0, `box`+number, q.Box)
	w.addIf(q.Domain != "", `domain`+same, q.Domain)
	if n := len(q.Domains); n > 0 {
		const step = 16 // so that the texts are few
		args := anys(q.Domains)
		for len(args)%step > 0 {
			args = append(args, args[0])
		}
		w.add(`domain || '' IN (`+marks(len(args))+`)`, args...)
	}
	w.addIf(q.Unlocked, unlocked)
	w.addIf(q.Tx != "", `tx = ?`, q.Tx)
	w.addIf(q.Asked, `asked > 0`)
	text := containing(q.Text)
	w.addIf(q.Text != "", `(subject_fold LIKE ? ESCAPE '!' OR sender_fold LIKE ? ESCAPE '!' OR author_fold LIKE ? ESCAPE '!')`, text, text, text)
	w.addIf(q.Guarded, `guarded = 1`)
	w.addIf(q.NullOnly, `sender_fold`+same, "")
	w.addIf(q.Sender != "", `sender_fold`+same, q.Sender.Fold())
	w.addIf(q.Subject != "", `subject_fold LIKE ? ESCAPE '!'`, containing(q.Subject))
	w.addIf(q.Client.IsValid(), `client = ?`, q.Client.String())
	w.addIf(q.Filter != "", `filter = ?`, q.Filter)
	w.addIf(q.Reason != "", `reason_fold LIKE ? ESCAPE '!'`, containing(q.Reason))
	w.addIf(q.State != "", `state`+same, q.State)
	if !elsewhere {
		w.within(q)
	}
	return w
}

// unlocked leaves out what is held for a mailbox that is locked: of those there are few.
const unlocked = `box NOT IN (SELECT id FROM mailbox WHERE locked = 1)`

// within adds the time, and behind which row to begin.
func (w *where) within(q quarantine.Query) {
	w.addIf(!q.Since.IsZero(), `time >= ?`, toMicros(q.Since))
	w.addIf(!q.Until.IsZero(), `time < ?`, toMicros(q.Until))
	w.addIf(!q.After.Time.IsZero(), `(time, id) < (?, ?)`, toMicros(q.After.Time), q.After.ID)
}

// containing is the LIKE pattern of texts, in lower case, that contain s.
func containing(s string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(s)) + "%"
}

// Show implements quarantine.Reader.
func (q Quarantine) Show(ctx context.Context, id string) (h quarantine.Held, err error) {
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		if h, err = showHeld(tx, id); err == nil {
			h.Ways, err = heldWays(tx, id)
		}
		return err
	})
	if err != nil {
		return quarantine.Held{}, fmt.Errorf("store: held message %s: %w", id, err)
	}
	return h, nil
}

func showHeld(tx *Tx, id string) (h quarantine.Held, err error) {
	rows, err := tx.Query(`SELECT `+heldColumns+` FROM held WHERE id = ?`, id)
	err = each(rows, err, func(rows *sql.Rows) (err error) {
		h, err = scanHeld(rows)
		return err
	})
	if err == nil && h.ID == "" {
		err = quarantine.ErrUnknown
	}
	if err != nil {
		return quarantine.Held{}, err
	}
	rows, err = tx.Query(`SELECT who, what, time FROM held_act WHERE held = ? ORDER BY seq`, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var a quarantine.Act
		var when int64
		err := rows.Scan(&a.Who, &a.What, &when)
		a.When = fromMicros(when)
		h.Acts = append(h.Acts, a)
		return err
	})
	return h, err
}

func scanHeld(rows *sql.Rows) (h quarantine.Held, err error) {
	var client string
	var when, expires, asked int64
	err = rows.Scan(&h.ID, &h.Tx, &h.Recipient, &h.Box, &h.Domain, &h.Sender, &client, &h.Subject, &h.Filter, &h.Reason, &h.Score,
		&h.Blob, &h.View.Prefix, &h.View.Skip, &h.Size, &when, &expires, &h.State,
		&h.Author, &h.Proof, &h.Guarded, &asked, &h.Told, &h.Same, &h.DomainID, &h.RequireTLS, &h.By)
	h.Time, h.Expires = fromMicros(when), fromMicros(expires)
	if asked > 0 {
		h.Asked = fromMicros(asked)
	}
	if len(h.View.Prefix) == 0 {
		h.View.Prefix = nil
	}
	if err == nil && client != "" {
		h.Client, err = netip.ParseAddr(client)
	}
	return h, err
}

// marks is n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// anys is list as arguments.
func anys[T any](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	return args
}
