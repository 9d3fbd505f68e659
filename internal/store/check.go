package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A rule is something that must hold of the rows. Its query returns what breaks
// it: a name for a person, what is there, what should be.
type rule struct{ what, query string }

// rules are held against the rows by Check. Counters are compared with what they
// count, references with what they refer to.
var rules = [...]rule{
	{"folder %s counts %s messages, and has %s", `SELECT f.box || '/' || f.name, f.messages, COUNT(m.uid)
		FROM mailbox_folder f LEFT JOIN mailbox_message m ON m.folder = f.id WHERE f.special_use <> '\Quarantine' GROUP BY f.id, f.box, f.name, f.messages HAVING f.messages <> COUNT(m.uid)`},
	{"folder %s counts %s octets, and has %s", `SELECT f.box || '/' || f.name, f.bytes, COALESCE(SUM(m.size), 0)
		FROM mailbox_folder f LEFT JOIN mailbox_message m ON m.folder = f.id WHERE f.special_use <> '\Quarantine' GROUP BY f.id, f.box, f.name, f.bytes HAVING f.bytes <> COALESCE(SUM(m.size), 0)`},
	{"folder %s would give UID %s again, the highest is %s", `SELECT f.box || '/' || f.name, f.uidnext, MAX(m.uid)
		FROM mailbox_folder f JOIN mailbox_message m ON m.folder = f.id GROUP BY f.id, f.box, f.name, f.uidnext HAVING MAX(m.uid) >= f.uidnext`},
	{"folder %s counts %s held messages, and shows %s", `SELECT f.box || '/' || f.name, f.messages, COUNT(h.uid)
		FROM mailbox_folder f LEFT JOIN held h ON h.box = f.box AND h.uid > 0 WHERE f.special_use = '\Quarantine'
		GROUP BY f.id, f.box, f.name, f.messages, f.bytes HAVING f.messages <> COUNT(h.uid) OR f.bytes <> COALESCE(SUM(h.size), 0)`},
	{"folder %s would give UID %s again, the highest that is held is %s", `SELECT f.box || '/' || f.name, f.uidnext, MAX(h.uid)
		FROM mailbox_folder f JOIN held h ON h.box = f.box AND h.uid > 0 WHERE f.special_use = '\Quarantine' GROUP BY f.id, f.box, f.name, f.uidnext HAVING MAX(h.uid) >= f.uidnext`},
	{"mailbox %s counts %s messages, its folders have %s", `SELECT b.box, b.messages, COALESCE(SUM(f.messages), 0)
		FROM mailbox_box b LEFT JOIN mailbox_folder f ON f.box = b.box AND f.special_use <> '\Quarantine' GROUP BY b.box, b.messages HAVING b.messages <> COALESCE(SUM(f.messages), 0)`},
	{"mailbox %s counts %s octets, its folders have %s", `SELECT b.box, b.bytes, COALESCE(SUM(f.bytes), 0)
		FROM mailbox_box b LEFT JOIN mailbox_folder f ON f.box = b.box AND f.special_use <> '\Quarantine' GROUP BY b.box, b.bytes HAVING b.bytes <> COALESCE(SUM(f.bytes), 0)`},
	{"domain %s counts %s, its mailboxes have %s (messages/octets)", `SELECT d.domain, COALESCE(u.messages, 0) || '/' || COALESCE(u.bytes, 0), COALESCE(b.messages, 0) || '/' || COALESCE(b.bytes, 0)
		FROM (SELECT domain FROM mailbox_usage UNION SELECT domain FROM mailbox_home) d
		LEFT JOIN (SELECT domain, SUM(messages) AS messages, SUM(bytes) AS bytes FROM mailbox_usage GROUP BY domain) u ON u.domain = d.domain
		LEFT JOIN (SELECT h.domain, SUM(b.messages) AS messages, SUM(b.bytes) AS bytes FROM mailbox_box b JOIN mailbox_home h ON h.box = b.box GROUP BY h.domain) b ON b.domain = d.domain
		WHERE COALESCE(u.messages, 0) <> COALESCE(b.messages, 0) OR COALESCE(u.bytes, 0) <> COALESCE(b.bytes, 0)`},
	{"mailbox %s counts %s octets of deleted mail, and keeps %s", `SELECT b.box, b.kept_bytes, COALESCE(SUM(d.size), 0)
		FROM mailbox_box b LEFT JOIN mailbox_deleted d ON d.box = b.box GROUP BY b.box, b.kept_bytes HAVING b.kept_bytes <> COALESCE(SUM(d.size), 0)`},
	{"deleted message %s of mailbox %s has no email%s", `SELECT d.email, d.box, '' FROM mailbox_deleted d
		LEFT JOIN mailbox_email e ON e.box = d.box AND e.id = d.email WHERE e.id IS NULL OR e.refs <> 0`},
	{"email %s counts %s copies, and has %s", `SELECT e.box || '/' || e.id, e.refs, COALESCE(c.n, 0) FROM mailbox_email e
		LEFT JOIN (SELECT f.box, m.email, COUNT(*) AS n FROM mailbox_message m JOIN mailbox_folder f ON f.id = m.folder GROUP BY f.box, m.email) c ON c.box = e.box AND c.email = e.id
		WHERE e.refs <> COALESCE(c.n, 0)`},
	{"email %s has no copy%s, and is not kept as deleted%s", `SELECT e.box || '/' || e.id, '', '' FROM mailbox_email e
		LEFT JOIN mailbox_deleted d ON d.box = e.box AND d.email = e.id WHERE e.refs <= 0 AND d.email IS NULL`},
	{"mailbox %s has %s messages of %s octets, and no address", `SELECT b.box, b.messages, b.bytes
		FROM mailbox_box b LEFT JOIN mailbox a ON a.id = b.box WHERE a.id IS NULL`},
	{"message row %s in folder %s names email %s, which is missing", `SELECT m.uid, m.folder, m.email
		FROM mailbox_message m JOIN mailbox_folder f ON f.id = m.folder LEFT JOIN mailbox_email e ON e.box = f.box AND e.id = m.email WHERE e.id IS NULL`},
	{"message %s is in folder %s, which is missing%s", `SELECT m.uid, m.folder, '' FROM mailbox_message m
		LEFT JOIN mailbox_folder f ON f.id = m.folder WHERE f.id IS NULL`},
	{"expunge of %s is logged of folder %s, which is missing%s", `SELECT x.uid, x.folder, '' FROM mailbox_expunged x
		LEFT JOIN mailbox_folder f ON f.id = x.folder WHERE f.id IS NULL`},
	{"folder %s has a page of block %s that tells of messages which are not there%s", `SELECT p.folder, p.block, '' FROM mailbox_page p
		WHERE p.messages <> (SELECT COUNT(*) FROM mailbox_message m WHERE m.folder = p.folder AND m.uid BETWEEN p.block * 64 AND p.block * 64 + 63)`},
	{"%s has rights in folder %s, which is missing%s", `SELECT g.who, g.folder, '' FROM mailbox_grant g
		LEFT JOIN mailbox_folder f ON f.id = g.folder WHERE g.folder <> 0 AND f.id IS NULL`},
	{"index of texts of mailbox %s has email %s, which is missing%s", `SELECT l.box, l.email, ''
		FROM mailbox_search_loose l LEFT JOIN mailbox_email e ON e.box = l.box AND e.id = l.email WHERE e.id IS NULL`},
	{"index of texts of mailbox %s has come to email %s, the last is %s", `SELECT s.box, s.done, COALESCE(b.email, 0)
		FROM mailbox_search s LEFT JOIN mailbox_box b ON b.box = s.box WHERE s.done > COALESCE(b.email, 0)`},
	{"index of texts of mailbox %s has block %s without its bits, or bits without a block%s", `SELECT b.box, b.block, '' FROM mailbox_search_block b
		WHERE (SELECT COUNT(*) FROM mailbox_search_bits p WHERE p.box = b.box AND p.block = b.block) * 4 <> b.size
		UNION ALL SELECT p.box, p.block, '' FROM mailbox_search_bits p LEFT JOIN mailbox_search_block b ON b.box = p.box AND b.block = p.block WHERE b.block IS NULL`},
	{"content %s counts %s references, and has %s", `SELECT b.id, b.refs, COUNT(r.blob) FROM blob b
		LEFT JOIN (SELECT blob FROM mailbox_email UNION ALL SELECT blob FROM held WHERE state = 'held'
			UNION ALL SELECT blob FROM queue_message) r ON r.blob = b.id
		GROUP BY b.id, b.refs HAVING b.refs <> COUNT(r.blob)`},
	{"content %s is named by %s (%s) and not counted", `SELECT r.blob, r.kind, r.id FROM
		(SELECT blob, 'mailbox' AS kind, box || '/' || id AS id FROM mailbox_email UNION ALL SELECT blob, 'quarantine', id FROM held WHERE state = 'held'
			UNION ALL SELECT blob, 'queue', id FROM queue_message) r
		LEFT JOIN blob b ON b.id = r.blob WHERE b.id IS NULL`},
	{"queue message %s counts %s transfers, and has %s", `SELECT m.id, m.refs, COUNT(t.id)
		FROM queue_message m LEFT JOIN queue_transfer t ON t.message = m.id GROUP BY m.id, m.refs HAVING m.refs <> COUNT(t.id)`},
}

