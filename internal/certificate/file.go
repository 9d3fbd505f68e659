package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A Pair is two PEM files: a certificate with its chain, and its private key. Both may be one file.
type Pair struct{ Cert, Key string }

// Files are the pairs that an admin names.
type Files struct {
	Own  Pair   // the node's own; zero: none is named
	More []Pair // shown to who asks for a name of theirs
}

// all returns the pairs, the node's own first, each once.
func (f Files) all() (list []Pair) {
	if f.Own != (Pair{}) {
		list = append(list, f.Own)
	}
	for _, p := range f.More {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// maxFile bounds one PEM file, in octets.
const maxFile = 1 << 20

// A file is a pair as it was read last.
type file struct {
	pair    Pair
	sum     [sha256.Size]byte // of what was read
	read    bool              // it was looked at
	cert    *tls.Certificate  // the last good one; nil: there was none yet
	problem string            // why what is there now can't be used; "": it is used
}

// look reads the files again and says whether anything about them is new.
func (f *file) look() (news bool) {
	cert, key, err := f.pair.contents()
	if err != nil {
		news = f.problem != err.Error()
		f.problem, f.read, f.sum = err.Error(), true, [sha256.Size]byte{}
		return news
	}
	sum := sha256.Sum256(slices.Concat(cert, []byte{0}, key))
	if f.read && sum == f.sum {
		return false
	}
	f.sum, f.read = sum, true
	pair, err := parse(cert, key)
	if err != nil {
		f.problem = fmt.Sprintf("%s, %s: %v", f.pair.Cert, f.pair.Key, err)
		return true
	}
	f.cert, f.problem = pair, ""
	return true
}

// contents reads both files.
func (p Pair) contents() (cert, key []byte, err error) {
	if cert, err = readFile(p.Cert); err != nil {
		return nil, nil, err
	}
	key, err = readFile(p.Key)
	return cert, key, err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxFile:
		return nil, fmt.Errorf("%s: more than %d octets are no certificate", path, maxFile)
	}
	return b, nil
}

// parse makes of two files what TLS shows. What it says of broken ones is for admins.
func parse(cert, key []byte) (*tls.Certificate, error) {
	switch {
	case !bytes.Contains(cert, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, errors.New("the first file holds no certificate in PEM")
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return nil, errors.New("the private key has a passphrase: nobody is there at start to give it; keep it without, readable by the node alone")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

// Check says what is wrong with the files that an admin names, an error each.
func (f Files) Check() error {
	var all []error
	for _, p := range f.all() {
		if one := (&file{pair: p}); one.look() && one.problem != "" {
			all = append(all, fmt.Errorf("certificate: %s", one.problem))
		}
	}
	return errors.Join(all...)
}
