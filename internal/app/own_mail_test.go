package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/allowance"
	"gatepost/internal/collector"
	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/signing"
	"gatepost/mailbox"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
	"gatepost/quarantine/digest"
)

// openSigned is a node whose domain signs, and ann and bob in it.
func openSigned(t *testing.T) *pagesNode {
	t.Helper()
	dir := freshData(t)
	open := func() *pagesNode {
		c, err := config.Load("../../config.yaml", []string{
			"data=" + dir, "limits.min_free=0", "hostname=mx.test.example", "web.url=https://mx.test.example", "resolver.servers=127.0.0.1:1",
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(t.Context(), c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return &pagesNode{App: a, t: t, boxes: map[string]int64{}}
	}
	n := open()
	n.people()
	n.must(n.keys.Create(t.Context(), "test.example"))
	n.must(n.store.Signing().Change(t.Context(), "test.example", func(list []signing.Key) ([]signing.Key, error) {
		for i := range list {
			list[i].State = signing.Active
		}
		return list, nil
	}))
	boxes := n.boxes
	n.must(n.Close())
	n = open()
	n.boxes = boxes
	t.Cleanup(func() { n.Close() })
	return n
}

// sent are the messages that wait in the queue and lie in the inboxes here, as they are served, each with
// its reverse-path in front.
func (n *pagesNode) sent() (list []string) {
	n.t.Helper()
	transfers, err := n.store.Queue().Find(n.t.Context(), queue.Query{})
	n.must(err)
	for _, t := range transfers {
		list = append(list, "Return-Path: <"+string(t.Message.Sender)+">\r\n"+n.served(t.Message.Blob, t.Message.View))
	}
	for address := range n.boxes {
		list = append(list, slices.DeleteFunc(n.inboxed(address), func(text string) bool { return strings.Contains(text, "Subject: a question\r\n") })...)
	}
	return list
}

// inboxed are the messages in an inbox, as they are served.
func (n *pagesNode) inboxed(address string) (list []string) {
	n.t.Helper()
	box := n.boxes[address]
	n.must(n.mailboxes.OpenBox(n.t.Context(), box, "", n.now()))
	folders, err := n.mailboxes.Folders(n.t.Context(), box)
	n.must(err)
	at := slices.IndexFunc(folders, func(f mailbox.Folder) bool { return f.Name == mailbox.Inbox })
	inbox, err := n.mailboxes.Messages(n.t.Context(), folders[at].ID, mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}, mailbox.Whole)
	n.must(err)
	for _, m := range inbox {
		if m.Blob != "filling" {
			list = append(list, n.served(m.Blob, m.View))
		}
	}
	return list
}

func (n *pagesNode) served(id string, view mail.View) string {
	n.t.Helper()
	content, err := contents{n.blobs}.Open(n.t.Context(), id)
	n.must(err)
	defer content.Close()
	text, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	n.must(err)
	served, err := io.ReadAll(view.Message(mail.NewMessage(text)).Reader())
	n.must(err)
	return string(served)
}

// ownMail is all that a node writes by itself, by how it is counted. A new one belongs here.
func ownMail(n *pagesNode) map[string]func() error {
	ctx, bob := n.t.Context(), mail.Path("bob@test.example")
	box, _ := n.directory.Snapshot().Mailbox(bob)
	m := &queue.Message{ID: mail.NewID(n.now()), Tx: "tx", Sender: bob, Blob: n.held("ann@test.example", plainMail, nil).Blob, Created: n.now(), Expires: n.now()}
	about := &queue.Transfer{Message: m, Recipient: "nobody@far.example", Params: mail.RcptParams{Notify: mail.NotifyFailure | mail.NotifySuccess}}
	reported := func(t *queue.Transfer, err error) error {
		if err == nil && t == nil {
			return queue.ErrMany
		}
		if err != nil {
			return err
		}
		return n.store.Queue().Put(ctx, []*queue.Transfer{t})
	}
	return map[string]func() error{
		"delivered": func() error { return reported(n.queue.Delivered(ctx, m, []*queue.Transfer{about})) },
		"failed":    func() error { return reported(n.queue.Declined(ctx, m, about, "no, thanks")) },
		"vacation":  n.vacation,
		"digest": func() error {
			reader := digest.Reader{Key: digest.Key{Box: box.ID}, Address: bob, Domain: "test.example", Language: "en", Zone: time.UTC}
			text, err := n.digestWriter.Write(ctx, digest.Letter{Reader: reader, Time: n.now(), ID: mail.NewID(n.now())})
			if err != nil {
				return err
			}
			return digestPost{n.App}.Send(ctx, reader, text, digest.Mark{Key: reader.Key, Domain: "test.example"})
		},
		"notice": func() error {
			h := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Told = quarantine.ToldDue })
			sent, err := n.notifying(n.config.Load()).Sender.Send(ctx, challenge.Due{Tx: h.Tx, Sender: bob, Domains: []string{"test.example"}, Blob: h.Blob, Time: h.Time, Expires: h.Expires},
				challenge.Record{Tx: h.Tx, Sender: bob, Domains: []string{"test.example"}, Time: n.now()})
			if err == nil && !sent {
				err = queue.ErrMany
			}
			return err
		},
		"share": func() error {
			_, err := n.addShare(ctx, ops.ShareAdd{Owner: "ann@test.example", Folder: "Sent", With: string(bob), Rights: "read"})
			return err
		},
		"quota": func() error {
			n.limit(bob, directory.Limits{Messages: 10})
			defer n.limit(bob, directory.Limits{})
			for range 9 {
				n.must(n.mailboxes.Deliver(ctx, &mailbox.Delivery{Box: box.ID, Blob: "filling", Size: 1, Time: n.now()}))
			}
			return newQuotaWarner(n.App).look(ctx, box.ID)
		},
		"flood": func() error {
			n.limit(bob, directory.Limits{Inbound: 10})
			defer n.limit(bob, directory.Limits{})
			return n.flood.tell(ctx, box)
		},
		"stopped": func() error {
			return n.deliverStop(ctx, box, "ann@test.example", allowance.Stop{Box: n.boxes["ann@test.example"], Since: n.now(), Reason: "300 messages in an hour"})
		},
		"collector": func() error {
			_, err := n.tellCollector(ctx, &collector.Account{
				Settings: collector.Settings{Box: box.ID, Name: "old", Address: "pop.example:995", User: "bob"}, State: collector.State{Failing: n.now()},
			})
			return err
		},
		"recovery": func() error {
			r := recoveries{n.App}
			m, _ := n.directory.Snapshot().Mailbox("ann@test.example")
			n.must(n.store.Accounts().SetRecovery(ctx, m.ID, string(bob), n.now()))
			return r.send(ctx, "ann@test.example")
		},
		"account": func() error {
			recoveries{n.App}.PasswordChanged(ctx, box.ID, netip.MustParseAddr("192.0.2.1"))
			return nil
		},
		"report": func() error { // their own packages' tests look at the header of reports on DMARC and TLS
			return reportSender{app: n.App}.Send(ctx, bob, []byte("From: <postmaster@mx.test.example>\r\nAuto-Submitted: auto-generated\r\nSubject: x\r\n\r\nx\r\n"))
		},
	}
}

