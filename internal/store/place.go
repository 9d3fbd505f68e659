package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrPlace: the rows name contents that are somewhere else.
var ErrPlace = errors.New("the contents are somewhere else")

// Place says that contents are in a place, "" for the data directory, and returns a number that no other process gets.
// ErrPlace: there are rows whose contents are in another one.
func (db *DB) Place(ctx context.Context, place string) (number int64, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		var had string
		if err := tx.Row(`UPDATE content_place SET numbers = numbers + 1 WHERE id = 1 RETURNING numbers, place`, nil, &number, &had); err != nil || had == place {
			return err
		}
		used := 0
		if err := tx.Row(`SELECT COUNT(*) FROM (SELECT 1 FROM blob LIMIT 1) b`, nil, &used); err != nil {
			return err
		}
		if used > 0 {
			return fmt.Errorf("%w: %s, and not %s; set content.s3 as it was", ErrPlace, named(had), named(place))
		}
		_, err := tx.Exec(`UPDATE content_place SET place = ? WHERE id = 1`, place)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: place of contents: %w", err)
	}
	return number, nil
}

func named(place string) string {
	if place == "" {
		return "the data directory of a node"
	}
	return place
}
