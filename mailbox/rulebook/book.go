package rulebook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/mailbox/sieve"
)

var (
	// ErrGone: there is no such item, or it has changed.
	ErrGone = errors.New("no such rule")
	// ErrFull: there are MaxItems, or the script would be larger than sieve.MaxScript.
	ErrFull = errors.New("too many rules")
	// ErrUnwritable: a rule can't be written into this script so that it is read as the same again. It has "${" in it, in a
	// script that uses variables.
	ErrUnwritable = errors.New("this script can't hold the rule")
	// ErrLarge: the script has more commands than MaxItems.
	ErrLarge = errors.New("too many commands to show")
)

// MaxItems bounds the rules of a script, with what else stands at its top.
const MaxItems = 500

// A Book is a script as rules.
type Book struct {
	Items []Item
	Acts  Acts // what its rules may do

	head  head
	tail  string // behind the last item
	fresh bool   // nothing was there
	spam  bool   // some command asked for the spam score
	eol   string // ends the lines that are written
}

// An Item is a command at the top of a script, with its elsifs and its else.
type Item struct {
	Key  string // by which it is found as long as nobody changes it
	Rule *Rule  // nil: it is more than a rule can say
	Text string // as it stands in the script, with the comments around it

	lead  string // what stands before it: space, comments
	own   string // the command, with its name; "": the rule is to be written
	after string // a comment behind it on its line
	spam  bool   // it asks for the spam score
}

// Read returns a script as rules that may do all that a rule can. Its errors are a *sieve.Error, and ErrLarge.
func Read(script string) (*Book, error) { return ReadFor(script, AllActs()) }

// ReadFor is Read, for rules that may do less.
func ReadFor(script string, may Acts) (*Book, error) {
	tree, err := sieve.Read(script)
	if err != nil {
		return nil, fmt.Errorf("rulebook: %w", err)
	}
	b := &Book{Acts: may, fresh: strings.TrimSpace(script) == "", eol: "\n"}
	if strings.Contains(script, "\r\n") {
		b.eol = "\r\n"
	}
	c := cutter{script: script, comments: tree.Comments}
	commands := tree.Commands
	for len(commands) > 0 && commands[0].Name == "require" {
		b.head.add(&c, commands[0])
		commands = commands[1:]
	}
	d := reader{expands: b.head.has("variables") || b.head.has("encoded-character") || anyIn(commands, "ihave")}
	b.spam = anyIn(commands, "spamtest")
	for len(commands) > 0 {
		n := 1
		for commands[0].Name == "if" && n < len(commands) && (commands[n].Name == "elsif" || commands[n].Name == "else") {
			n++
		}
		if len(b.Items) == MaxItems {
			return nil, ErrLarge
		}
		b.Items = append(b.Items, c.item(d, commands[:n]))
		commands = commands[n:]
	}
	b.tail = script[c.at:]
	b.name()
	return b, nil
}

// name gives items their keys: by what they are, and which of those that are the same.
func (b *Book) name() {
	seen := map[string]int{}
	for i := range b.Items {
		sum := sha256.Sum256([]byte(b.Items[i].own))
		key := hex.EncodeToString(sum[:10])
		seen[key]++
		b.Items[i].Key = fmt.Sprintf("%s-%d", key, seen[key])
	}
}

func (b *Book) find(key string) (int, error) {
	at := slices.IndexFunc(b.Items, func(i Item) bool { return i.Key == key && key != "" })
	if at < 0 {
		return 0, ErrGone
	}
	return at, nil
}

// Rule returns the rule of an item: ErrGone.
func (b *Book) Rule(key string) (Rule, error) {
	at, err := b.find(key)
	if err != nil || b.Items[at].Rule == nil {
		return Rule{}, ErrGone
	}
	return *b.Items[at].Rule, nil
}

// Put puts a rule in the place of another, or of key "" behind all. It fails with a Fault, ErrGone and ErrFull.
func (b *Book) Put(key string, r Rule) error {
	clean, err := r.Clean()
	if err == nil {
		err = b.Acts.check(clean)
	}
	if err != nil {
		return err
	}
	if key != "" {
		if _, err := b.Rule(key); err != nil {
			return err
		}
		at, _ := b.find(key)
		b.Items[at].Rule, b.Items[at].own = &clean, ""
		return nil
	}
	if len(b.Items) >= MaxItems {
		return ErrFull
	}
	lead := strings.TrimRight(b.tail, " \t\r\n")
	if !b.fresh || len(b.Items) > 0 {
		lead += "\n\n"
	}
	b.Items, b.tail = append(b.Items, Item{Rule: &clean, lead: lead}), "\n"
	return nil
}

// Move has a rule change places with the item before it, or after it. At an end nothing happens. What is no rule does not move.
func (b *Book) Move(key string, up bool) error {
	if _, err := b.Rule(key); err != nil {
		return err
	}
	at, _ := b.find(key)
	to := at + 1
	if up {
		to = at - 1
	}
	if to >= 0 && to < len(b.Items) {
		b.Items[at], b.Items[to] = b.Items[to], b.Items[at]
	}
	return nil
}

// Remove takes a rule away. Comments before it stay.
func (b *Book) Remove(key string) error {
	if _, err := b.Rule(key); err != nil {
		return err
	}
	at, _ := b.find(key)
	left := b.Items[at].lead + b.Items[at].after
	if strings.TrimSpace(left) == "" {
		left = ""
	}
	b.Items = slices.Delete(b.Items, at, at+1)
	if at < len(b.Items) {
		b.Items[at].lead = joined(left, b.Items[at].lead)
	} else {
		b.tail = joined(left, b.tail)
	}
	return nil
}

// joined writes one text behind another; a comment in the first ends with its line.
func joined(first, second string) string {
	if strings.Contains(first, "#") && !strings.HasSuffix(first, "\n") && !strings.HasPrefix(second, "\n") && !strings.HasPrefix(second, "\r\n") {
		first += "\n"
	}
	return first + second
}

// Script writes the book. What nobody changed is as it was. It fails with ErrFull and ErrUnwritable, and where
// sieve.Compile does.
func (b *Book) Script() (string, error) {
	text := b.written()
	if len(text) > sieve.MaxScript {
		return "", ErrFull
	}
	if _, err := sieve.Compile(text); err != nil {
		return "", fmt.Errorf("rulebook: %w", err)
	}
	again, err := Read(text)
	if err != nil {
		return "", err
	}
	same := func(x, y Item) bool {
		if x.Rule == nil || y.Rule == nil {
			return x.Rule == y.Rule && x.own == y.own
		}
		return x.Rule.write() == y.Rule.write()
	}
	if !slices.EqualFunc(b.Items, again.Items, same) {
		return "", ErrUnwritable
	}
	return text, nil
}

func (b *Book) written() string {
	var needs []string
	spam := false
	for _, i := range b.Items {
		if i.Rule != nil {
			needs = append(needs, i.Rule.needs()...)
			i.spam = i.Rule.asksSpam()
		}
		spam = spam || i.spam
	}
	text, after := b.head.written(needs, b.spam && !spam, b.eol)
	for n, i := range b.Items {
		if n == 0 && b.fresh && text != "" {
			text += b.eol
		}
		text += joined(after, i.lead)
		if after = i.after; i.own != "" {
			text += i.own
		} else {
			text += strings.ReplaceAll(i.Rule.write(), "\n", b.eol)
		}
	}
	if b.tail == "" {
		return text + after
	}
	return text + joined(after, b.tail)
}
