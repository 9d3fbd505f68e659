package web

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// A search is what somebody looks for among held messages, as the form has it.
type search struct {
	Text, Sender, Recipient, Subject, Filter, Reason, Client, State, From, To, Domain string
	FromTime, ToTime                                                                  string // of the day: "09:00"

	Asked bool
	Wrong map[string]string // by field: why it can't be looked for
	after string
	trail []string // the pages before, the newest first
}

// Bounds of a search.
const (
	maxField = 320 // octets
	maxTrail = 40  // pages that "previous" leads back through
	heldPage = 50  // rows of a page
)

// readSearch takes the form's fields; what is too long is cut.
func readSearch(form url.Values) search {
	field := func(name string) string {
		value := strings.TrimSpace(form.Get(name))
		if len(value) > maxField {
			value = strings.ToValidUTF8(value[:maxField], "")
		}
		return value
	}
	f := search{
		Text: field("text"), Sender: field("sender"), Recipient: field("recipient"), Subject: field("subject"), Filter: field("filter"),
		Reason: field("reason"), Client: field("client"), State: field("state"), From: field("from"), To: field("to"), Domain: field("domain"),
		FromTime: field("from_time"), ToTime: field("to_time"),
		Asked: form.Get("asked") != "", Wrong: map[string]string{}, after: field("after"),
	}
	for _, c := range strings.Split(form.Get("trail"), "~") {
		if len(f.trail) < maxTrail && (c == "0" || isCursor(c)) {
			f.trail = append(f.trail, c)
		}
	}
	return f
}

func isCursor(text string) bool {
	_, ok := readCursor(text)
	return ok
}

// states are those that can be looked for; "any" is all.
func states() []string {
	return []string{
		string(quarantine.StateHeld), string(quarantine.StateReleased), string(quarantine.StateDeleted),
		string(quarantine.StateExpired), string(quarantine.StateRejected), "any",
	}
}

// query returns what is asked of the quarantine. A field that can't be read is noted in
// Wrong, with the key of why, and nothing is found.
func (f *search) query(zone *time.Location, now time.Time) quarantine.Query {
	q := quarantine.Query{Text: f.Text, Subject: f.Subject, Filter: f.Filter, Reason: f.Reason, Domain: f.Domain, Asked: f.Asked, Limit: heldPage}
	if f.State == "" {
		f.State = string(quarantine.StateHeld)
	}
	if q.State = quarantine.State(f.State); f.State == "any" {
		q.State = ""
	} else if !slices.Contains(states(), f.State) {
		f.Wrong["state"] = "held.wrong.state"
	}
	q.Sender, q.Recipient = f.address("sender", f.Sender), f.address("recipient", f.Recipient)
	if f.Domain != "" {
		name, err := mail.ParseDomain(f.Domain)
		if q.Domain = name; err != nil {
			f.Wrong["domain"] = "held.wrong.domain"
		}
	}
	if f.Client != "" {
		addr, err := netip.ParseAddr(f.Client)
		if q.Client = mail.Unmap(addr); err != nil {
			f.Wrong["client"] = "held.wrong.client"
		}
	}
	q.Since, _ = f.moment("from", f.From, f.FromTime, now.In(zone))
	_, q.Until = f.moment("to", f.To, f.ToTime, now.In(zone))
	if c, ok := readCursor(f.after); ok {
		q.After = c
	}
	return q
}

func (f *search) address(name, text string) mail.Path {
	if text == "" {
		return ""
	}
	p, err := mail.ParsePath(text)
	if err != nil {
		f.Wrong[name] = "held.wrong.address"
	}
	return p
}

// moment reads a day of the reader's, a minute of it, or a minute of this day, and
// returns when it begins and ends; zero where neither is given.
func (f *search) moment(name, day, clock string, now time.Time) (begin, end time.Time) {
	if day == "" && clock == "" {
		return time.Time{}, time.Time{}
	}
	if day == "" {
		day = now.Format(time.DateOnly)
	}
	form, text := time.DateOnly, day
	if clock != "" {
		form, text = time.DateOnly+" 15:04", day+" "+clock
	}
	begin, err := time.ParseInLocation(form, text, now.Location())
	switch {
	case err != nil || begin.Year() < 1970 || begin.Year() > 9000:
		f.Wrong[name] = "held.wrong.day"
		return time.Time{}, time.Time{}
	case clock == "":
		return begin, begin.AddDate(0, 0, 1)
	}
	return begin, begin.Add(time.Minute)
}

// values are the fields that are set, for an address or for hidden fields.
func (f search) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"text": f.Text, "sender": f.Sender, "recipient": f.Recipient, "subject": f.Subject, "filter": f.Filter, "reason": f.Reason,
		"client": f.Client, "from": f.From, "to": f.To, "from_time": f.FromTime, "to_time": f.ToTime, "domain": f.Domain,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.State != "" && f.State != string(quarantine.StateHeld) {
		v.Set("state", f.State)
	}
	if f.Asked {
		v.Set("asked", "yes")
	}
	return v
}

// Any reports whether anything narrows the search.
func (f search) Any() bool { return len(f.values()) > 0 }

// Details reports whether more than the text is looked for.
func (f search) Details() bool {
	v := f.values()
	v.Del("text")
	return len(v) > 0
}

// Fields are those that are set, sorted by name, as a form sends them on unseen.
func (f search) Fields() []formField { return formFields(f.values()) }

// A formField is one that is sent unseen.
type formField struct{ Name, Value string }

// path is the address of a page of the search: after a cursor, with the trail back.
func (f search) path(after string, trail []string) string {
	v := f.values()
	if after != "" && after != "0" {
		v.Set("after", after)
	}
	if len(trail) > 0 {
		v.Set("trail", strings.Join(trail[:min(len(trail), maxTrail)], "~"))
	}
	if len(v) == 0 {
		return "/quarantine"
	}
	return "/quarantine?" + v.Encode()
}

// here is where this page begins, as a step of the trail.
func (f search) here() string {
	if f.after == "" {
		return "0"
	}
	return f.after
}

// Next is the address of the page that begins after a cursor.
func (f search) next(c quarantine.Cursor) string {
	return f.path(cursorText(c), append([]string{f.here()}, f.trail...))
}

// previous is the address of the page before, "" where this is the first or the way back
// is not known.
func (f search) previous() string {
	if len(f.trail) == 0 {
		return ""
	}
	return f.path(f.trail[0], f.trail[1:])
}