// question is what ann asks bob, who is away. It is of now: nobody is told of an absence for mail that is old.
func (n *pagesNode) question() []byte {
	return []byte("From: <ann@test.example>\r\nTo: <bob@test.example>\r\nSubject: a question\r\nDate: " + n.now().Format(time.RFC1123Z) + "\r\nMessage-ID: <1@test.example>\r\n\r\nx\r\n")
}

func (n *pagesNode) vacation() error {
	ctx, ann := n.t.Context(), mail.Path("ann@test.example")
	n.must2(n.putScript(ctx, ops.SievePut{Address: "bob@test.example", Name: "away", Content: `require "vacation"; vacation "I am away";`, Activate: true}))
	client := mail.Client{Addr: netip.MustParseAddr("127.0.0.1"), Login: ann, Users: true, ESMTP: true}
	conv, _ := n.intake.Connect(ctx, client)
	defer conv.Close()
	tx, v := conv.Mail(ctx, client, ann, mail.Params{})
	if v.Answer != mail.OK {
		return fmt.Errorf("MAIL: %v", v)
	}
	if v := tx.Rcpt(ctx, "bob@test.example", mail.RcptParams{}); v.Answer != mail.OK {
		return fmt.Errorf("RCPT: %v", v)
	}
	if v := tx.Data(ctx, mail.NewMessage(n.question()), []byte("Received: test\r\n")); v.Answer != mail.OK {
		return fmt.Errorf("DATA: %v", v)
	}
	return nil
}

