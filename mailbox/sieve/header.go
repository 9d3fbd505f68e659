package sieve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// Tests of the header and of the envelope (RFC 5228 §5.1, §5.4, §5.5, §5.7; RFC 5233; RFC 5260).

func headerTests() map[string]testSpec {
	index := []tagSpec{{name: ":index", takes: 'n', needs: "index"}, {name: ":last", needs: "index"}}
	parts := []tagSpec{{name: ":localpart", group: "part"}, {name: ":domain", group: "part"}, {name: ":all", group: "part"},
		{name: ":user", needs: "subaddress", group: "part"}, {name: ":detail", needs: "subaddress", group: "part"}}
	zones := append([]tagSpec{{name: ":zone", takes: 's', group: "zone"}, {name: ":originalzone", group: "zone"}}, index...)
	return map[string]testSpec{
		"header":      {signature{args: "SS", tags: matchTags(index...)}, makeHeader},
		"address":     {signature{args: "SS", tags: matchTags(append(parts, index...)...)}, makeAddress},
		"envelope":    {signature{needs: []string{"envelope"}, args: "SS", tags: matchTags(parts...)}, makeEnvelope},
		"exists":      {signature{args: "S"}, makeExists},
		"date":        {signature{needs: []string{"date"}, args: "ssS", tags: matchTags(zones...)}, makeDate},
		"currentdate": {signature{needs: []string{"date"}, args: "sS", tags: matchTags(zones[:1]...)}, makeCurrentDate},
	}
}

// names expands the names of header fields; what is none names nothing.
func names(r *run, v value) ([]string, error) {
	list, err := expandAll(r, v.strings)
	if err == nil { // each is looked for among all fields
		err = r.spend(4 * len(list) * len(r.header.Fields))
	}
	return slices.DeleteFunc(list, func(s string) bool { return fieldName(s) != nil }), err
}

func (c *compiler) needIndex(a *call) {
	if a.has(":last") && !a.has(":index") {
		c.fail(a.at, ":last works only beside :index")
	}
	if v, ok := a.tags[":index"]; ok && v.number == 0 {
		c.fail(v.at, ":index counts from 1")
	}
}

func makeHeader(c *compiler, a *call) test {
	c.checkNames(a.args[0])
	c.needIndex(a)
	m := c.matcher(a, a.args[1])
	return func(r *run) (bool, error) {
		list, err := names(r, a.args[0])
		if err != nil {
			return false, err
		}
		var values []string
		for _, name := range list {
			texts := r.header.texts(name)
			for i, v := range texts {
				if a.indexFits(i+1, len(texts)) {
					values = append(values, strings.Trim(v, " \t"))
				}
			}
		}
		return m.any(r, values)
	}
}

func makeExists(c *compiler, a *call) test {
	c.checkNames(a.args[0])
	return func(r *run) (bool, error) {
		list, err := expandAll(r, a.args[0].strings)
		if err == nil {
			err = r.spend(4 * len(list) * len(r.header.Fields))
		}
		if err != nil {
			return false, err
		}
		for _, name := range list {
			if len(r.header.named(name)) == 0 {
				return false, nil
			}
		}
		return true, nil
	}
}

// addressed are the fields that hold addresses (RFC 5228 §5.1: no other may be asked for).
func addressed(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "x-") || slices.Contains([]string{"from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc", "resent-bcc",
		"resent-sender", "resent-reply-to", "return-path", "delivered-to", "envelope-to", "errors-to", "mail-followup-to", "mail-reply-to", "return-receipt-to",
		"disposition-notification-to", "apparently-to", "abuse-reports-to", "followup-to", "list-post", "original-recipient"}, name)
}

func makeAddress(c *compiler, a *call) test {
	for _, t := range a.args[0].strings {
		if s, ok := t.literal(); ok && !addressed(s) {
			c.fail(a.args[0].at, "the field %s holds no addresses", quote(s))
		}
	}
	c.needIndex(a)
	m, part := c.matcher(a, a.args[1]), a.one(":localpart", ":domain", ":all", ":user", ":detail")
	return func(r *run) (bool, error) {
		list, err := names(r, a.args[0])
		if err != nil {
			return false, err
		}
		var values []string
		for _, name := range list {
			fields := r.header.values(name)
			for i, v := range fields {
				if !a.indexFits(i+1, len(fields)) {
					continue
				}
				for _, one := range mail.ParseAddressList(v) {
					if s, ok := partOf(one, part); ok {
						values = append(values, s)
					}
				}
			}
		}
		return m.any(r, values)
	}
}

// partOf returns a part of an address; not ok where there is none (§2.7.4).
func partOf(a mail.Address, part string) (string, bool) {
	if a.Mark != mail.Mailbox {
		return "", false
	}
	switch part {
	case ":localpart":
		return a.Local, true
	case ":domain":
		return a.Domain, a.Domain != ""
	case ":user":
		user, _, _ := strings.Cut(a.Local, "+")
		return user, true
	case ":detail":
		_, detail, ok := strings.Cut(a.Local, "+")
		return detail, ok
	}
	if a.Domain == "" {
		return a.Local, true
	}
	return a.Local + "@" + a.Domain, true
}

