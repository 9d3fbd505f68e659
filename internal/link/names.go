package link

import (
	"fmt"
	"slices"
	"strings"
)

// A Name is somebody whom others pretend to be.
type Name struct {
	Text    string   // as people write it: "PayPal"
	Domains []string // registrable domains that are his; the first has his name, by which others are Near or hold it
	Also    []string // more of the same, whose labels are no names of his: shorteners ("lnkd.in"), branches ("ca-paris.fr")
	Common  bool     // the name is an everyday word ("Orange"): it proves little where it is a part of something
}

// A Likeness is why a host is taken for another's.
type Likeness struct {
	Name  string // of whom
	Like  string // his domain, or the part of it
	Kind  Resemblance
	Whole string // the host as shown
}

// A Resemblance is how a host looks like another's, from strong to weak.
type Resemblance uint8

// The resemblances.
const (
	Unlike     Resemblance = iota
	Confusable             // looks the same at a glance: "paypa1.com", "аррӏе.com"
	Within                 // begins with the other's whole domain: "paypal.com.evil.example"
	Near                   // one letter more, less, other, or two exchanged: "paypall.com"
	Part                   // holds the other's name as a word: "paypal-login.example", "paypal.evil.example"
)

var resemblances = [...]string{"unlike", "confusable", "within", "near", "part"}

// String returns the resemblance's word.
func (r Resemblance) String() string { return resemblances[r] }

// Lengths, in letters, from which on a resemblance is none by chance.
const (
	minConfusable = 5 // by digits and small letters alone; of another alphabet 3
	minForeign    = 3
	minNear       = 6
	minPart       = 5
)

// Names are protected names, ready to compare with. They do not change.
type Names struct {
	list    []named
	owners  map[string][]int // registrable domain -> indexes in list
	outline map[string]int   // skeleton of a domain's label -> index
}

// A named is a name's domain, taken apart.
type named struct {
	name   Name
	labels []string // first labels of its domains, each once
	dotted []string // its domains between dots
}

// MaxNames bounds the protected names.
const MaxNames = 1000

// NewNames makes Names of a list, or says which entry is wrong.
func NewNames(list []Name) (*Names, error) {
	if len(list) > MaxNames {
		return nil, fmt.Errorf("more than %d protected names", MaxNames)
	}
	n := &Names{owners: map[string][]int{}, outline: map[string]int{}}
	for _, name := range list {
		if strings.TrimSpace(name.Text) == "" {
			return nil, fmt.Errorf("a protected name is empty")
		}
		e := named{name: name}
		for i, d := range slices.Concat(name.Domains, name.Also) {
			u, ok := Parse("http://" + d)
			domain, is := Domain(u.Host)
			if !ok || !is || domain != u.Host {
				return nil, fmt.Errorf("protected name %q: %q is not a registrable domain", name.Text, d)
			}
			n.owners[domain] = append(n.owners[domain], len(n.list))
			if i >= len(name.Domains) {
				continue
			}
			e.dotted = append(e.dotted, "."+domain+".")
			label, _, _ := strings.Cut(domain, ".")
			if !hasPunycode(label) && !slices.Contains(e.labels, label) {
				e.labels = append(e.labels, label)
			}
		}
		for _, label := range e.labels {
			if s := Skeleton(label); len(s) >= minForeign {
				if _, known := n.outline[s]; !known {
					n.outline[s] = len(n.list)
				}
			}
		}
		n.list = append(n.list, e)
	}
	return n, nil
}

// Owner returns whose a host is, if it is one of the protected; of several the first.
func (n *Names) Owner(host string) (name string, ok bool) {
	domain, _ := Domain(host)
	owners := n.owners[domain]
	if len(owners) == 0 {
		return "", false
	}
	return n.list[owners[0]].name.Text, true
}

// Owns reports whether a host is a name's, be it another's as well.
func (n *Names) Owns(name, host string) bool {
	domain, _ := Domain(host)
	return slices.ContainsFunc(n.owners[domain], func(i int) bool { return n.list[i].name.Text == name })
}

// Like says whom a host resembles that is none of his, by the strongest resemblance. The
// same name under another suffix is no resemblance: there are too many honest ones.
func (n *Names) Like(host string) (Likeness, bool) {
	domain, _ := Domain(host)
	return n.LikeOf(host, domain)
}

