package password

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// In reports whether a text is in a file of passwords that leaked: a line each, the SHA-1 hash in hexadecimal and,
// behind a colon, how often it was found or nothing; in the order of the hashes. Public lists come so. Such a file has tens of
// gigabytes: some forty lines of it are read, and nothing is kept.
func In(file, text string) (bool, error) {
	sum := sha1.Sum([]byte(text))
	var found bool
	err := withList(file, func(l list) (err error) {
		found, err = l.has(hex.EncodeToString(sum[:]))
		return err
	})
	return found, err
}

// CheckFile fails where a file is none that In can read: a line has another form, or those that are looked at, over the whole
// file, are not in order.
func CheckFile(file string) error {
	return withList(file, func(l list) error {
		if l.size == 0 {
			return errors.New("it is empty")
		}
		const looked = 200
		last := ""
		for i := range int64(looked) {
			hash, at, err := l.next(l.size * i / looked)
			if err != nil {
				return err
			}
			if hash != "" && hash < last {
				return fmt.Errorf("the line at octet %d is not in the order of the hashes", at)
			}
			if hash != "" {
				last = hash
			}
		}
		return nil
	})
}

func withList(file string, do func(list) error) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("list of leaked passwords: %w", err)
	}
	defer f.Close()
	about, err := f.Stat()
	if err == nil && !about.Mode().IsRegular() {
		err = errors.New("no regular file")
	}
	if err == nil {
		err = do(list{f, about.Size()})
	}
	if err != nil {
		return fmt.Errorf("list of leaked passwords %s: %w", file, err)
	}
	return nil
}

// A list is such a file.
type list struct {
	r    io.ReaderAt
	size int64
}

const (
	hashSize = 2 * sha1.Size
	maxLine  = hashSize + 22 // a colon, a number, CR and LF
)

// next returns the hash of the first line that begins at an octet or behind it, in lower case, and where that is; "" at the end.
func (l list) next(from int64) (hash string, at int64, err error) {
	at = max(from-1, 0)
	b := make([]byte, 2*maxLine)
	n, err := l.r.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", at, err
	}
	b = b[:n]
	if from > 0 { // a line begins behind an end of line
		end := bytes.IndexByte(b, '\n')
		switch {
		case end < 0 && n == 2*maxLine || end >= maxLine:
			return "", at, fmt.Errorf("the line around octet %d is longer than one of a hash and a number", at)
		case end < 0:
			return "", l.size, nil
		}
		b, at = b[end+1:], at+int64(end)+1
	}
	if len(b) == 0 {
		return "", l.size, nil
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line, _, _ = bytes.Cut(bytes.TrimRight(line, "\r"), []byte(":"))
	if _, err := hex.DecodeString(string(line)); err != nil || len(line) != hashSize {
		return "", at, fmt.Errorf("the line at octet %d does not begin with a SHA-1 hash in hexadecimal", at)
	}
	return string(bytes.ToLower(line)), at, nil
}

// has finds a hash, in lower case, by halving.
func (l list) has(want string) (bool, error) {
	var failed error
	at := sort.Search(int(l.size), func(at int) bool {
		if failed != nil {
			return true
		}
		hash, _, err := l.next(int64(at))
		failed = err
		return hash == "" || hash >= want
	})
	if failed != nil {
		return false, failed
	}
	hash, _, err := l.next(int64(at))
	return hash == want, err
}
