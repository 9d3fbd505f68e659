package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/disk"
	"gatepost/internal/mail"
)

// learnStream has the model in a directory learn and judge, as lines on standard input say. A signal ends it as a kill would:
// what was learnt in the last second may be lost.
func (p *program) learnStream(ctx context.Context, dir string) (err error) {
	keeper, err := disk.Open(dir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var saving sync.WaitGroup
	saving.Go(func() { keeper.Run(ctx) })
	defer func() {
		stop()
		saving.Wait()
		err = errors.Join(err, keeper.Close())
	}()
	return bayes.Stream(ctx, p.in, p.out, openMessage, keeper)
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
