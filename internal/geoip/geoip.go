// Package geoip tells in which country a client is, by a database in MaxMind's format that an
// operator brings: none comes with gatepost. The file is read whole and never looked at
// again; another is taken by opening it.
package geoip

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"

	"gatepost/internal/mail"
)

// maxSize bounds a database, in octets: all of it is kept in memory.
const maxSize = 512 << 20

// A Database knows countries of addresses. It may be used by many goroutines.
type Database struct{ reader *maxminddb.Reader }

// Open reads a database.
func Open(path string) (*Database, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("geoip: %w", err)
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("geoip: %s is longer than %d octets", path, maxSize)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("geoip: %w", err)
	}
	return parse(path, raw)
}

func parse(path string, raw []byte) (*Database, error) {
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("geoip: %s: %w", path, err)
	}
	return &Database{reader}, nil
}

// Country returns the country of an address as two letters (ISO 3166); "" where that is not
// known, or the database has no countries.
func (d *Database) Country(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	code := ""
	if err := d.reader.Lookup(mail.Unmap(a)).DecodePath(&code, "country", "iso_code"); err != nil {
		return ""
	}
	return code
}
