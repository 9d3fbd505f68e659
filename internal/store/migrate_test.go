package store

import (
	"strings"
	"testing"
	"testing/fstest"
)

// released is the last change that the program of the release before knows.
const released = 26

// upTo is the program's own schema as one knows it that knows no change after newest.
func upTo(t *testing.T, newest int) schema {
	t.Helper()
	files := fstest.MapFS{}
	list, err := ownSchema().changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range list {
		if ch.version <= newest {
			files[ch.name] = &fstest.MapFile{Data: []byte(ch.text)}
		}
	}
	return schema{files}
}

// The program of the release before can be put back over a store that this one opened.
func TestReleaseBeforeOpensThisStore(t *testing.T) {
	db := openTest(t)
	c := db.engine.(*file).writer.c // nothing is written meanwhile
	if err := upTo(t, released).migrate(t.Context(), c, sqliteDialect); err != nil {
		t.Errorf("the release before: %v", err)
	}
	if err := upTo(t, released-1).migrate(t.Context(), c, sqliteDialect); err == nil {
		t.Error("a program that does not know what it must know opened the store")
	}
}

// The refusal names the newest change, always the same.
func TestBearableNamesTheNewest(t *testing.T) {
	known := []change{{version: 1}, {version: 2}}
	seen := map[int]int{1: 0, 2: 0, 3: 0, 4: 2, 5: 4, 6: 0, 7: 3, 8: 1}
	for range 20 {
		err := bearable(known, seen)
		if err == nil || !strings.HasPrefix(err.Error(), "schema version 7 is newer than this program, which knows 2") {
			t.Fatal(err)
		}
	}
}
