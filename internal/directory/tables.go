package directory

import (
	"encoding/binary"
	"fmt"

	"github.com/hashicorp/go-memdb"

	"gatepost/internal/mail"
)

// Tables and indexes of the go-memdb.
const (
	domains = "domain"
	copiers = "copier"
	aliases = "alias"
	hosts   = "host"
	admins  = "admin"

	byName   = "id" // go-memdb's name for the primary index
	byNumber = "number"
	byDomain = "domain" // what is in a domain; admins, by each of theirs
	byTarget = "target" // what leads to an address, by domain and address
	byAny    = "any"    // a domain, by each of its names
	byHost   = "host"   // domains, by each mail host that they use
)

// A copier is a mailbox whose mail goes to others, too: one of the few (see boxes for all).
type copier struct {
	address mail.Path
	copies  []mail.Path
}

// A key makes the index key of a row. Queries pass keys that are made the same
// way, so a row and a question can't disagree about the spelling.
type key[T any] func(*T) string

// FromObject implements memdb.SingleIndexer.
func (k key[T]) FromObject(row any) (bool, []byte, error) { return true, []byte(k(row.(*T))), nil }

// FromArgs implements memdb.Indexer.
func (k key[T]) FromArgs(args ...any) ([]byte, error) { return keyArg(args) }

// PrefixFromArgs implements memdb.PrefixIndexer.
func (k key[T]) PrefixFromArgs(args ...any) ([]byte, error) { return keyArg(args) }

// keys is as key for rows that stand under several keys.
type keys[T any] func(*T) [][]byte

// FromObject implements memdb.MultiIndexer.
func (k keys[T]) FromObject(row any) (bool, [][]byte, error) {
	all := k(row.(*T))
	return len(all) > 0, all, nil
}

// FromArgs implements memdb.Indexer.
func (k keys[T]) FromArgs(args ...any) ([]byte, error) { return keyArg(args) }

// PrefixFromArgs implements memdb.PrefixIndexer.
func (k keys[T]) PrefixFromArgs(args ...any) ([]byte, error) { return keyArg(args) }

func keyArg(args []any) ([]byte, error) {
	if len(args) == 1 {
		if s, ok := args[0].(string); ok {
			return []byte(s), nil
		}
	}
	return nil, fmt.Errorf("directory: index asked with %v", args)
}

// number is an ID as a key that sorts as the numbers do.
func number(id int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(id)))
}

// within is the prefix under which a domain's rows stand.
func within(domain string) string { return named(domain) }

// named is a name or address as a key. It ends so that no other begins with it:
// go-memdb answers some questions by prefix.
func named[S ~string](s S) string { return string(s) + "\x00" }

func newTables() (*memdb.MemDB, error) {
	unique := func(name string, i memdb.Indexer) *memdb.IndexSchema {
		return &memdb.IndexSchema{Name: name, Unique: true, Indexer: i}
	}
	target := func(i memdb.Indexer) *memdb.IndexSchema {
		return &memdb.IndexSchema{Name: byTarget, AllowMissing: true, Indexer: i}
	}
	table := func(name string, indexes ...*memdb.IndexSchema) *memdb.TableSchema {
		t := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{}}
		for _, i := range indexes {
			t.Indexes[i.Name] = i
		}
		return t
	}
	return memdb.NewMemDB(&memdb.DBSchema{Tables: map[string]*memdb.TableSchema{
		domains: table(domains,
			unique(byName, key[Domain](func(d *Domain) string { return named(d.Name) })),
			unique(byNumber, key[Domain](func(d *Domain) string { return number(d.ID) })),
			&memdb.IndexSchema{Name: byAny, Indexer: keys[Domain](domainNames)},
			&memdb.IndexSchema{Name: byHost, AllowMissing: true, Indexer: keys[Domain](domainHosts)},
			target(keys[Domain](func(d *Domain) [][]byte { return targetKeys(d.CatchAll) }))),
		hosts: table(hosts, unique(byName, key[Host](func(h *Host) string { return named(h.Name) }))),
		admins: table(admins,
			unique(byName, key[Admin](func(a *Admin) string { return named(a.Name) })),
			unique(byNumber, key[Admin](func(a *Admin) string { return number(a.ID) })),
			&memdb.IndexSchema{Name: byDomain, AllowMissing: true, Indexer: keys[Admin](adminDomains)}),
		copiers: table(copiers,
			unique(byName, key[copier](func(c *copier) string { return named(c.address) })),
			target(keys[copier](func(c *copier) [][]byte { return targetKeys(c.copies...) }))),
		aliases: table(aliases,
			unique(byName, key[Alias](func(a *Alias) string { return named(a.Address) })),
			unique(byDomain, key[Alias](func(a *Alias) string { return within(a.Address.Domain()) + named(a.Address) })),
			target(keys[Alias](func(a *Alias) [][]byte { return targetKeys(a.leads()...) }))),
	}})
}

func domainNames(d *Domain) [][]byte {
	all := [][]byte{[]byte(named(d.Name))}
	for _, n := range d.Names {
		all = append(all, []byte(named(n)))
	}
	return all
}

func adminDomains(a *Admin) [][]byte {
	var all [][]byte
	for _, d := range a.Domains {
		all = append(all, []byte(named(d)))
	}
	return all
}

func domainHosts(d *Domain) [][]byte {
	var all [][]byte
	for _, h := range d.Hosts {
		all = append(all, []byte(named(h)))
	}
	if d.Smarthost != "" {
		all = append(all, []byte(named(d.Smarthost)))
	}
	return all
}

// targetKeys lists targets under their own addresses and those without the
// sub-address, either of which may be what they lead to.
func targetKeys(targets ...mail.Path) [][]byte {
	var all [][]byte
	for _, t := range targets {
		if t.IsNull() {
			continue
		}
		for _, form := range forms(t.Fold()) {
			all = append(all, []byte(targetKey(form)))
		}
	}
	return all
}

// targetKey stands under the address's domain.
func targetKey(a mail.Path) string { return within(a.Domain()) + named(a) }
