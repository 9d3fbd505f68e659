package imap

import (
	"context"
	"errors"
	"slices"

	"gatepost/mailbox"
)

// useEntry is a folder's special use among its annotations (RFC 6154 §4): by it programs such as Roundcube have another
// folder for what they send. What is noted under that name is no note: it is the use itself.
const useEntry = "/private/specialuse"

func isUse(a mailbox.Annotation) bool { return a.Entry == useEntry }

// withUse puts the use of a folder of the session's own in the place of what is noted.
func (c *conn) withUse(f mailbox.Folder, all []mailbox.Annotation) []mailbox.Annotation {
	all = slices.DeleteFunc(all, isUse)
	if _, shown := mailbox.ParseUse(string(f.Use)); shown && f.Box == c.box {
		all = append(all, mailbox.Annotation{Entry: useEntry, Value: []byte(f.Use)})
	}
	return all
}

// setUse gives a folder the use that is among the entries, and returns the others. NIL takes it away.
func (c *conn) setUse(ctx context.Context, name string, list []mailbox.Annotation) ([]mailbox.Annotation, error) {
	i := slices.IndexFunc(list, isUse)
	if i < 0 {
		return list, nil
	}
	value := string(list[i].Value)
	use, known := mailbox.ParseUse(value)
	if name == "" || value != "" && !known {
		return nil, no("USEATTR", "No folder can have that use")
	}
	p, err := c.reach(ctx, name, mailbox.MayLookUp|mailbox.MayRead)
	if err == nil && p.Box != c.box {
		err = no("USEATTR", "A use is for the owner to give")
	}
	if err == nil {
		err = c.srv.Store.SetUse(ctx, c.box, p.local, use)
	}
	switch {
	case errors.Is(err, mailbox.ErrInbox):
		return nil, no("USEATTR", "INBOX has its use")
	case err != nil:
		return nil, err
	}
	c.srv.Changes.Notify(c.box)
	return slices.DeleteFunc(list, isUse), nil
}
