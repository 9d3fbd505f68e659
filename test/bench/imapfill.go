package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/blob/segment"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/test/machine"
)

// The folders that are measured. Much and huge are ours alone.
const (
	someFolder = "SOME"
	muchFolder = "MUCH"
	hugeFolder = "HUGE"
)

// idleMail is how many messages each inbox has of those who only wait.
const idleMail = 100

// fill brings the same mail to all.
func (b *imapBench) fill() error {
	for _, k := range b.keepers {
		if err := b.pour(k, 0, someFolder, someMail); err != nil {
			return fmt.Errorf("fill %s: %w", k.name, err)
		}
		if err := b.pour(k, 0, "INBOX", popMail); err != nil {
			return fmt.Errorf("fill %s: %w", k.name, err)
		}
		for i := 1; i <= idleUsers; i++ {
			if err := b.pour(k, i, "INBOX", idleMail); err != nil {
				return fmt.Errorf("fill %s: %w", k.name, err)
			}
		}
		if err := k.settle(); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until a server has nothing left to do in the background, such as indexing.
func (k *keeper) settle() error {
	for end := time.Now().Add(15 * time.Minute); time.Now().Before(end); {
		before, err := machine.TreeCPU(k.pid())
		if err != nil {
			return err
		}
		time.Sleep(7 * time.Second)
		after, err := machine.TreeCPU(k.pid())
		if err != nil || after-before < 200*time.Millisecond {
			return err
		}
	}
	return fmt.Errorf("%s is still at work after 15 minutes", k.name)
}

// pour appends n messages over some connections.
func (b *imapBench) pour(k *keeper, user int, folder string, n int) error {
	r, err := k.login(user, "127.0.0.1")
	if err != nil {
		return err
	}
	defer r.close()
	if folder != "INBOX" {
		if err := r.do(nil, "CREATE %s", folder); err != nil {
			return err
		}
	}
	if k.many {
		return r.appendMany(folder, n, func(i int) []byte { return b.messages[i%len(b.messages)] })
	}
	_, err = b.spread(k, user, 10, n, func(r *reader, i int) error { return r.append(folder, b.messages[i%len(b.messages)]) })
	return err
}

// appendMany delivers messages by some commands (RFC 3502).
func (r *reader) appendMany(folder string, n int, message func(i int) []byte) error {
	for i := 0; i < n; {
		r.tag++
		fmt.Fprintf(r.w, "a%d APPEND %s", r.tag, folder)
		for end := min(i+200, n); i < end; i++ {
			m := message(i)
			fmt.Fprintf(r.w, " {%d+}\r\n", len(m))
			r.w.Write(m)
		}
		r.w.WriteString("\r\n")
		if err := r.wait(nil); err != nil {
			return err
		}
	}
	return nil
}

// spread has connections do n things, as many at once as there are, and returns how long
// they took without the log-ins.
func (b *imapBench) spread(k *keeper, user, connections, n int, f func(r *reader, i int) error) (time.Duration, error) {
	return b.spreadIn(k, user, connections, n, "", f)
}

// spreadIn is spread with a folder selected.
func (b *imapBench) spreadIn(k *keeper, user, connections, n int, folder string, f func(r *reader, i int) error) (time.Duration, error) {
	list := make([]*reader, connections)
	for i := range list {
		r, err := k.login(user, "127.0.0.1")
		if err != nil {
			return 0, err
		}
		defer r.close()
		if folder != "" {
			if _, err := r.open(folder); err != nil {
				return 0, err
			}
		}
		list[i] = r
	}
	var next atomic.Int64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	begin := time.Now()
	for c, r := range list {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && errs[c] == nil; i = next.Add(1) - 1 {
				errs[c] = f(r, int(i))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}

// fillStore makes the large folders, without a server. Each of the 100,000 is a message of its
// own; the million are copies of some.
func (b *imapBench) fillStore(data string) error {
	if !b.much && !b.huge {
		return nil
	}
	ctx := context.Background()
	files, err := segment.OS(filepath.Join(data, "blobs"))
	if err != nil {
		return err
	}
	blobs, _, err := segment.Open(files, segment.Options{})
	if err != nil {
		return err
	}
	defer blobs.Close()
	db, err := store.Open(ctx, filepath.Join(data, "gatepost.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	boxes := db.Mailboxes()
	known, err := directory.New(ctx, directory.Config{Rows: db.Directory(), Entries: db.Directory(), Hostname: "bench.example"})
	if err != nil {
		return err
	}
	owner, ok := known.Snapshot().Mailbox("user0@bench.example")
	if !ok {
		return fmt.Errorf("user0 has no mailbox")
	}
	box := owner.ID
	if err := boxes.OpenBox(ctx, box, "", time.Now()); err != nil {
		return err
	}
	n := someMail
	if b.much {
		n = muchMail
	}
	much, err := boxes.CreateFolder(ctx, box, muchFolder, "")
	if err != nil {
		return err
	}
	if err := b.deliverAll(ctx, boxes, blobs, box, n); err != nil || !b.huge {
		return err
	}
	huge, err := boxes.CreateFolder(ctx, box, hugeFolder, "")
	if err != nil {
		return err
	}
	for range hugeMail / someMail {
		if _, err := boxes.Copy(ctx, much.ID, mailbox.UIDSet{{First: 1, Last: someMail}}, huge.ID); err != nil {
			return err
		}
	}
	return nil
}

// deliverAll puts n messages into the folder of many, each with a number of its own.
func (b *imapBench) deliverAll(ctx context.Context, boxes store.Mailboxes, blobs *segment.Store, box int64, n int) error {
	var next atomic.Int64
	const writers = 64
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && errs[w] == nil; i = next.Add(1) - 1 {
				content := append(bytes.Clone(b.messages[int(i)%len(b.messages)]), fmt.Sprintf("message number %d\r\n", i)...)
				id, err := blobs.Put(ctx, bytes.NewReader(content), int64(len(content)))
				if err != nil {
					errs[w] = err
					return
				}
				d := mailbox.Prepare(box, muchFolder, mail.NewMessage(content), time.Now())
				d.Blob = string(id)
				errs[w] = boxes.Deliver(ctx, &d)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