func makeEnvelope(c *compiler, a *call) test {
	for _, t := range a.args[0].strings {
		if s, ok := t.literal(); ok && !slices.Contains([]string{"from", "to", "auth"}, strings.ToLower(s)) {
			c.fail(a.args[0].at, "the envelope has no part %s: from, to, auth", quote(s))
		}
	}
	m, part := c.matcher(a, a.args[1]), a.one(":localpart", ":domain", ":all", ":user", ":detail")
	return func(r *run) (bool, error) {
		list, err := expandAll(r, a.args[0].strings)
		if err != nil {
			return false, err
		}
		var values []string
		for _, name := range list {
			p, ok := r.envelope(strings.ToLower(name))
			if !ok {
				continue
			}
			if p.IsNull() { // the null reverse-path is empty, whatever is asked of it (§5.4)
				values = append(values, "")
				continue
			}
			if s, ok := partOf(mail.Address{Local: local(p), Domain: p.Domain()}, part); ok {
				values = append(values, s)
			}
		}
		return m.any(r, values)
	}
}

func (r *run) envelope(part string) (mail.Path, bool) {
	switch part {
	case "from":
		return r.env.From, true
	case "to":
		return r.env.To, true
	case "auth":
		return r.env.Auth, !r.env.Auth.IsNull()
	}
	return "", false
}

// local is a path's local part without the quotes that SMTP wants.
func local(p mail.Path) string {
	if list := mail.ParseAddressList(string(p)); len(list) == 1 {
		return list[0].Local
	}
	return p.Local()
}

// dateParts are those of RFC 5260 §4.2.
func dateParts() map[string]func(t time.Time) string {
	format := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(layout) }
	}
	return map[string]func(time.Time) string{
		"year": format("2006"), "month": format("01"), "day": format("02"), "date": format("2006-01-02"),
		"julian": func(t time.Time) string { // the modified Julian day
			days := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
			return fmt.Sprint(days + 40587)
		},
		"hour": format("15"), "minute": format("04"), "second": format("05"), "time": format("15:04:05"),
		"iso8601": format("2006-01-02T15:04:05-07:00"), "std11": format("Mon, 02 Jan 2006 15:04:05 -0700"), "zone": format("-0700"),
		"weekday": func(t time.Time) string { return fmt.Sprint(int(t.Weekday())) },
	}
}

// datePart reads the argument that names a part of a date.
func (c *compiler) datePart(v value) {
	if s, ok := v.strings[0].literal(); ok && dateParts()[strings.ToLower(s)] == nil {
		c.fail(v.at, "a date has no part %s", quote(s))
	}
}

// zone returns the zone that a call asks for, as "+0100"; nil for the one it comes with.
func (c *compiler) zone(a *call) func(r *run) (*time.Location, error) {
	v, ok := a.tags[":zone"]
	if !ok {
		return func(r *run) (*time.Location, error) {
			if a.has(":originalzone") {
				return nil, nil
			}
			return r.env.Now.Location(), nil
		}
	}
	if s, ok := v.strings[0].literal(); ok {
		if _, err := zoneOf(s); err != nil {
			c.fail(v.at, "%v", err)
		}
	}
	return func(r *run) (*time.Location, error) {
		s, err := v.strings[0].expand(r)
		if err != nil {
			return nil, err
		}
		return zoneOf(s)
	}
}

func zoneOf(s string) (*time.Location, error) {
	t, err := time.Parse("-0700", s)
	if err != nil || len(s) != 5 {
		return nil, fmt.Errorf("%s is no zone; one is like +0100", quote(s))
	}
	_, offset := t.Zone()
	return time.FixedZone(s, offset), nil
}

func (r *run) datePart(t time.Time, zone *time.Location, v value) (string, error) {
	name, err := v.strings[0].expand(r)
	if err != nil {
		return "", err
	}
	part := dateParts()[strings.ToLower(name)]
	if part == nil {
		return "", fmt.Errorf("a date has no part %s", quote(name))
	}
	if zone != nil {
		t = t.In(zone)
	}
	return part(t), nil
}

func makeCurrentDate(c *compiler, a *call) test {
	c.datePart(a.args[0])
	m, zone := c.matcher(a, a.args[1]), c.zone(a)
	return func(r *run) (bool, error) {
		in, err := zone(r)
		if err != nil {
			return false, err
		}
		s, err := r.datePart(r.env.Now, in, a.args[0])
		if err != nil {
			return false, err
		}
		return m.any(r, []string{s})
	}
}

func makeDate(c *compiler, a *call) test {
	c.checkNames(a.args[0])
	c.needIndex(a)
	c.datePart(a.args[1])
	m, zone := c.matcher(a, a.args[2]), c.zone(a)
	return func(r *run) (bool, error) {
		list, err := names(r, a.args[0])
		if err != nil {
			return false, err
		}
		in, err := zone(r)
		if err != nil {
			return false, err
		}
		var values []string
		for _, name := range list {
			fields := r.header.values(name)
			for i, v := range fields {
				if len(values) > 0 && !a.has(":index") {
					break // the first that holds a date counts (RFC 5260 §4)
				}
				if !a.indexFits(i+1, len(fields)) {
					continue
				}
				if at := strings.LastIndexByte(v, ';'); at >= 0 { // of Received
					v = v[at+1:]
				}
				if t, ok := mail.ParseDate(strings.TrimSpace(v)); ok {
					s, err := r.datePart(t, in, a.args[1])
					if err != nil {
						return false, err
					}
					values = append(values, s)
				}
			}
		}
		return m.any(r, values)
	}
}

// special returns a folder of a special use.
func (r *run) special(use string) (string, error) {
	if r.env.Boxes == nil {
		return "", nil
	}
	return r.env.Boxes.Special(r.ctx, use)
}

// exists reports whether a folder may be filed into.
func (r *run) exists(ctx context.Context, name string) (bool, error) {
	switch {
	case strings.EqualFold(name, "INBOX"):
		return true, nil
	case r.env.Boxes == nil:
		return false, nil
	}
	return r.env.Boxes.Exists(ctx, name)
}
