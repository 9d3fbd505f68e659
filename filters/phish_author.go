package filters

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"gatepost/internal/link"
	"gatepost/rules"
)

// A brand is a protected name as it stands in display names.
type brand struct {
	name   string
	common bool
}

// brandsOf indexes names by what is left of them in a display name.
func brandsOf(list []protectedName) map[string]brand {
	m := map[string]brand{}
	for _, p := range list {
		rest, _ := bareName(p.Name)
		if _, known := m[rest]; rest != "" && !known {
			m[rest] = brand{p.Name, p.Common}
		}
	}
	return m
}

// bareName brings a display name to the letters that name somebody: folded, without white
// space, and without what services put beside their name ("PayPal Support Team"). other:
// there was such a word.
func bareName(s string) (rest string, other bool) {
	var b strings.Builder
	for w := range strings.FieldsFuncSeq(rules.Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		w = link.Skeleton(w)
		if slices.Contains(serviceWords, w) {
			other = true
			continue
		}
		b.WriteString(w)
	}
	return b.String(), other
}

// serviceWords are what stands beside a name in display names, as skeletons.
var serviceWords = skeletons("service services servizio support team equipe security securite secure sicherheit customer customers care help helpdesk desk " +
	"account accounts compte konto kundenservice kundendienst billing facturation facture invoice alert alerts alerte notification notifications " +
	"notice info information infos no reply noreply donotreply mail email inc llc ltd gmbh sa sas ag corp corporation com fr de net www online the client clients " +
	"clientele assistance votre your my mon du le la les of und and et center centre update updates verification admin administration administrator official " +
	"officiel express parcel package delivery livraison colis france suisse schweiz deutschland uk usa europe international group groupe message messages " +
	"member members membership id identity payment payments paiement order orders commande subscription abonnement dept department fraud protection")

func skeletons(words string) (list []string) {
	for w := range strings.FieldsSeq(words) {
		list = append(list, link.Skeleton(w))
	}
	return list
}

// authors looks for a protected name as the display name of somebody else.
func (c *phishing) authors(ctx context.Context) error {
	for _, a := range c.query.Tx.Message.From() {
		path, ok := a.Path()
		rest, other := bareName(a.Name)
		b, is := c.brands[rest]
		if !ok || !is || b.common && !other || c.writesAs(path.Domain(), b.name) {
			continue
		}
		p, err := c.sender(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.domains, func(d string) bool { return c.writesAs(d, b.name) }) {
			continue
		}
		c.add(brandAuthor, "the author calls himself %q, but %s is not %s's", a.Name, path.Domain(), b.name)
	}
	return nil
}

// writesAs reports whether a domain is one that a brand writes from: of its list, or its name
// under another suffix.
func (c *phishing) writesAs(domain, name string) bool {
	if isShared(domain) {
		return false
	}
	if _, ok := c.names.Owner(domain); ok {
		return c.names.Owns(name, domain)
	}
	registrable, ok := link.Domain(domain)
	if !ok {
		return false
	}
	return c.names.HasLabel(name, registrable)
}
