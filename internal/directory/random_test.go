package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gatepost/internal/mail"
)

// Random changes, tried on the directory and on a plain model: both take the same
// ones, and then lead every address to the same places.
func TestAgainstModel(t *testing.T) {
	for range 40 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { randomChanges(t, seed) })
	}
}

func randomChanges(t *testing.T, seed uint64) {
	r := &randomly{Rand: rand.New(rand.NewPCG(seed, 0)), m: newModel()}
	f := fixture{rows: &memRows{entries: map[int64]Entry{}}, clock: &clock{}}
	f.Directory = f.open(t)
	if _, err := f.AddHost(t.Context(), "root", Host{Name: "exchange", Address: "192.0.2.1:25", Roles: []Role{SMTPIn}}); err != nil {
		t.Fatal(err)
	}
	r.d = f.Directory
	taken := 0
	for i := range 300 {
		what, ok, err := r.change(t)
		if ok != (err == nil) {
			t.Fatalf("change %d, %s: got %v; the model says %t", i, what, err, ok)
		}
		if errors.Is(err, ErrMoved) {
			t.Fatal(err)
		}
		if ok {
			taken++
		}
		if i%10 == 0 {
			r.compare(t, f.Directory, what)
		}
	}
	r.compare(t, f.open(t), "all, loaded anew")
	if taken < 30 {
		t.Errorf("only %d changes were taken", taken)
	}
}

// randomly makes changes in a small world, where they meet.
type randomly struct {
	*rand.Rand
	m model
	d *Directory
}

func (r *randomly) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r *randomly) own() string { return r.pick("one.example", "two.example", "three.example") }

func (r *randomly) local() mail.Path {
	return mail.Path(r.pick("a", "b", "c", "d", "a+x") + "@" + r.own())
}

// anywhere is an address here, under another name, or elsewhere.
func (r *randomly) anywhere() mail.Path {
	switch r.IntN(8) {
	case 0:
		return mail.Path(r.pick("a", "b+y", "c") + "@" + r.pick("other.example", "another.example"))
	case 1:
		return mail.Path(r.pick("Me", "you") + "@elsewhere.example")
	case 2:
		return mail.Path(r.pick("b", "a", "e") + "+x@" + r.own())
	}
	return r.local()
}

func (r *randomly) some(n int) []mail.Path {
	var list []mail.Path
	for range r.IntN(n) + 1 {
		if a := r.anywhere(); !slices.Contains(list, r.m.canonical(a)) {
			list = append(list, r.m.canonical(a))
		}
	}
	return list
}

// change tries one change, and says whether the model takes it.
func (r *randomly) change(t *testing.T) (what string, ok bool, err error) {
	next, ctx := r.m.clone(), t.Context()
	switch r.IntN(8) {
	case 0:
		what, ok, err = r.addDomain(t, next)
	case 1:
		what, ok, err = r.changeDomain(t, next)
	case 2:
		name := r.own()
		_, there := next.domains[name]
		empty := true
		for a := range next.boxes {
			empty = empty && a.Domain() != name
		}
		for a := range next.aliases {
			empty = empty && a.Domain() != name
		}
		delete(next.domains, name)
		what, ok, err = "remove "+name, there && empty && !r.m.led(name), r.d.RemoveDomain(ctx, name)
	case 3, 4:
		what, ok, err = r.box(t, next)
	case 5:
		a := r.local()
		_, isBox := next.boxes[a]
		_, isAlias := next.aliases[a]
		free := !r.m.led(string(a))
		if delete(next.boxes, a); r.IntN(2) == 0 && isBox {
			what, ok, err = "remove mailbox "+string(a), free, r.d.RemoveMailbox(ctx, a)
			break
		}
		next = r.m.clone()
		delete(next.aliases, a)
		what, ok, err = "remove alias "+string(a), isAlias && free, r.d.RemoveAlias(ctx, a)
	default:
		what, ok, err = r.alias(t, next)
	}
	if ok = ok && next.valid(); ok {
		r.m = next
	}
	return what, ok, err
}

func (r *randomly) addDomain(t *testing.T, next model) (string, bool, error) {
	d := Domain{Name: r.own()}
	if r.IntN(4) == 0 {
		d.Hosts = []string{"exchange"}
	}
	_, there := next.home(d.Name)
	next.domains[d.Name] = d
	_, err := r.d.AddDomain(t.Context(), d)
	return fmt.Sprintf("add %+v", d), !there, err
}

