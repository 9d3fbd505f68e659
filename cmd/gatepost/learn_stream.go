package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/disk"
	"gatepost/internal/mail"
)

// learnStream has the model in a directory learn and judge, as lines on standard input say, until they end or a signal (SIGINT,
// SIGTERM) ends it. What was learnt is saved then; a second signal ends it as a kill would.
func (p *program) learnStream(ctx context.Context, dir string) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on the signals do what they do by themselves
	keeper, err := disk.Open(dir)
	if err != nil {
		return err
	}
	saves, end := context.WithCancel(ctx)
	var saving sync.WaitGroup
	saving.Go(func() { keeper.Run(saves) })
	defer func() {
		end()
		saving.Wait()
		err = errors.Join(err, keeper.Close())
	}()
	ended := make(chan error, 1)
	go func() { ended <- bayes.Stream(ctx, p.in, p.out, openMessage, keeper) }() // it may read for ever; the process ends it
	select {
	case err := <-ended:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
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
