package imap

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gatepost/mailbox"
)

var listCommands = []command{
	{name: "LIST", states: inside, run: (*conn).list},
	{name: "LSUB", states: inside, run: (*conn).lsub},
}

// A listing is what LIST asks for (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154).
type listing struct {
	patterns []pattern

	subscribed, recursive, special bool     // which names
	status                         []string // STATUS items to go with them
	markSubscribed                 bool
	rights                         bool // MYRIGHTS with each (RFC 8440)
}

func (c *conn) list(ctx context.Context, r *request) (reply, error) {
	l := listing{}
	r.space()
	if r.peek() == '(' {
		r.list(func() { l.selectOption(r, r.word()) })
		r.space()
	}
	reference := decodeName(r.astring(), r.utf8)
	r.space()
	empty := l.readPatterns(r, reference)
	if r.take(' ') {
		if r.word() != "RETURN" {
			r.fail("Expected RETURN")
		}
		r.space()
		r.list(func() { l.returnOption(r, r.word()) })
	}
	if l.recursive && !l.subscribed {
		r.fail("RECURSIVEMATCH needs SUBSCRIBED")
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if empty { // asks for the separator
		c.out.untagged(`LIST (\Noselect) "/" ""`)
		return reply{}, nil
	}
	return reply{}, c.showList(ctx, l)
}

// readPatterns reads one pattern or a list of them; true for the empty one.
func (l *listing) readPatterns(r *request, reference string) (empty bool) {
	one := func() {
		s := ""
		if c := r.peek(); c == '"' || c == '{' {
			s = r.string()
		} else {
			s = r.while("a pattern", isListChar)
		}
		if s = decodeName(s, r.utf8); len(reference)+len(s) > maxPattern {
			r.fail("Pattern too long")
		}
		if len(l.patterns) >= maxPatterns {
			r.fail("Too many patterns")
		}
		empty = empty || s == ""
		l.patterns = append(l.patterns, newPattern(reference+s))
	}
	if r.peek() == '(' {
		r.list(one)
		return false
	}
	one()
	return empty
}

func (l *listing) selectOption(r *request, name string) {
	switch name {
	case "SUBSCRIBED":
		l.subscribed, l.markSubscribed = true, true
	case "RECURSIVEMATCH":
		l.recursive = true
	case "SPECIAL-USE":
		l.special = true
	case "REMOTE": // there are none
	default:
		r.fail("Unknown selection option")
	}
}

func (l *listing) returnOption(r *request, name string) {
	switch name {
	case "SUBSCRIBED":
		l.markSubscribed = true
	case "STATUS":
		r.space()
		l.status = r.statusItems()
	case "MYRIGHTS":
		l.rights = true
	case "CHILDREN", "SPECIAL-USE": // always told
	default:
		r.fail("Unknown return option")
	}
}

func (l *listing) matches(name string) bool {
	return slices.ContainsFunc(l.patterns, func(p pattern) bool { return p.match(name) })
}

// A node is a name that LIST may show: a folder's, one above a folder's, or one
// that is only subscribed.
type node struct {
	folder     *mailbox.Folder // nil where there is none of that name
	subscribed bool
	children   bool // a folder is beneath it
	within     bool // a subscribed name is beneath it
	rights     mailbox.Rights
}

func (c *conn) nodes(ctx context.Context) (map[string]*node, error) {
	folders, err := c.srv.Store.Folders(ctx, c.box)
	if err != nil {
		return nil, err
	}
	names, err := c.srv.Store.Subscriptions(ctx, c.box)
	if err != nil {
		return nil, err
	}
	nodes := map[string]*node{}
	get := func(name string) *node {
		if nodes[name] == nil {
			nodes[name] = &node{}
		}
		return nodes[name]
	}
	for i, f := range folders {
		n := get(f.Name)
		n.folder, n.rights = &folders[i], mailbox.AllRights
		for _, above := range mailbox.Parents(f.Name) {
			get(above).children = true
		}
	}
	if err := c.addShared(ctx, get); err != nil {
		return nil, err
	}
	for _, name := range names {
		get(name).subscribed = true
		for _, above := range mailbox.Parents(name) {
			get(above).within = true
		}
	}
	return nodes, nil
}

func (c *conn) showList(ctx context.Context, l listing) error {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
		if !l.wants(n) || !l.matches(name) {
			continue
		}
		c.listLine("LIST", name, n.attributes(l.markSubscribed), n.within && l.recursive)
		if n.folder != nil && l.rights && c.sharing() {
			c.tellRights(name, n.rights)
		}
		if n.folder != nil && len(l.status) > 0 && n.rights.Has(mailbox.MayRead) {
			f, err := c.gather(ctx, *n.folder)
			if err != nil {
				return err
			}
			if err := c.status(ctx, f, l.status); err != nil {
				return err
			}
		}
		if err := c.out.flushIfFull(); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) wants(n *node) bool {
	switch {
	case l.special && n.use() == "":
		return false
	case l.subscribed:
		return n.subscribed || l.recursive && n.within
	}
	return n.folder != nil || n.children
}

// use is the special use that clients are told of.
func (n *node) use() mailbox.Use {
	if n.folder == nil || n.folder.Use == mailbox.Quarantine {
		return ""
	}
	return n.folder.Use
}

func (n *node) attributes(markSubscribed bool) string {
	attrs := []string{`\HasNoChildren`}
	if n.children {
		attrs[0] = `\HasChildren`
	}
	if n.folder == nil {
		attrs = append(attrs, `\NonExistent`, `\Noselect`)
	} else if use := n.use(); use != "" {
		attrs = append(attrs, string(use))
	}
	if markSubscribed && n.subscribed {
		attrs = append(attrs, `\Subscribed`)
	}
	return strings.Join(attrs, " ")
}

func (c *conn) listLine(verb, name, attributes string, within bool) {
	c.out.text("* ", verb, " (", attributes, `) "/" `)
	c.name(name)
	if within {
		c.out.text(` ("CHILDINFO" ("SUBSCRIBED"))`)
	}
	c.out.text("\r\n")
}

// lsub: RFC 3501 §6.3.9.
func (c *conn) lsub(ctx context.Context, r *request) (reply, error) {
	var l listing
	r.space()
	reference := decodeName(r.astring(), r.utf8)
	r.space()
	l.readPatterns(r, reference)
	if err := r.end(); err != nil {
		return reply{}, err
	}
	nodes, err := c.nodes(ctx)
	if err != nil {
		return reply{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		switch n := nodes[name]; {
		case !l.matches(name):
		case n.subscribed:
			c.listLine("LSUB", name, "", false)
		case n.within && strings.Contains(string(l.patterns[0]), "%"):
			c.listLine("LSUB", name, `\Noselect`, false)
		}
	}
	return reply{}, nil
}