// LikeOf is Like where the host's registrable domain is known; "": it has none.
func (n *Names) LikeOf(host, domain string) (Likeness, bool) {
	if domain == "" || len(n.list) == 0 {
		return Likeness{}, false
	}
	if _, own := n.owners[domain]; own {
		return Likeness{}, false
	}
	front := strings.TrimSuffix(host, domain)
	if front == "www." {
		front = ""
	}
	if front != "" {
		front = "." + front
	}
	label, _, _ := strings.Cut(domain, ".")
	seamed := front != "" || strings.ContainsAny(label, seams)
	best := Likeness{Whole: Readable(host)}
	if l, ok := n.confusable(label); ok {
		l.Whole = best.Whole
		return l, true
	}
	for i := range n.list {
		e := &n.list[i]
		if !seamed && !e.mayBeNear(label) {
			continue
		}
		if kind, like := e.like(front, label); kind != Unlike && (best.Kind == Unlike || kind < best.Kind) {
			best.Kind, best.Name, best.Like = kind, e.name.Text, like
		}
	}
	return best, best.Kind != Unlike
}

// confusable looks a label's skeleton up.
func (n *Names) confusable(label string) (Likeness, bool) {
	i, ok := n.outline[Skeleton(label)]
	if !ok {
		return Likeness{}, false
	}
	for _, own := range n.list[i].labels {
		if own == label {
			return Likeness{}, false // the same under another suffix
		}
	}
	if len(label) < minConfusable && !hasPunycode(label) {
		return Likeness{}, false
	}
	e := n.list[i].name
	return Likeness{Name: e.Text, Like: e.Domains[0], Kind: Confusable}, true
}

// like compares a host, parted into what stands before the registrable domain, between dots
// ("" where that is nothing), and that domain's label, with one protected name.
func (e *named) like(front, label string) (Resemblance, string) {
	for i, d := range e.dotted {
		if strings.Contains(front, d) {
			return Within, e.name.Domains[i]
		}
	}
	if len(e.labels) == 0 || e.name.Common || slices.Contains(e.labels, label) {
		return Unlike, ""
	}
	switch own := e.labels[0]; { // the others are everyday words, too: "live", "office"
	case len(own) >= minNear && near(own, label):
		return Near, own
	case len(own) >= minPart && (isPart(label, own) || isPart(front, own)):
		return Part, own
	}
	return Unlike, ""
}

// mayBeNear reports whether a label's length and first letter leave room for Near. Of one that
// has no seams, and stands alone, nothing else can be like a name.
func (e *named) mayBeNear(label string) bool {
	if len(e.labels) == 0 || label == "" {
		return false
	}
	own := e.labels[0]
	d := len(own) - len(label)
	return own[0] == label[0] && -1 <= d && d <= 1
}

// isPart reports whether a word stands in a host's labels between hyphens, dots and ends.
func isPart(s, word string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || isSeam(s[start-1])) && (end == len(s) || isSeam(s[end])) {
			return true
		}
		from = start + 1
	}
}

// seams are what joins words in a host.
const seams = "-._"

func isSeam(c byte) bool { return c == '-' || c == '.' || c == '_' }

// near reports whether two different words are one edit apart: a letter more, less or
// other, or two neighbours exchanged (Damerau). The first letter is the same, as in what is
// misread.
func near(a, b string) bool {
	if d := len(a) - len(b); d > 1 || d < -1 || a == b || a == "" || b == "" || a[0] != b[0] {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	switch {
	case len(x) <= 1 && len(y) <= 1:
		return true
	case len(x) == 2 && len(y) == 2:
		return x[0] == y[1] && x[1] == y[0]
	}
	return false
}

// HasLabel reports whether a registrable domain is one of a name's but for its suffix:
// "amazon.pl", where amazon.com is Amazon's.
func (n *Names) HasLabel(name, domain string) bool {
	label, _, _ := strings.Cut(domain, ".")
	for _, e := range n.list {
		if e.name.Text == name && slices.Contains(e.labels, label) {
			return true
		}
	}
	return false
}
