package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/complaint"
)

// Judge implements complaint.Rows.
func (c Complaints) Judge(ctx context.Context, j complaint.Judgement, w complaint.Weigher) (changed []complaint.Standing, err error) {
	err = c.db.Update(ctx, func(tx *Tx) error {
		changed = nil
		if j.Report != "" {
			done, err := tx.Exec(`DELETE FROM complaint_report WHERE tx = ?`, j.Report)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n == 0 {
				return err // somebody else was first
			}
		}
		taken, err := takenBack(tx, j)
		if err != nil {
			return err
		}
		subjects := subjectsOf(taken)
		for i := range j.Complaints {
			subjects = append(subjects, j.Complaints[i].Subjects()...)
		}
		if subjects, err = lockSubjects(tx, subjects, w.Now); err != nil {
			return err
		}
		for i := range taken {
			end := complaint.Withdrawal{Who: string(j.Complaints[0].Reporter), When: w.Now}
			if err := endComplaint(tx, &taken[i], end); err != nil {
				return err
			}
		}
		for i := range j.Complaints {
			if err := putComplaint(tx, j.Complaints[i]); err != nil {
				return err
			}
		}
		changed, err = weighSubjects(tx, subjects, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: judge complaints: %w", err)
	}
	return changed, nil
}

// Withdraw implements complaint.Rows.
func (c Complaints) Withdraw(ctx context.Context, wd complaint.Withdrawal, w complaint.Weigher) (list []complaint.Complaint, changed []complaint.Standing, err error) {
	err = c.db.Update(ctx, func(tx *Tx) error {
		var err error
		if list, err = withdrawn(tx, wd); err != nil || len(list) == 0 {
			return err
		}
		subjects, err := lockSubjects(tx, subjectsOf(list), w.Now)
		if err != nil {
			return err
		}
		for i := range list {
			if err := endComplaint(tx, &list[i], wd); err != nil {
				return err
			}
		}
		changed, err = weighSubjects(tx, subjects, w)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("store: withdraw complaints: %w", err)
	}
	return list, changed, nil
}

// withdrawn finds the complaints that a withdrawal names.
func withdrawn(tx *Tx, w complaint.Withdrawal) ([]complaint.Complaint, error) {
	switch {
	case w.ID != "":
		return counted(tx, `id = ?`, w.ID)
	case w.Message != "":
		return counted(tx, `message = ? AND message <> '' AND (? = '' OR person = ?)`, w.Message, w.Person, w.Person)
	case w.Subject.Kind == complaint.OfClient:
		return counted(tx, `network = ? AND network <> ''`, w.Subject.Name)
	case w.Subject.Kind == complaint.OfSender:
		return counted(tx, `sender = ? AND sender <> ''`, w.Subject.Name)
	case w.Subject.Kind == complaint.OfDomain:
		return counted(tx, `domain = ? AND domain <> ''`, w.Subject.Name)
	}
	return nil, nil
}

// takenBack finds the complaints that a report itself takes back.
func takenBack(tx *Tx, j complaint.Judgement) (all []complaint.Complaint, err error) {
	for _, t := range j.Taken {
		list, err := counted(tx, `copy = ? AND copy <> '' AND person = ?`, t.Copy, t.Person)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func counted(tx *Tx, condition string, args ...any) (list []complaint.Complaint, err error) {
	rows, err := tx.Query(`SELECT `+complaintColumns+` FROM complaint WHERE state = 'counts' AND `+condition+` ORDER BY id`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		c, err := scanComplaint(rows)
		list = append(list, c)
		return err
	})
	return list, err
}

func endComplaint(tx *Tx, c *complaint.Complaint, w complaint.Withdrawal) error {
	c.State, c.Ended, c.EndedBy = complaint.StateWithdrawn, w.When, w.Who
	_, err := tx.Exec(`UPDATE complaint SET state = 'withdrawn', ended = ?, ended_by = ? WHERE id = ?`, toMicros(w.When), w.Who, c.ID)
	return err
}

func subjectsOf(list []complaint.Complaint) (all []complaint.Subject) {
	for i := range list {
		all = append(all, list[i].Subjects()...)
	}
	return all
}

// lockSubjects locks those who are complained of, in their order, each once, and makes the
// rows that are missing. All that is said of one is changed under its lock.
func lockSubjects(tx *Tx, list []complaint.Subject, now time.Time) ([]complaint.Subject, error) {
	slices.SortFunc(list, func(a, b complaint.Subject) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	list = slices.Compact(list)
	for _, s := range list {
		_, err := tx.Exec(`INSERT INTO complaint_subject (kind, name, weight, at, people, senders, last, accepted, looked, changed)
			VALUES (?, ?, 0, ?, 0, 0, 0, -1, 0, 0) ON CONFLICT (kind, name) DO NOTHING`, string(s.Kind), s.Name, toMicros(now))
		if err != nil {
			return nil, err
		}
		if err := tx.lock(`SELECT name FROM complaint_subject WHERE kind = ? AND name = ?`, string(s.Kind), s.Name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// putComplaint adds a complaint. Where it counts, what was said before may take its
// weight: see complaint.Rows.
func putComplaint(tx *Tx, c complaint.Complaint) error {
	network, domain := "", ""
	if c.Client.IsValid() {
		network = complaint.ClientOf(c.Client).Name
	}
	if !c.Sender.IsNull() {
		domain = complaint.DomainOf(c.Sender).Name
	}
	switch c.State {
	case complaint.StateCounts:
		if err := weighAnew(tx, &c, network); err != nil {
			return err
		}
	case complaint.StateCustomer:
		if err := customerAnew(tx, &c); err != nil {
			return err
		}
	}
	client := ""
	if c.Client.IsValid() {
		client = c.Client.String()
	}
	_, err := tx.Exec(`INSERT INTO complaint (`+complaintColumns+`, network, domain)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Report, toMicros(c.Time), string(c.Form), c.Type, string(c.Reporter), c.Proof, c.Person, c.Message, c.Copy, string(c.Recipient),
		c.MessageID, c.Subject, client, string(c.Sender), string(c.Account), string(c.State), c.Note, c.ClientWeight, c.SenderWeight,
		toMicros(c.Ended), c.EndedBy, network, domain)
	if err != nil {
		return fmt.Errorf("complaint %s: %w", c.ID, err)
	}
	return nil
}

func anyComplaint(tx *Tx, condition string, args ...any) (bool, error) {
	var one int
	err := tx.Row(`SELECT 1 FROM complaint WHERE `+condition+` LIMIT 1`, args, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// customerAnew finds out whether a complaint of a customer's mail was made already: of the
// same copy, or of him by the same person within a day.
func customerAnew(tx *Tx, c *complaint.Complaint) error {
	same, err := anyComplaint(tx, `state = 'customer' AND copy = ? AND copy <> ''`, c.Copy)
	if err == nil && !same {
		from, to := toMicros(c.Time.Add(-complaint.Once)), toMicros(c.Time.Add(complaint.Once))
		same, err = anyComplaint(tx, `state = 'customer' AND account = ? AND account <> '' AND time > ? AND time < ? AND person = ? AND person <> ''`,
			string(c.Account), from, to, c.Person)
	}
	if same {
		c.State, c.Note = complaint.StateAgain, "the same was said of our customer "+string(c.Account)+" before"
	}
	return err
}

// weighAnew takes from a complaint what was said already: of the same copy everything, of
// the same client or sender by the same person what he said within a day.
func weighAnew(tx *Tx, c *complaint.Complaint, network string) error {
	again := func(text string, args ...any) (bool, error) {
		return anyComplaint(tx, `state = 'counts' AND `+text, args...)
	}
	if c.Copy != "" {
		if same, err := again(`copy = ? AND copy <> ''`, c.Copy); err != nil || same {
			c.State, c.ClientWeight, c.SenderWeight = complaint.StateAgain, 0, 0
			c.Note = "this copy of the message was complained of before"
			return err
		}
	}
	from, to := toMicros(c.Time.Add(-complaint.Once)), toMicros(c.Time.Add(complaint.Once))
	ofClient, err := again(`network = ? AND network <> '' AND client_weight > 0 AND time > ? AND time < ? AND person = ?`, network, from, to, c.Person)
	if err != nil {
		return err
	}
	ofSender, err := again(`sender = ? AND sender <> '' AND sender_weight > 0 AND time > ? AND time < ? AND person = ?`, string(c.Sender), from, to, c.Person)
	if err != nil {
		return err
	}
	if ofClient {
		c.ClientWeight = 0
	}
	if ofSender {
		c.SenderWeight = 0
	}
	switch {
	case c.ClientWeight+c.SenderWeight == 0:
		c.State, c.Note = complaint.StateAgain, "the same person complained of them within 24 hours"
	case ofClient:
		c.Note = "weighs against the sender; of the client the same person complained within 24 hours"
	case ofSender:
		c.Note = "weighs against the client; of the sender the same person complained within 24 hours"
	}
	return nil
}
