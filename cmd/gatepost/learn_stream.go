package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/mail"
)

// learnStream has the model in a directory learn and judge, as lines on standard input say. A signal ends it as a kill would:
// what was learnt in the last second may be lost.
func (p *program) learnStream(ctx context.Context, dir string) (err error) {
	k := &kept{path: filepath.Join(dir, "model"), model: bayes.New()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if f, err := os.Open(k.path); err == nil {
		k.model, err = bayes.Read(f)
		f.Close()
		if err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { k.run(ctx) })
	defer func() { stop(); wg.Wait(); err = errors.Join(err, k.save()) }()
	return bayes.Stream(ctx, p.in, p.out, openMessage, k)
}

type kept struct {
	path  string
	model *bayes.Model
	mu    sync.Mutex
	fresh bool
}

func (k *kept) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = k.save()
		case <-ctx.Done():
			return
		}
	}
}

func (k *kept) save() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.fresh {
		return nil
	}
	f, err := os.Create(k.path + ".new")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := k.model.WriteTo(f); err != nil {
		return err
	}
	k.fresh = false
	return errors.Join(f.Sync(), os.Rename(k.path+".new", k.path))
}

func (k *kept) Judge(_ context.Context, f *bayes.Features) (bayes.Verdict, error) {
	return k.model.Judge(f, ""), nil
}

func (k *kept) Teach(_ context.Context, f *bayes.Features, spam bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fresh = true
	k.model.Learn(f, "", spam)
	return nil
}

// openMessage is a bayes.Opener of regular files: others may never end.
func openMessage(path string) (*mail.Message, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if d, err := f.Stat(); err != nil || !d.Mode().IsRegular() {
		return nil, nil, errors.Join(err, fmt.Errorf("%s is no regular file", path))
	}
	raw, err := readWire(f, path)
	if err != nil {
		return nil, nil, err
	}
	return mail.NewMessage(raw), func() {}, nil
}
