package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// messagePages is the journal as people see it on the pages.
type messagePages struct{ app *App }

// A search of the pages looks at this many pages of hits for those that the person may see.
const (
	messageLooks = 10
	messageHits  = 200
)

// Find implements web.Messages.
func (m messagePages) Find(ctx context.Context, q web.MessageQuery, may func(web.MessageLine) bool) (list []web.MessageLine, more bool, err error) {
	if err := m.app.journal.Flush(ctx); err != nil { // who asks now wants what was refused a moment ago
		return nil, false, err
	}
	query := journal.Query{
		MessageID: bracketed(q.MessageID), Sender: spelled(q.Sender), Recipient: spelled(q.Recipient), Login: mail.Path(q.SentBy),
		From: q.Since, Limit: messageHits,
	}
	for range messageLooks {
		hits, err := m.app.journal.Search(ctx, query)
		if err != nil {
			return nil, false, err
		}
		for _, h := range hits {
			line := m.line(h)
			switch {
			case !may(line):
			case len(list) == q.Limit:
				return list, true, nil
			default:
				list = append(list, line)
			}
		}
		if len(hits) < messageHits {
			return list, false, nil
		}
		query.After = hits[len(hits)-1].Cursor()
	}
	return list, true, nil
}

// bracketed is a Message-ID as the journal has it, however somebody copied it.
func bracketed(id string) string {
	if id = strings.Trim(strings.TrimSpace(id), "<>"); id == "" {
		return ""
	}
	return "<" + id + ">"
}

func (m messagePages) line(h journal.Hit) web.MessageLine {
	_, here := m.app.directory.Snapshot().Domain(h.Recipient.Domain())
	return web.MessageLine{
		ID: h.ID, Time: h.Time, Sender: string(h.Sender), Recipient: string(h.Recipient), Subject: h.Subject, State: h.State, Filter: h.Entry, Reason: h.Reason,
		From: m.sentBy(h.Login, h.Time), To: m.sentTo(h.Recipient), Here: here,
	}
}

// sentTo is whose an address is: nobody's mailbox, since owners see what they sent, but a locked one's where its mail is for none but such.
func (m messagePages) sentTo(rcpt mail.Path) access.Object {
	return access.Object{Domain: m.home(rcpt), Locked: m.app.directory.Snapshot().Closed(rcpt)}
}

// sentBy is the mailbox, or the sender, that a message came from; what no domain here sent is nobody's. What was sent before there
// was the mailbox is that of somebody who had its address before: no owner sees it.
func (m messagePages) sentBy(login mail.Path, at time.Time) access.Object {
	if login.IsNull() {
		return access.Object{}
	}
	box, _ := m.app.directory.Snapshot().Mailbox(login)
	if at.Before(box.Created) {
		box.ID = 0
	}
	return access.Object{Domain: m.home(login), Box: box.ID}
}

// home is the domain here that an address is of, by its first name; else the address's own.
func (m messagePages) home(p mail.Path) string {
	if d, ok := m.app.directory.Snapshot().Domain(p.Domain()); ok {
		return d.Name
	}
	return p.Domain()
}

// Report implements web.Messages.
func (m messagePages) Report(ctx context.Context, id string) (report web.MessageReport, err error) {
	if err := m.app.journal.Flush(ctx); err != nil {
		return report, err
	}
	record, hits, err := m.app.journal.Show(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return report, web.ErrNoMessage
	case len(hits) == 0:
		return report, errors.Join(err, web.ErrNoMessage)
	case err != nil: // the evidence can't be read; what the rows have is shown
		m.app.log.Error("the evidence of a message can't be read", "id", id, "error", err)
	default:
		report.Reply = record.Reply
	}
	h := hits[0]
	report.ID, report.MessageID, report.Sender, report.Login = h.ID, h.MessageID, string(h.Sender), string(h.Login)
	report.Subject, report.Time = h.Subject, h.Time
	for _, h := range hits {
		report.Lines = append(report.Lines, m.line(h))
	}
	tried, err := m.app.deliveries(ctx, id)
	for _, t := range tried {
		report.Tries = append(report.Tries, web.MessageTry{
			Time: t.Time, Recipient: t.Recipient, What: t.What, Host: t.Host, Reply: t.Reply,
			To: m.sentTo(mail.Path(t.Recipient)),
		})
		if t.Code != 0 {
			report.Tries[len(report.Tries)-1].Reply = fmt.Sprintf("%d %s %s", t.Code, t.Status, t.Reply)
		}
	}
	return report, err
}
