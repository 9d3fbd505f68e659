package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/privacy"
)

// tablesOf are the tables of a store with their columns.
func tablesOf(t *testing.T, db *DB) map[string][]string {
	t.Helper()
	query := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
	if db.engine.name() != "sqlite" {
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`
	}
	tables := map[string][]string{}
	err := db.View(t.Context(), func(tx *Tx) error {
		rows, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var table, column string
			if err := rows.Scan(&table, &column); err != nil {
				return err
			}
			tables[table] = append(tables[table], column)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// Each table, and each column, has a decision: whether it is about a person, whether he is shown it, and what
// erasing does to it. Who adds one decides so, in personal_tables.go, personal_boxes.go or, where nothing in it can tell of a person, among
// the impersonal.
func TestPersonalTablesAreComplete(t *testing.T) { onBoth(t, testPersonalTablesAreComplete) }

func testPersonalTablesAreComplete(t *testing.T, db *DB) {
	there := tablesOf(t, db)
	for _, p := range personalTables() {
		columns, ok := there[p.table]
		delete(there, p.table)
		if !ok {
			if p.table != "sqlite_sequence" {
				t.Errorf("table %s: there is none", p.table)
			}
			continue
		}
		var decided []string
		keys := 0
		for _, c := range columnsOf(p.columns) {
			decided = append(decided, c.name)
			if c.key {
				keys++
			}
		}
		slices.Sort(columns)
		slices.Sort(decided)
		if !slices.Equal(columns, decided) {
			t.Errorf("table %s: it has the columns\n%v\nand decided is on\n%v", p.table, columns, decided)
		}
		if (p.why == "") == (len(p.about) == 0) || len(p.about) > 0 && keys == 0 {
			t.Errorf("table %s: say why nothing in it is about people, or what is; and its key", p.table)
		}
		for _, a := range p.about {
			if (a.fate == privacy.Kept) != (a.why != "") || (a.fate == privacy.Blanked) != (a.set != "" || a.does != nil && a.fate != privacy.Removed && a.fate != privacy.Kept) {
				t.Errorf("table %s: %s: a fate and its reason, or what becomes of it", p.table, a.what)
			}
		}
	}
	for name := range there {
		t.Errorf("table %s: nobody decided what of it is about people", name)
	}
}

// seedRow puts a row into a table, of which some columns have the given values and all others are made up.
func seedRow(t *testing.T, db *DB, table string, n int, given map[string]any) {
	t.Helper()
	var names []string
	var args []any
	for _, c := range tablesOf(t, db)[table] {
		v, ok := given[c]
		if !ok {
			continue
		}
		names, args = append(names, c), append(args, v)
	}
	err := db.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (`+marks(len(args))+`)`, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

// typesOf are the types of a table's columns.
func typesOf(t *testing.T, db *DB, table string) map[string]string {
	t.Helper()
	query := `SELECT name, type FROM pragma_table_info(?)`
	if db.engine.name() != "sqlite" {
		query = `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?`
	}
	types := map[string]string{}
	err := db.View(t.Context(), func(tx *Tx) error {
		rows, err := tx.Query(query, table)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name, kind string
			if err := rows.Scan(&name, &kind); err != nil {
				return err
			}
			types[name] = strings.ToUpper(kind)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// seed makes a row in which one column has a text, and others are as they are given or made up.
func seed(t *testing.T, db *DB, table string, n int, given map[string]any) {
	t.Helper()
	row := map[string]any{}
	for name, kind := range typesOf(t, db, table) {
		switch kind {
		case "TEXT":
			row[name] = fmt.Sprintf("word %d", n)
		case "BYTEA":
			row[name] = []byte{byte(n)}
		case "DOUBLE PRECISION":
			row[name] = 1.5
		default:
			row[name] = int64(n)
		}
	}
	for name, v := range given {
		row[name] = v
	}
	seedRow(t, db, table, n, row)
}

// A trace is where an address can stand, and whether it is there after erasing.
type trace struct {
	table, column string
	form          string // with %s for the address; "": it alone
	with          map[string]any
	kept          bool
}

func traces() []trace {
	challenge := map[string]any{"origin": "challenge", "scope_kind": "global", "scope_name": ""}
	admin := map[string]any{"origin": "admin", "scope_kind": "global", "scope_name": ""}
	return []trace{
		{table: "journal", column: "sender"}, {table: "journal", column: "sender", form: "prvs=12345678=%s"}, {table: "journal", column: "login"}, {table: "journal", column: "recipient"},
		{table: "held", column: "sender_fold"}, {table: "held", column: "author_fold", form: "bob <%s>"}, {table: "held", column: "recipient_fold"}, {table: "held_act", column: "who"}, {table: "held_act", column: "who", form: "support of %s"},
		{table: "queue_event", column: "recipient"}, {table: "challenge_notice", column: "sender"}, {table: "challenge_bounce", column: "sender"}, {table: "challenge_letter", column: "sender"},
		{table: "digest_told", column: "recipient", with: map[string]any{"off": int64(0)}}, {table: "digest_told", column: "recipient", with: map[string]any{"off": int64(1), "box": int64(77)}, kept: true},
		{table: "complaint_report", column: "body", form: `{"reporter":"%s"}`}, {table: "complaint", column: "sender"}, {table: "complaint", column: "account"},
		{table: "complaint", column: "reporter"}, {table: "complaint", column: "person"}, {table: "complaint", column: "recipient"}, {table: "complaint", column: "ended_by"},
		{table: "complaint_subject", column: "name", with: map[string]any{"kind": "sender"}}, {table: "dmarc_report", column: "body", form: `{"writer":"%s"}`},
		{table: "list_entry", column: "value", with: challenge}, {table: "list_entry", column: "value", with: admin, kept: true},
		{table: "trust", column: "sender"}, {table: "trust", column: "scope"}, {table: "trust_lesson", column: "sender"}, {table: "trust_lesson", column: "scope"}, {table: "trust_news", column: "sender"},
		{table: "learnt_lesson", column: "person"}, {table: "learnt_lesson", column: "ended_by"}, {table: "bayes_lesson", column: "person"}, {table: "bayes_lesson", column: "ended_by"},
		{table: "bayes_sample", column: "person"}, {table: "proposal_sample", column: "person"}, {table: "proposal_decision", column: "who"}, {table: "bayes_roll", column: "who"},
		{table: "ban", column: "who"}, {table: "ban", column: "lifted_by"}, {table: "ban", column: "note", form: "log-ins as %s"}, {table: "ban", column: "reason", form: "%s called"}, {table: "submission_stop", column: "who"},
		{table: "sender", column: "name", with: map[string]any{"gone": int64(1)}}, {table: "directory_gone", column: "name"}, {table: "directory_gone", column: "name", form: "allow\t\tmailbox\tann@test.example\t%s"},
		{table: "queue_message", column: "sender", kept: true}, {table: "queue_transfer", column: "recipient_fold", kept: true}, {table: "alias", column: "targets", form: "x@a.example\n%s", kept: true},
		{table: "mailbox", column: "copies", kept: true}, {table: "audit", column: "who", kept: true}, {table: "audit", column: "whom", kept: true}, {table: "audit", column: "about", form: "to %s", kept: true}, {table: "archive_act", column: "who", kept: true}, {table: "archive_act", column: "about", form: "looked for %s", kept: true},
	}
}

// seedTraces puts an address everywhere where one can stand.
func seedTraces(t *testing.T, db *DB, address string, n int) {
	t.Helper()
	for _, c := range traces() {
		n++
		form := c.form
		if form == "" {
			form = "%s"
		}
		given := map[string]any{c.column: fmt.Sprintf(form, address)}
		switch c.table {
		case "queue_transfer":
			seed(t, db, "queue_message", n, map[string]any{"id": fmt.Sprint("m", n), "refs": int64(1)})
			given["message"] = fmt.Sprint("m", n)
		case "held_act":
			seed(t, db, "held", n, map[string]any{"id": fmt.Sprint("h", n)})
			given["held"] = fmt.Sprint("h", n)
		}
		for name, v := range c.with {
			given[name] = v
		}
		seed(t, db, c.table, n, given)
	}
}

// tracesOf counts in how many values of each table a text stands.
func tracesOf(t *testing.T, db *DB, text string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for table, columns := range tablesOf(t, db) {
		err := db.View(t.Context(), func(tx *Tx) error {
			rows, err := tx.Query(`SELECT ` + strings.Join(columns, ", ") + ` FROM ` + table)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				list, err := values(rows, len(columns))
				if err != nil {
					return err
				}
				for i, v := range list {
					s, _ := v.(string)
					if b, ok := v.([]byte); ok {
						s = string(b)
					}
					if strings.Contains(s, text) {
						found[table+"."+columns[i]]++
					}
				}
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// pages goes through all pages, and sums up.
func pages(t *testing.T, f func(after string) (privacy.Page, error)) (parts []privacy.Part, calls int) {
	t.Helper()
	for after := ""; ; calls++ {
		p, err := f(after)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p.Parts...)
		if after = p.Next; after == "" || calls > 100_000 {
			return parts, calls + 1
		}
	}
}

// An address that is erased stands nowhere any more, but where it is kept and that is said; an address that ends in it, and one that
// begins so, stay as they were. What is asked a second time finds what is kept alone.
func TestErase(t *testing.T) { onBoth(t, testErase) }

func testErase(t *testing.T, db *DB) {
	const bob, other, longer = "bob@far.example", "xbob@far.example", "bob@far.example.net"
	seedTraces(t, db, bob, 1000)
	seedTraces(t, db, other, 2000)
	seedTraces(t, db, longer, 3000)
	before := tracesOf(t, db, other)
	p := Privacy{db, 7} // by small slices
	s := privacy.Subject{Address: bob}
	found, _ := pages(t, func(after string) (privacy.Page, error) { return p.Find(t.Context(), s, after) })
	erased, _ := pages(t, func(after string) (privacy.Page, error) { return p.Erase(t.Context(), s, after) })
	if a, b := sums(found), sums(erased); a != b {
		t.Errorf("found\n%s\nand erased\n%s", a, b)
	}
	left, others, longers := map[string]int{}, tracesOf(t, db, other), tracesOf(t, db, longer)
	for where, n := range tracesOf(t, db, bob) { // which stands in both of theirs
		left[where] = n - others[where] - longers[where]
	}
	for _, c := range traces() {
		if c.kept {
			left[c.table+"."+c.column]--
		}
	}
	for where, n := range left {
		if n != 0 {
			t.Errorf("%s has the address %d times more than is said", where, n)
		}
	}
	for where, n := range before {
		blanked := where == "ban.note" || where == "ban.reason" // remarks, where they may be about him
		if now := others[where]; now != n && (!blanked || now != 0) {
			t.Errorf("%s had another address %d times and now %d times", where, n, now)
		}
	}
	again, _ := pages(t, func(after string) (privacy.Page, error) { return p.Erase(t.Context(), s, after) })
	for _, part := range again {
		if part.Fate != privacy.Kept {
			t.Errorf("a second time: %+v", part)
		}
	}
	if b, err := json.Marshal(found); err != nil || strings.Contains(string(b), other) || strings.Contains(string(b), longer) {
		t.Errorf("%v; others are in what is shown: %s", err, b)
	}
}

func sums(parts []privacy.Part) string {
	counts := map[string]int{}
	for _, p := range parts {
		counts[fmt.Sprintf("%s: %s: %s", p.Table, p.About, p.Fate)] += p.Count
	}
	var lines []string
	for what, n := range counts {
		lines = append(lines, fmt.Sprint(what, ": ", n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
