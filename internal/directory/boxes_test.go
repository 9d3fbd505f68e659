package directory

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// A row keeps every field of a mailbox, each alone and all together.
func TestBoxRow(t *testing.T) {
	var all Mailbox
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Mailbox]()) {
		one := Mailbox{Address: "ann@example.org"}
		fillField(t, reflect.ValueOf(&one).Elem().FieldByIndex(f.Index), i+1)
		fillField(t, reflect.ValueOf(&all).Elem().FieldByIndex(f.Index), i+1)
		if got := newBoxRow(&one).mailbox(one.ID); !sameBox(got, one) {
			t.Errorf("%s: %+v, want %+v", f.Name, got, one)
		}
	}
	row := newBoxRow(&all)
	if got := row.mailbox(all.ID); !sameBox(got, all) || row.address() != all.Address {
		t.Errorf("%+v of %s, want %+v", got, row.address(), all)
	}
	if got := newBoxRow(&Mailbox{}).mailbox(0); !sameBox(got, Mailbox{}) {
		t.Errorf("nothing is %+v", got)
	}
}

func sameBox(x, y Mailbox) bool { return reflect.DeepEqual(x, y) }

// fillField puts something into a field of any kind that a mailbox has, deep down.
func fillField(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, n, 1, 2, 3, 4000*n, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d\x00\n%c", n, 'à'+n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n) * 1_000_003)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillField(t, v.Index(0), n)
		fillField(t, v.Index(1), n+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fillField(t, v.Field(i), n+i)
		}
	default:
		t.Fatalf("a row does not keep a field of the kind %s", v.Kind())
	}
}

// Boxes do what a map does, and their predecessors stay as they were.
func TestBoxesAgainstAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	table, plain := newBoxes(), map[mail.Path]Mailbox{}
	for round := range 80 {
		before, was := table, maps.Clone(plain)
		e := table.edit()
		for range rng.IntN(60) {
			address := mail.Path(fmt.Sprintf("user%d@d%d.example", rng.IntN(3), rng.IntN(60)))
			old, there := plain[address]
			switch m := (Mailbox{ID: old.ID, Address: address, Name: fmt.Sprint(round), Locked: rng.IntN(3) == 0}); {
			case round%40 < 25 || rng.IntN(3) == 0:
				if !there || rng.IntN(5) == 0 { // removed, and made anew
					m.ID = rng.Int64N(1 << 40)
				}
				plain[address] = m
				e.put(&m)
			default:
				delete(plain, address)
				e.remove(address)
			}
		}
		table = e.done()
		sameBoxes(t, &table, plain)
		sameBoxes(t, &before, was)
	}
}

func sameBoxes(t *testing.T, table *boxes, plain map[mail.Path]Mailbox) {
	t.Helper()
	locked, of := map[string]int{}, map[string][]Mailbox{}
	for address, m := range plain {
		if got, ok := table.named(address); !ok || !sameBox(got, m) {
			t.Fatalf("%s is %+v, want %+v", address, got, m)
		}
		if got, ok := table.numbered(m.ID); !ok || !sameBox(got, m) {
			t.Fatalf("%d is %+v, want %+v", m.ID, got, m)
		}
		if m.Locked {
			locked[address.Domain()]++
		}
		of[address.Domain()], of[""] = append(of[address.Domain()], m), append(of[""], m)
	}
	if _, ok := table.named("nobody@d0.example"); ok {
		t.Fatal("there is nobody")
	}
	if !maps.Equal(locked, table.locked) {
		t.Fatalf("locked %v, want %v", table.locked, locked)
	}
	domains := append(slices.Collect(maps.Keys(of)), "none.example")
	for _, domain := range domains {
		want := of[domain]
		slices.SortFunc(want, func(x, y Mailbox) int { return cmp.Compare(x.ID, y.ID) })
		if got := slices.Collect(table.all(domain)); !slices.EqualFunc(got, want, sameBox) || domain != "" && table.count(domain) != len(want) {
			t.Fatalf("%q has %d, %d counted, want %d", domain, len(got), table.count(domain), len(want))
		}
	}
	kept := 0
	for _, page := range table.domains.page {
		kept += len(page)
	}
	if want := len(of) - min(1, len(plain)); kept != want {
		t.Fatalf("%d domains are kept, want %d", kept, want)
	}
}

// Pages of mailboxes have each once, by domain and address.
func TestMailboxPage(t *testing.T) {
	s, err := emptySnapshot("mx.example.com", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b := s.build()
	rng := rand.New(rand.NewPCG(9, 10))
	var want []mail.Path
	for d, n := range []int{7, 0, 1, 30, 4} {
		name := fmt.Sprintf("d%d.example", d)
		if err := b.apply(Change{Domain: &Domain{ID: int64(d + 1), Name: name}}); err != nil {
			t.Fatal(err)
		}
		var of []mail.Path
		for i := range n {
			of = append(of, mail.Path(fmt.Sprintf("user%02d@%s", i, name)))
		}
		want = append(want, of...)
		for i, at := range rng.Perm(n) {
			if err := b.apply(Change{Mailbox: &Mailbox{ID: int64(100*d + i + 10), Address: of[at]}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s = b.done(1)
	walk := func(domain string, most int) (all []mail.Path) {
		for after := mail.Path(""); ; {
			page := s.MailboxPage(domain, after, most)
			if len(page) > most {
				t.Fatalf("a page of %d has %d", most, len(page))
			}
			for _, m := range page {
				all = append(all, m.Address)
			}
			if len(page) < most {
				return all
			}
			if after = page[len(page)-1].Address; len(all) > len(want) {
				t.Fatalf("it does not end: %v", all)
			}
		}
	}
	for _, most := range []int{1, 2, 3, 7, 41, 42, 43, 1000} {
		if got := walk("", most); !slices.Equal(got, want) {
			t.Errorf("by %d: %v", most, got)
		}
		if got := walk("d3.example", most); !slices.Equal(got, want[8:38]) {
			t.Errorf("of a domain, by %d: %v", most, got)
		}
	}
	if page := s.MailboxPage("", "gone@d2.example", 2); len(page) != 2 || page[0].Address != "user00@d2.example" {
		t.Errorf("after one that is gone: %v", page)
	}
	if page := s.MailboxPage("", "user00@d1.example", 1); len(page) != 1 || page[0].Address != "user00@d2.example" {
		t.Errorf("after a domain that has none: %v", page)
	}
}

// What a mailbox takes of memory is bounded: there may be a million.
func TestBoxesMemory(t *testing.T) {
	const n = 20_000
	hash, scram := strings.Repeat("h", 97), strings.Repeat("s", 133)
	before := heap()
	table := newBoxes()
	e := table.edit()
	for i := range n {
		e.put(&Mailbox{
			ID: int64(i + 1), Address: mail.Path(fmt.Sprintf("user%d@d%d.example", i, i%200)), State: Active, Created: time.Unix(1, 0),
			Password: Verifier{strings.Clone(hash), strings.Clone(scram)},
		})
	}
	table = e.done()
	if each := (heap() - before) / n; each > 480 {
		t.Errorf("each takes %d octets", each)
	}
	runtime.KeepAlive(table)
}
