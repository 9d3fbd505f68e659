package directory

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What one directory writes another reads, to the last field; and once more changes nothing.
func TestExportImport(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for _, e := range []Entry{
		{List: Block, Value: "192.0.2.0/24", Note: `a "note", with a comma`},
		{List: Allow, Value: "=cmd@x.example", Note: "=HYPERLINK(1)", Origin: "owner", Scope: Scope{MailboxScope, "ann@example.net"}},
		{List: Allow, Value: "'-x@x.example", Note: "'@", Scope: Scope{DomainScope, "example.org"}},
		{List: Allow, Kind: Author, Value: "x.example", Note: "Bücher", Origin: "challenge", Expires: f.clock.now().Add(time.Hour + time.Microsecond)},
		{List: Allow, Value: "ann@x.example from 192.0.2.0/24"},
	} {
		if _, err := f.AddEntry(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	f.Hit(f.rows.id)
	var file bytes.Buffer
	if err := f.ExportEntries(ctx, EntryQuery{}, &file); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(file.String(), "\n")[1:] {
		for field := range strings.SplitSeq(line, ",") {
			if strings.HasPrefix(strings.TrimPrefix(field, `"`), "=") {
				t.Errorf("a formula: %s", line)
			}
		}
	}
	other := newFixture(t)
	other.clock.add(time.Hour)
	for i, want := range []Imported{{Added: 5}, {Existing: 5}} {
		if got, err := other.ImportEntries(ctx, bytes.NewReader(file.Bytes()), Import{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("round %d: got %+v, %v; want %+v", i, got, err, want)
		}
	}
	want, _ := f.Entries(ctx, EntryQuery{})
	got, _ := other.Entries(ctx, EntryQuery{})
	for i := range got {
		got[i].ID = want[i].ID
	}
	if !reflect.DeepEqual(got, want) || got[4].Hits != 1 {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestImportFaults(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.entry(t, Block, "", "there.example", "global")
	file := "\ufeffValue, LIST,scope,expires,note,kind,origin,hits\r\n" +
		"one.example,allow,,2026-12-24,,,,\r\n" +
		"there.example,block,,,,,,\n" +
		"\n" +
		"ONE.example.,allow,global,,,,,\n" + // there, from the second line
		"One.example,Allow,global,,,,,\n" + // and once more
		"two.example,grey,,,,,,\n" +
		"192.0.2.7/24,allow,,,,,,\n" +
		"two.example,allow,elsewhere.example,,,,,\n" +
		"two.example,allow,nobody@example.net,,,,,\n" +
		"two.example,allow,,tomorrow,,,,\n" +
		"two.example,allow,,,,ip,,\n" +
		"two.example,allow,,,,,Me!,\n" +
		"two.example,allow,,,,,,-1\n" +
		"two.example,allow\n" +
		"\"two.example,allow,,,,,,\n" +
		"two.example,allow,,," + strings.Repeat("x", MaxNote+1) + ",,,\n" +
		"z@two.example,allow,,,,,,7"
	want := Imported{Added: 2, Existing: 3, Failed: 11}
	for _, dry := range []bool{true, false} {
		got, err := f.ImportEntries(ctx, strings.NewReader(file), Import{DryRun: dry})
		var lines []int
		for _, fault := range got.Faults {
			lines = append(lines, fault.Line)
		}
		got.Faults = nil
		if err != nil || !reflect.DeepEqual(got, want) || fmt.Sprint(lines) != "[7 8 9 10 11 12 13 14 15 16 17]" {
			t.Errorf("dry %t: got %+v, lines %d, %v; want %+v", dry, got, lines, err, want)
		}
		if _, there := f.Snapshot().FindSender("x@one.example", "ann@example.net"); there == dry {
			t.Errorf("dry %t: written: %t", dry, there)
		}
	}
	all, _ := f.Entries(ctx, EntryQuery{})
	if e := all[len(all)-1]; e.Origin != "import" || e.Hits != 7 || !e.Created.Equal(f.clock.now()) || !e.Expires.IsZero() {
		t.Errorf("got %+v", e)
	}
}

func TestImportWhole(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"empty":          {"", ErrInvalid},
		"no head":        {"allow,x.example\n", ErrInvalid},
		"no value":       {"list,scope\n", ErrInvalid},
		"twice":          {"list,value,value\n", ErrInvalid},
		"only a head":    {"list,value\n", nil},
		"endless line":   {"list,value\nallow," + strings.Repeat("x", maxLine), ErrInvalid},
		"not CSV at all": {"\"\x00", ErrInvalid},
	} {
		_, err := f.ImportEntries(t.Context(), strings.NewReader(c.file), Import{})
		wantErr(t, name, err, c.want)
	}
}

// A part of a file, for those who may set less than all.
func TestImportPart(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	forbidden := errors.New("not yours")
	got, err := f.ImportEntries(ctx, strings.NewReader("allow,a.example,example.net,admin,9\nallow,b.example,,admin,9\n"), Import{
		Anew: true, Head: "list,value,scope,origin,hits", After: 1000,
		May: func(s Scope) error {
			if s.Domain() != "example.net" {
				return forbidden
			}
			return nil
		},
	})
	want := Imported{Added: 1, Failed: 1, Faults: []Fault{{1002, "not yours"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if all, _ := f.Entries(ctx, EntryQuery{}); len(all) != 1 || all[0].Origin != "import" || all[0].Hits != 0 {
		t.Errorf("got %+v", all)
	}
}

// Many entries go in some commits, and a failing store tells how far it came.
func TestImportBatches(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	var file strings.Builder
	file.WriteString("list,value\n")
	for i := range 2*importBatch + 7 {
		fmt.Fprintf(&file, "block,x%d.example\n", i)
	}
	before := f.Snapshot().Revision()
	got, err := f.ImportEntries(ctx, strings.NewReader(file.String()), Import{})
	if commits := f.Snapshot().Revision() - before; err != nil || got.Added != 2*importBatch+7 || commits != 3 {
		t.Errorf("got %+v in %d commits, %v", got, commits, err)
	}
	var out bytes.Buffer
	if err := f.ExportEntries(ctx, EntryQuery{}, &out); err != nil || strings.Count(out.String(), "\n") != 2*importBatch+8 {
		t.Errorf("export: %d lines, %v", strings.Count(out.String(), "\n"), err)
	}
	other := newFixture(t)
	other.rows.applied = func() { other.rows.failing = errors.New("disk") }
	got, err = other.ImportEntries(ctx, strings.NewReader(file.String()), Import{})
	if err == nil || got.Added != 0 {
		t.Errorf("failing store: got %+v, %v", got, err)
	}
}

func FuzzImportLine(f *testing.F) {
	for _, s := range []string{
		"allow,address,x@y.example,global,admin,a note,2026-11-22T10:00:00Z,,7,", `block,,"192.0.2.0/24",,,"a ""b""",,,,`,
		"allow,author,'=x@y.example,ann@example.net,,'@,,,,", "allow,,a@b.example from 2001:db8::/64,,,,,,,",
	} {
		f.Add(s)
	}
	at, err := parseColumns(strings.Join(EntryColumns(), ","))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := at.entry(s)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteEntries(&out, []Entry{e}, false); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(e.Note, "\r\n") { // is refused when it is checked
			return
		}
		again, err := at.entry(strings.TrimSuffix(out.String(), "\n"))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%q: got %+v, then %+v, %v", s, e, again, err)
		}
	})
}
