package store

import (
	"database/sql"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/store/storetest"
)

func TestDirectoryContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Directory(t, func(t *testing.T) storetest.DirectoryRows { return checked(t, open(t)).Directory() })
	})
}

func openDirectory(t *testing.T, db *DB) *directory.Directory {
	t.Helper()
	d, err := directory.New(t.Context(), directory.Config{Rows: db.Directory(), Entries: db.Directory()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Two directories over one store see each other's changes, removals too, and a
// third that starts later sees what they see.
func TestDirectoriesOverOneStore(t *testing.T) { onBoth(t, testDirectoriesOverOneStore) }

func testDirectoriesOverOneStore(t *testing.T, db *DB) {
	ctx := t.Context()
	one, two := openDirectory(t, db), openDirectory(t, db)
	if _, err := one.AddDomain(ctx, directory.Domain{Name: "example.net"}); err != nil {
		t.Fatal(err)
	}
	ann, err := two.AddMailbox(ctx, directory.Mailbox{Address: "ann@example.net"}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	e, err := one.AddEntry(ctx, directory.Entry{List: directory.Block, Value: "192.0.2.0/24", Scope: directory.Scope{Kind: directory.DomainScope, Name: "example.net"}})
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, d *directory.Directory, listed bool) {
		t.Helper()
		if err := d.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if m, err := d.Authenticate(ctx, "ann@example.net", "secret"); err != nil || !reflect.DeepEqual(m, ann) {
			t.Errorf("%s: log-in: got %+v, %v", name, m, err)
		}
		if admins := d.Snapshot().Admins(); !listed && len(admins) > 0 {
			t.Errorf("%s: removed admins: got %+v", name, admins)
		}
		if got, ok := d.Snapshot().FindClient(netip.MustParseAddr("192.0.2.1"), ann.Address); ok != listed || ok && got.ID != e.ID {
			t.Errorf("%s: list: got %+v, %t; want %t", name, got, ok, listed)
		}
	}
	if _, err := one.AddAdmin(ctx, "root", directory.Admin{Name: "dora", Role: directory.Helpdesk, Domains: []string{"example.net"}}, "secret"); err != nil {
		t.Fatal(err)
	}
	check("one", one, true)
	check("two", two, true)
	if dora, err := two.AuthenticateAdmin(ctx, "Dora", "secret"); err != nil || !dora.Has("example.net") || dora.ID == ann.ID {
		t.Errorf("an admin that the other added: got %+v, %v", dora, err)
	}
	dora, _ := two.Snapshot().Admin("dora")
	logins := func() []access.Login {
		t.Helper()
		list, err := db.Accounts().Logins(ctx, dora.ID)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if err := db.Accounts().AddLogins(ctx, []access.Login{{Box: dora.ID, Door: "web", Client: netip.MustParseAddr("192.0.2.1"), Last: dora.Created, Count: 1}}, 10); err != nil || len(logins()) != 1 {
		t.Errorf("log-ins of an admin: got %+v, %v", logins(), err)
	}
	if err := two.RemoveAdmin(ctx, "dora", "root"); err != nil {
		t.Fatal(err)
	}
	if left := logins(); len(left) > 0 {
		t.Errorf("log-ins of an admin who is gone: %+v", left)
	}
	if err := two.RemoveEntry(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	check("one, after the removal", one, false)
	check("three", openDirectory(t, db), false)
}

// Removals are known for so many revisions; who is further behind is told.
func TestDirectoryForgetsRemovals(t *testing.T) { onBoth(t, testDirectoryForgetsRemovals) }

func testDirectoryForgetsRemovals(t *testing.T, db *DB) {
	ctx := t.Context()
	rows := db.Directory()
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE directory_counter SET value = ? WHERE name = 'revision'`, goneKept+5)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO directory_gone (kind, name, revision) VALUES ('domain', 'old.example', 6), ('domain', 'new.example', 7)`)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Apply(ctx, goneKept+5, []directory.Change{{Domain: &directory.Domain{Name: "x.example"}}}); err != nil {
		t.Fatal(err)
	}
	for since, want := range map[int64]error{5: directory.ErrBehind, 6: nil, 0: nil} {
		var gone []string
		_, err := rows.Load(ctx, since, func(c directory.Change) error {
			if c.Gone {
				gone = append(gone, c.Domain.Name)
			}
			return nil
		})
		if !errors.Is(err, want) || want == nil && (len(gone) != 1 || gone[0] != "new.example") {
			t.Errorf("since %d: got %q, %v; want %v", since, gone, err, want)
		}
	}
}

// A mail host keeps its address whosever it becomes; programs that don't know of domains' own ones find no address of those.
func TestOwnHostAddress(t *testing.T) { onBoth(t, testOwnHostAddress) }

func testOwnHostAddress(t *testing.T, db *DB) {
	d := openDirectory(t, db)
	if _, err := d.AddDomain(t.Context(), directory.Domain{Name: "example.net"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.AddHost(t.Context(), "root", directory.Host{Name: "one", Address: "192.0.2.1:25", Roles: []directory.Role{directory.IMAP}}); err != nil {
		t.Fatal(err)
	}
	for _, domain := range []string{"", "example.net", ""} {
		h, err := d.ChangeHost(t.Context(), "one", "root", func(h *directory.Host) error { h.Domain = domain; return nil })
		if err != nil {
			t.Fatal(err)
		}
		later, _ := openDirectory(t, db).Snapshot().Host("one")
		if h.Domain != domain || h.Address != "192.0.2.1:25" || !reflect.DeepEqual(later, h) {
			t.Errorf("of %q: got %+v, later %+v", domain, h, later)
		}
		err = db.View(t.Context(), func(tx *Tx) error {
			rows, err := tx.Query(`SELECT address FROM mail_host`)
			return each(rows, err, func(rows *sql.Rows) error {
				var known string
				err := rows.Scan(&known)
				if (known == "") != (domain != "") {
					t.Errorf("of %q: others find %q", domain, known)
				}
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
