package main

import (
	"fmt"
	"time"
)

// An outcome is what one filter did with one stream.
type outcome struct {
	verdicts        []verdict
	classify, learn time.Duration // processor time a message
}

// A protocol shows a stream to a filter.
type protocol func(l learner, s stream) (outcome, error)

// online is TREC's: each message is classified, and then learnt with its label, which may come
// late. The time of both is counted as classify.
func online(l learner, s stream) (o outcome, err error) {
	before, err := l.cpu()
	if err != nil {
		return o, err
	}
	for i, st := range s.steps {
		v := verdict{truth: st.truth}
		if v.score, v.spam, err = l.classify(st.path); err != nil {
			return o, err
		}
		o.verdicts = append(o.verdicts, v)
		if i < s.delay {
			continue
		}
		late := s.steps[i-s.delay]
		if err := l.learn(late.path, late.told); err != nil {
			return o, err
		}
	}
	after, err := l.cpu()
	if err != nil {
		return o, err
	}
	o.classify = (after - before) / time.Duration(max(len(s.steps), 1))
	return o, nil
}

// halves learns the first half of a stream and classifies the second.
func halves(l learner, s stream) (o outcome, err error) {
	train, test := s.steps[:len(s.steps)/2], s.steps[len(s.steps)/2:]
	begin, err := l.cpu()
	if err != nil {
		return o, err
	}
	if err := learnAll(l, train); err != nil {
		return o, err
	}
	middle, err := l.cpu()
	if err != nil {
		return o, err
	}
	if o.verdicts, err = classifyAll(l, test); err != nil {
		return o, err
	}
	end, err := l.cpu()
	if err != nil {
		return o, err
	}
	o.learn = (middle - begin) / time.Duration(max(len(train), 1))
	o.classify = (end - middle) / time.Duration(max(len(test), 1))
	return o, nil
}

func learnAll(l learner, steps []step) error {
	b, ok := l.(batch)
	if !ok {
		for _, st := range steps {
			if err := l.learn(st.path, st.told); err != nil {
				return err
			}
		}
		return nil
	}
	for _, spam := range []bool{true, false} {
		var paths []string
		for _, st := range steps {
			if st.told == spam {
				paths = append(paths, st.path)
			}
		}
		if err := b.learnAll(paths, spam); err != nil {
			return err
		}
	}
	return nil
}

func classifyAll(l learner, steps []step) (verdicts []verdict, err error) {
	b, ok := l.(batch)
	if !ok {
		verdicts = make([]verdict, len(steps))
		for i, st := range steps {
			if verdicts[i].score, verdicts[i].spam, err = l.classify(st.path); err != nil {
				return nil, err
			}
		}
	} else {
		paths := make([]string, len(steps))
		for i, st := range steps {
			paths[i] = st.path
		}
		if verdicts, err = b.classifyAll(paths); err != nil {
			return nil, err
		}
	}
	if len(verdicts) != len(steps) {
		return nil, fmt.Errorf("%d verdicts on %d messages", len(verdicts), len(steps))
	}
	for i, st := range steps {
		verdicts[i].truth = st.truth
	}
	return verdicts, nil
}
