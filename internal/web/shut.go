package web

import (
	"cmp"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// A Shut is the error of what is shut to the owner of a mailbox. It is answered with 403, and with who has shut it.
type Shut struct{ By directory.ShutBy }

// Error says it to the log.
func (e Shut) Error() string { return "shut to the owner, by the " + string(e.By) }

// key is that of the text that tells it; ".title" behind it is that of its heading.
func (e Shut) key() string { return "shut." + strings.Fields(string(e.By))[0] }

// pageOf is the page that an action of owners is of, wherever they do it: "" where only a route knows.
func pageOf(a access.Action) directory.Page {
	switch a {
	case access.EntryView, access.EntryChange:
		return directory.PageAntiSpam
	}
	return ""
}

// shuts is the page that shuts a route to owners; "": none does.
func (r route) shuts() directory.Page { return cmp.Or(r.page, pageOf(r.action)) }

// judgeOwner makes the question of whether a page is shut to who visits: to owners alone, since who looks after them has no mailbox. It
// is asked for each route, action and way in the menu; what is but a part of a page asks open.
func (s *Server) judgeOwner(v *visit) func(directory.Page) directory.ShutBy {
	return func(page directory.Page) directory.ShutBy {
		if v.Person.Support && page == directory.PageForwards {
			return shutSupport
		}
		if page == "" || s.Shut == nil {
			return ""
		}
		return s.Shut(v.Person.Box, page)
	}
}

// shutSupport is by what rules that forward are shut to who has support access: they would open the mailbox for longer than it lasts.
// Such a rule he may switch off and remove.
const shutSupport directory.ShutBy = "support access"

// open fails with a Shut where a page is shut to who visits.
func (v *visit) open(page directory.Page) error {
	if by := v.shut(page); by != "" {
		return Shut{by}
	}
	return nil
}

// mayAny reports whether there may be an object to which who visits may do something.
func (v *visit) mayAny(a access.Action) bool {
	return access.MayAny(v.Person, a) && v.open(pageOf(a)) == nil
}

// Shut tells a template by whom a page is shut: the key of a text; "": it is open.
func (v view) Shut(page string) string {
	if by := v.shut(directory.Page(page)); by != "" {
		return Shut{by}.key()
	}
	return ""
}
