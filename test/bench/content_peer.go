package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/load"
	"gatepost/test/peer"
)

// taughtOfEach is how many messages of spam, and of ham, both sides' Bayes is taught; none of
// them is asked about.
const taughtOfEach = 700

// lessons are those messages, of each kind by turns, from all over the corpus.
func (c *contentBench) lessons() (list []load.Message) {
	asked := map[int]bool{}
	for i := range contentPerRound {
		asked[i*7%len(c.messages)] = true
	}
	var kinds [2][]load.Message
	for i, m := range c.labelled {
		if !asked[i] {
			k := 0
			if m.Spam {
				k = 1
			}
			kinds[k] = append(kinds[k], m)
		}
	}
	for i := range taughtOfEach {
		for _, of := range kinds {
			if n := i * len(of) / taughtOfEach; n < len(of) {
				list = append(list, of[n])
			}
		}
	}
	return list
}

// startWhole starts Rspamd with all that Debian turns on, its Bayes taught, and waits until it
// has compiled its expressions; and the Redis that it keeps its tokens in.
func (c *contentBench) startWhole() (engine, redis *peer.Engine, stop func(), err error) {
	none, err := resolvetest.Serve("") // every name is missing, at once
	if err != nil {
		return nil, nil, nil, err
	}
	redis, err = peer.StartRedis()
	if err != nil {
		none.Close()
		return nil, nil, nil, err
	}
	engine, err = peer.StartRspamdWhole(redis.Addr, none.Addr)
	if err != nil {
		redis.Stop()
		none.Close()
		return nil, nil, nil, err
	}
	stop = func() { engine.Stop(); redis.Stop(); none.Close() }
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for i, m := range c.lessons() {
		if err := engine.LearnRspamd(ctx, m.Text, m.Spam); err != nil {
			stop()
			return nil, nil, nil, fmt.Errorf("lesson %d: %w\n%s", i, err, engine.Log())
		}
	}
	if err := engine.Quiet(); err != nil {
		stop()
		return nil, nil, nil, err
	}
	return engine, redis, stop, nil
}

// train teaches our Bayes the same.
func (c *contentBench) train() error {
	add := ops.LearnAdd{Force: true}
	for i, m := range c.lessons() {
		says := "ham"
		if m.Spam {
			says = "spam"
		}
		add.Messages = append(add.Messages, ops.LearnMessage{Name: fmt.Sprint(i), Content: m.Text, Says: says})
	}
	b, err := json.Marshal(add)
	if err != nil {
		return err
	}
	_, err = c.app.Handle(context.Background(), "learn.add", b)
	return err
}