// What the node writes by itself comes from nobody, says that a program wrote it, is signed, and is counted
// in the one place that bounds how much of it an address gets.
func TestOwnMail(t *testing.T) {
	shared := openSigned(t)
	for name, send := range ownMail(shared) {
		t.Run(name, func(t *testing.T) {
			shared.t = t
			before := shared.sent()
			counted := shared.counted(name)
			shared.must(send())
			now := shared.sent()
			if len(now) != len(before)+1 {
				t.Fatalf("%d messages before, %d now", len(before), len(now))
			}
			i := slices.IndexFunc(now, func(s string) bool { return !slices.Contains(before, s) })
			h := mail.NewMessage([]byte(now[i])).Header()
			if got := h.All("Return-Path"); len(got) != 1 || strings.TrimSpace(got[0]) != "<>" {
				t.Errorf("Return-Path %q", got)
			}
			if got := strings.TrimSpace(h.Get("Auto-Submitted")); !strings.HasPrefix(got, "auto-") {
				t.Errorf("Auto-Submitted %q", got)
			}
			if got := h.Get("DKIM-Signature"); !strings.Contains(got, "d=test.example;") {
				t.Errorf("DKIM-Signature %q, in\n%.600s", got, now[i])
			}
			if got := shared.counted(name); got != counted+1 {
				t.Errorf("counted %v times, then %v", counted, got)
			}
		})
	}
}

// numbers are what /metrics says.
func (n *pagesNode) numbers() string {
	w := httptest.NewRecorder()
	n.metrics.Handler(n.unwell, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// counted is how many letters of a kind the metrics have.
func (n *pagesNode) counted(kind string) int {
	n.t.Helper()
	var count int
	m := regexp.MustCompile(`gatepost_queue_reports_total\{kind="` + kind + `"\} (\d+)`).FindStringSubmatch(n.numbers())
	if m != nil {
		fmt.Sscan(m[1], &count)
	}
	return count
}

// An address that had its share of an hour gets no more of any of them.
func TestOwnMailIsLimited(t *testing.T) {
	n := openSigned(t)
	for _, to := range []mail.Path{"ann@test.example", "bob@test.example"} {
		for i := 0; ; i++ {
			if _, err := n.queue.Write(t.Context(), queue.Letter{To: to, Content: []byte("x"), Kind: "x"}); err != nil {
				break
			} else if i > 2000 {
				t.Fatal("there is no limit")
			}
		}
	}
	for name, send := range ownMail(n) {
		before := len(n.sent())
		err := send()
		if got := len(n.sent()); got != before {
			t.Errorf("%s: it is sent, %v", name, err)
		}
	}
}

// Nothing in this package stores a content of its own but what is listed here: what writes to people goes
// by the queue's Letter and Write.
func TestOnlyLettersAreWritten(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	stores := regexp.MustCompile(`\b(blobs|Store)\.Put\(|mailboxes\.(Deliver|DeliverOnce|Warn)\(|Queue\(\)\.Put\(|queue\.Message\{`)
	allowed := map[string]int{
		"timed.go": 1, "outgoing.go": 1, // what passes contents on
		"operations_mailbox_file.go": 2, "whole.go": 1, // imports of somebody's mail
		"deliver_letter.go": 1, "quota_warning.go": 1, "outgoing_tls.go": 1, "flood.go": 1, "quota_domain.go": 1, // letters
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(stores.FindAll(b, -1)); !strings.HasSuffix(file, "_test.go") && got != allowed[file] {
			t.Errorf("%s stores or sends %d times, want %d", file, got, allowed[file])
		}
	}
}
