package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"gatepost/test/machine"
)

// startGatepost is the built program, which is measured from outside like the others.
func startGatepost(dir string) (learner, error) {
	bin := os.Getenv("GATEPOST") // a program that is built already
	if bin == "" {
		var err error
		if bin, err = machine.Build(context.Background(), dir); err != nil {
			return nil, err
		}
	}
	dir, err := mkdir(dir, "model")
	if err != nil {
		return nil, err
	}
	l, err := startLines(exec.Command(bin, "learn", "--stream", "--model", dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(bin), err)
	}
	l.train, l.spam, l.model = "train", 7.5, dir
	return l, nil
}
