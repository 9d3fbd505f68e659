package imap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/test/load"
)

// sheet is a block's messages, as chance will.
func sheet(r *rand.Rand, n int) (all []listed) {
	u := mailbox.UID(r.Uint32N(1<<32-mailbox.PageUIDs)) / mailbox.PageUIDs * mailbox.PageUIDs
	for range n {
		l := listed{Message: mailbox.Message{
			Entry: mailbox.Entry{UID: u}, InternalDate: time.UnixMicro(r.Int64N(1<<52) - 1<<51).UTC(), Size: r.Int64N(1 << 40), EmailID: r.Int64N(1 << 40),
			Envelope: bytes.Repeat([]byte("e"), r.IntN(maxPaged+1)), BodyStructure: []byte("(" + strings.Repeat("s", r.IntN(50)) + ")"),
		}}
		l.Blob = fmt.Sprintf("%08x-%010x", r.Uint32(), r.Uint32())
		l.View = mail.View{Prefix: bytes.Repeat([]byte("p"), r.IntN(500)), Skip: r.Int64N(500)}
		if r.IntN(2) == 0 {
			l.Saved = time.UnixMicro(1 + r.Int64N(1<<52)).UTC()
		}
		all = append(all, l)
		u++
	}
	return all
}

func TestPageIsWhatWasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var buffer []byte
	for range 300 {
		all := sheet(r, 1+r.IntN(mailbox.PageUIDs))
		findPlaces(all)
		for _, kind := range []mailbox.PageKind{envelopePage, structurePage, fieldsPage, placePage} {
			p, ok := writePage(kind, all)
			if !ok {
				t.Fatal("no page")
			}
			read, err := readPage(p, buffer)
			if err != nil || p.Messages != len(all) || p.Block != mailbox.BlockOf(all[0].UID) {
				t.Fatalf("page %d/%d of %d: %v", p.Block, p.Kind, p.Messages, err)
			}
			buffer = read.left
			for i := range all {
				var m mailbox.Message
				text, err := read.next(&m)
				w := &all[i].Message
				got, want := fmt.Sprint(m.UID, m.InternalDate, m.Size, m.EmailID, m.Saved), fmt.Sprint(w.UID, w.InternalDate, w.Size, w.EmailID, w.Saved)
				if err != nil || got != want || !bytes.Equal(text, *all[i].text(kind)) {
					t.Fatalf("kind %d, message %d: got %s and %d octets (%v), want %s", kind, i, got, len(text), err, want)
				}
				if kind != placePage {
					continue
				}
				if err := readPlace(&m, text); err != nil || m.Blob != w.Blob || m.View.Skip != w.View.Skip || !bytes.Equal(m.View.Prefix, w.View.Prefix) {
					t.Fatalf("message %d: got the place %s, %+v (%v), want %s, %+v", i, m.Blob, m.View, err, w.Blob, w.View)
				}
			}
		}
	}
	all := sheet(r, 2)
	all[1].Envelope = make([]byte, maxPaged+1)
	if _, ok := writePage(envelopePage, all); ok {
		t.Error("a page of too much")
	}
}

func FuzzPage(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 3 {
		p, _ := writePage(envelopePage, sheet(r, n+1))
		f.Add(p.Data, n+1)
		all := sheet(r, n+1)
		findPlaces(all)
		p, _ = writePage(placePage, all)
		f.Add(p.Data, n+1)
	}
	f.Add([]byte("\xff\xff\xff\xff\x7f"), 1)
	f.Fuzz(func(t *testing.T, data []byte, messages int) {
		read, err := readPage(mailbox.Page{Messages: messages, Data: data}, nil)
		if err != nil {
			return
		}
		for range messages + 1 {
			var l listed
			if l.fields, err = read.next(&l.Message); err != nil {
				return
			}
			if err := readPlace(&l.Message, l.fields); err == nil && (l.Blob == "" || l.View.Skip < 0) {
				t.Errorf("the place %q, %+v", l.Blob, l.View)
			}
			if arePicked(l.fields) {
				appendPicked(nil, l.fields, ^fieldSet(0))
			}
		}
		t.Error("more messages than there are")
	})
}

// compareFields compares what pages say of fields with what the message says.
func compareFields(t *testing.T, h *mail.Header, names []string) {
	t.Helper()
	want, known := knownSet(names)
	if !known {
		return
	}
	for _, set := range []fieldSet{^fieldSet(0), ^fieldSet(signedFields)} {
		if want&^set != 0 {
			continue
		}
		kept := picked(h, set)
		if !arePicked(kept) {
			t.Fatalf("not readable: %q", kept)
		}
		fromStore, fromContent := appendPicked(nil, kept, want), selectFields(h, names, true)
		if !bytes.Equal(fromStore, fromContent) {
			t.Fatalf("%q:\n stored %q\ncontent %q", names, fromStore, fromContent)
		}
	}
}

func someFields(r *rand.Rand) (names []string) {
	for range 1 + r.IntN(9) {
		name := knownFields[r.IntN(len(knownFields))]
		names = append(names, []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]}[r.IntN(3)])
	}
	return names
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("From: a\r\nsubject : b\r\n c\r\nFROM: again\r\nno field\r\nTo:\r\n\r\nbody"), uint64(1))
	f.Add([]byte("Subject: \xff\xfe\nDate: bare\n\tfolded\n\nx"), uint64(2))
	f.Add([]byte("\r\n"), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		m := mail.NewMessage(b)
		r := rand.New(rand.NewPCG(seed, 0))
		for range 5 {
			compareFields(t, m.Header(), someFields(r))
		}
	})
}

func TestFieldsOfCorpus(t *testing.T) {
	dir, err := filepath.EvalSymlinks("../../corpus")
	if err != nil {
		t.Skip("make corpus brings it")
	}
	messages, err := load.Corpus(dir)
	if err != nil {
		t.Skip(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, b := range messages {
		h := mail.NewMessage(b).Header()
		compareFields(t, h, knownFields[:])
		compareFields(t, h, []string{"From", "To", "Cc", "Subject", "Date"})
		compareFields(t, h, someFields(r))
	}
}
