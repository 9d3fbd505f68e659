package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gatepost/internal/bayes"
)

// ErrLocked: another process has the directory.
var ErrLocked = errors.New("in use by another process")

const (
	saveEvery = time.Second
	logMost   = 32 << 20 // octets of the log after which the model is written whole
	waitMost  = 32 << 20 // octets that wait for a disk that takes none
)

// A Keeper has a model and keeps it in a directory. It is safe for use by many goroutines, and is a
// bayes.Pupil.
type Keeper struct {
	dir   string
	lock  *os.File
	model *bayes.Model

	mu         sync.Mutex
	log        *os.File
	size       int64  // of the log, as far as it is whole
	generation uint64 // of both files
	waiting    []byte // records that are not in the log
	whole      bool   // the log can't be gone on with: the model is to be written whole
	failed     error  // of the last Save
}

var _ bayes.Pupil = (*Keeper)(nil)

// Open makes the directory where it is missing, takes it for this process and reads the model in it, an empty
// one where there is none. It fails with ErrLocked, or bayes.ErrModel where the model or its log is
// damaged; nothing is written over then.
func Open(dir string) (*Keeper, error) {
	k := &Keeper{dir: dir}
	if err := k.open(); err != nil {
		k.release()
		return nil, fmt.Errorf("disk: open model %s: %w", dir, err)
	}
	return k, nil
}

func (k *Keeper) open() (err error) {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	if k.lock, err = os.OpenFile(k.path("lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	err = syscall.Flock(int(k.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return err
	}
	if err := k.readModel(); err != nil {
		return err
	}
	return k.readLog()
}

func (k *Keeper) path(name string) string { return filepath.Join(k.dir, name) }

func (k *Keeper) readModel() error {
	f, err := os.Open(k.path("model"))
	if errors.Is(err, fs.ErrNotExist) {
		k.model = bayes.New()
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, headOctets)
	if _, err := io.ReadFull(f, head); err != nil {
		return fmt.Errorf("model: %w", bayes.ErrModel)
	}
	var ok bool
	if k.generation, ok = readHead(head, modelMagic); !ok {
		return fmt.Errorf("model: %w", bayes.ErrModel)
	}
	k.model, err = bayes.Read(f)
	return err
}

// readLog adds what the log has, if it goes on from the model, and cuts off a last record that was not written to its end. Where
// anything else is wrong with it, it fails with bayes.ErrModel and leaves the log alone.
func (k *Keeper) readLog() error {
	b, err := os.ReadFile(k.path("log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(b) == 0 {
		return k.newLog()
	}
	generation, ok := readHead(b, logMagic)
	switch {
	case !ok:
		return fmt.Errorf("%s: it does not begin as a log does: %w", k.path("log"), bayes.ErrModel)
	case generation > k.generation:
		return fmt.Errorf("%s: its model, of generation %d, is missing: %w", k.path("log"), generation, bayes.ErrModel)
	case generation < k.generation: // the model has it
		return k.newLog()
	}
	whole, err := readLog(b[headOctets:], func(d bayes.Delta) { k.model.Merge(d) })
	k.size = headOctets + int64(whole)
	if err != nil {
		return fmt.Errorf("%s: at octet %d: %w", k.path("log"), k.size, err)
	}
	if k.log, err = os.OpenFile(k.path("log"), os.O_RDWR, 0o600); err != nil {
		return err
	}
	return k.log.Truncate(k.size)
}

// newLog puts an empty log in the place of the one that is there.
func (k *Keeper) newLog() error {
	f, err := os.OpenFile(k.path("log.new"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(appendHead(nil, logMagic, k.generation))
	if err = errors.Join(err, f.Sync()); err == nil {
		err = errors.Join(os.Rename(k.path("log.new"), k.path("log")), k.syncDir())
	}
	if err != nil {
		f.Close()
		return err
	}
	if k.log != nil {
		k.log.Close() // nothing more is read from it
	}
	k.log, k.size = f, headOctets
	return nil
}

func (k *Keeper) syncDir() error {
	d, err := os.Open(k.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Model is the model, to be asked: what is taught is taught to the Keeper.
func (k *Keeper) Model() *bayes.Model { return k.model }

// Judge implements bayes.Pupil.
func (k *Keeper) Judge(_ context.Context, f *bayes.Features) (bayes.Verdict, error) {
	return k.model.Judge(f, ""), nil
}

// Teach implements bayes.Pupil. Where the last Save failed it says so, having learnt all the same: what the disk does not take
// waits for it.
func (k *Keeper) Teach(_ context.Context, f *bayes.Features, spam bool) error {
	k.mu.Lock() // nothing is learnt while the model is written
	defer k.mu.Unlock()
	k.model.Learn(f, "", spam)
	return k.failed
}

// Run saves once a second until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = k.Save() // Teach and Close say so
		case <-ctx.Done():
			return
		}
	}
}

// Save keeps what was learnt since the last one: when it returns, it is on the disk.
func (k *Keeper) Save() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed = k.save()
	if k.failed != nil {
		k.failed = fmt.Errorf("disk: save model %s: %w", k.dir, k.failed)
	}
	return k.failed
}

func (k *Keeper) save() error {
	if d := k.model.Take(); !d.Empty() {
		b, err := d.MarshalBinary()
		if err != nil {
			return err
		}
		k.waiting = appendRecord(k.waiting, b)
	}
	if len(k.waiting) > waitMost {
		k.waiting, k.whole = nil, true
	}
	if k.whole || k.size > logMost {
		return k.compact()
	}
	if len(k.waiting) == 0 {
		return nil
	}
	if _, err := k.log.WriteAt(k.waiting, k.size); err != nil {
		return errors.Join(err, k.log.Truncate(k.size))
	}
	if err := k.log.Sync(); err != nil { // what is on the disk is not known any more
		k.whole = true
		return err
	}
	k.size += int64(len(k.waiting))
	k.waiting = nil
	return nil
}

// compact writes the model whole, which has nothing that was not taken from it, and begins a new log.
func (k *Keeper) compact() error {
	if err := k.writeModel(k.generation + 1); err != nil {
		return err
	}
	k.generation++
	k.waiting, k.whole = nil, true
	if err := k.newLog(); err != nil {
		return err
	}
	k.whole = false
	return nil
}

// release gives the directory up.
func (k *Keeper) release() {
	for _, f := range []*os.File{k.log, k.lock} {
		if f != nil {
			f.Close() // what is on the disk was synced
		}
	}
}

// Close saves and gives the directory up.
func (k *Keeper) Close() error {
	err := k.Save()
	k.release()
	return err
}

func (k *Keeper) writeModel(generation uint64) error {
	f, err := os.OpenFile(k.path("model.new"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = w.Write(appendHead(nil, modelMagic, generation))
	if err == nil {
		_, err = k.model.WriteTo(w)
	}
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(k.path("model.new"), k.path("model")), k.syncDir())
}