// checkLimit bounds a check on a server.
const checkLimit = time.Hour

// Check reads all rows and reports what is damaged, a sentence each. The error is
// of the check itself.
func (db *DB) Check(ctx context.Context, report func(format string, args ...any)) error {
	return db.engine.view(ctx, checkLimit, func(tx *Tx) error {
		for _, r := range slices.Concat(tx.speaks.checks, rules[:]) {
			if err := tx.each(r.query, func(a, b, c string) { report(r.what, a, b, c) }); err != nil {
				return fmt.Errorf("store: check: %w", err)
			}
		}
		return nil
	})
}

// each hands the three columns of each row to f.
func (t *Tx) each(query string, f func(a, b, c string)) error {
	rows, err := t.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c string
		if err := rows.Scan(&a, &b, &c); err != nil {
			return err
		}
		f(a, b, c)
	}
	return rows.Err()
}

// Contents calls f with the id of every content that rows refer to, in order, and
// its size.
func (db *DB) Contents(ctx context.Context, f func(id string, size int64) error) error {
	return db.pages(ctx, `SELECT id, size FROM blob WHERE refs > 0 AND id > ? ORDER BY id LIMIT 1000`, f)
}

// Evidence calls f with every place in the journal's log that a row points to.
func (db *DB) Evidence(ctx context.Context, f func(pointer string, line int64) error) error {
	return db.pages(ctx, `SELECT DISTINCT evidence, 0 FROM journal WHERE evidence > ? ORDER BY evidence LIMIT 1000`, f)
}

// pages runs a query page by page, so that no View is held open while f reads
// from disk.
func (db *DB) pages(ctx context.Context, query string, f func(key string, n int64) error) error {
	type pair struct {
		key string
		n   int64
	}
	for after := ""; ; {
		var page []pair
		err := db.View(ctx, func(tx *Tx) error {
			rows, err := tx.Query(query, after)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var p pair
				if err := rows.Scan(&p.key, &p.n); err != nil {
					return err
				}
				page = append(page, p)
			}
			return rows.Err()
		})
		if err != nil {
			return fmt.Errorf("store: check: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, p := range page {
			if err := f(p.key, p.n); err != nil {
				return err
			}
		}
		after = page[len(page)-1].key
	}
}
