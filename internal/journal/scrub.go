package journal

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Scrubbed is the State of a record of which no more is left than which transaction it was of, and when.
const Scrubbed = "erased"

// Scrub leaves of the records that rows' Evidence points to nothing but the transaction's id and its time. pointers
// has them with the id that each is of: a record of another transaction is left alone, since a node may have
// something else of that name. Doing so again changes nothing; records that are gone are passed over.
func (j *Journal) Scrub(ctx context.Context, pointers map[string]string) error {
	blocks := map[string]map[int]string{}
	var names []string
	for p, id := range pointers {
		name, index, err := parsePointer(p)
		if err != nil {
			return fmt.Errorf("journal: scrub: %w", err)
		}
		if blocks[name] == nil {
			blocks[name] = map[int]string{}
			names = append(names, name)
		}
		blocks[name][index] = id
	}
	err := j.log.Rewrite(ctx, names, func(name string, block []byte) ([]byte, error) { return j.scrub(block, blocks[name]) })
	if err != nil {
		return fmt.Errorf("journal: scrub: %w", err)
	}
	return nil
}

// scrub returns a block without what some of its records tell.
func (j *Journal) scrub(block []byte, which map[int]string) ([]byte, error) {
	records, err := decode(block)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if id, ok := which[i]; ok && id == r.ID {
			records[i] = &Record{ID: r.ID, Time: r.Time, State: Scrubbed, Skipped: r.Skipped}
		}
	}
	return j.encode(records), nil // it has room: it was a block, and is less
}

// parsePointer is the opposite of pointer.
func parsePointer(p string) (name string, index int, err error) {
	name, text, numbered := strings.Cut(p, "/")
	if numbered {
		if index, err = strconv.Atoi(text); err != nil {
			return "", 0, fmt.Errorf("evidence %q: %w", p, ErrFormat)
		}
	}
	return name, index, nil
}