func (r *randomly) changeDomain(t *testing.T, next model) (string, bool, error) {
	name := r.own()
	d, ok := next.domains[name]
	switch r.IntN(3) {
	case 0:
		d.Hosts = nil
		if r.IntN(2) == 0 {
			d.Hosts = []string{"exchange"}
		}
	case 1:
		d.Names = nil
		if r.IntN(2) == 0 {
			d.Names = []string{r.pick("other.example", "another.example")}
		}
	default:
		d.CatchAll = ""
		if r.IntN(2) == 0 {
			d.CatchAll = r.m.canonical(r.anywhere())
		}
	}
	for _, n := range d.Names {
		other, there := r.m.home(n)
		ok = ok && (!there || other.Name == name)
	}
	ok = ok && (d.CatchAll == "" || len(d.Hosts) == 0)
	if d.Name != "" {
		next.domains[name] = d
	}
	_, err := r.d.ChangeDomain(t.Context(), name, func(to *Domain) error {
		to.Hosts, to.Names, to.CatchAll = d.Hosts, d.Names, d.CatchAll
		return nil
	})
	return fmt.Sprintf("change %s to %+v", name, d), ok, err
}

func (r *randomly) box(t *testing.T, next model) (string, bool, error) {
	a := r.local()
	box, there := next.boxes[a]
	if !there {
		_, home := next.domains[a.Domain()]
		_, alias := next.aliases[a]
		next.boxes[a] = Mailbox{Address: a, State: Active}
		_, err := r.d.AddMailbox(t.Context(), next.boxes[a], "")
		return "add mailbox " + string(a), home && !alias, err
	}
	box.State, box.Copies = State(r.pick(string(Active), string(Suspended), string(Closed), string(Active))), nil
	if r.IntN(3) > 0 {
		box.Copies = r.some(2)
	}
	next.boxes[a] = box
	_, err := r.d.ChangeMailbox(t.Context(), a, func(m *Mailbox) error {
		m.State, m.Copies = box.State, box.Copies
		return nil
	})
	return fmt.Sprintf("change mailbox %s to %s, copied to %q", a, box.State, box.Copies), true, err
}

func (r *randomly) alias(t *testing.T, next model) (string, bool, error) {
	a := r.local()
	alias, there := next.aliases[a]
	if !there {
		alias = Alias{Address: a, Kind: AliasKind(r.pick(string(PlainAlias), string(Forward), string(Distribution)))}
	}
	alias.Targets = r.some(3)
	ok := true
	switch alias.Kind {
	case Forward:
		alias.Targets = alias.Targets[:1]
		ok = next.owner(alias.Targets[0]) == "" || next.owner(alias.Targets[0]) == a
	case Distribution:
		alias.Owner = r.m.canonical(r.anywhere())
	}
	_, home := next.domains[a.Domain()]
	_, box := next.boxes[a]
	next.aliases[a] = alias
	what := fmt.Sprintf("save %s %s to %q of %s", alias.Kind, a, alias.Targets, alias.Owner)
	if !there {
		_, err := r.d.AddAlias(t.Context(), alias)
		return what, ok && home && !box, err
	}
	_, err := r.d.ChangeAlias(t.Context(), a, func(to *Alias) error {
		to.Targets, to.Owner = alias.Targets, alias.Owner
		return nil
	})
	return what, ok, err
}

// compare resolves every address of the small world.
func (r *randomly) compare(t *testing.T, d *Directory, after string) {
	t.Helper()
	for _, domain := range []string{"one.example", "two.example", "three.example", "other.example", "another.example", "elsewhere.example"} {
		for _, local := range []string{"a", "b", "c", "d", "e", "a+x", "A+Y", "b+x"} {
			rcpt := mail.Path(local + "@" + domain)
			found, err := d.Snapshot().Resolve(rcpt)
			got := full(found)
			switch {
			case errors.Is(err, ErrNoDomain):
				got = "no domain"
			case errors.Is(err, ErrClosed):
				got = "closed"
			case errors.Is(err, ErrNoMailbox):
				got = "nobody"
			}
			if want := r.m.resolve(rcpt); got != want {
				t.Fatalf("%s, after %s: got %s, want %s", rcpt, after, got, want)
			}
		}
	}
}
