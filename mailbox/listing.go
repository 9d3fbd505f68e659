package mailbox

import "strings"

// A Listing is a folder by which an owner allows or blocks senders: he moves their mail there.
type Listing struct {
	Name  string
	Allow bool // else it blocks
}

// listings are their names, by language. Such a folder is known by its name in any of them, since it
// has no special use that programs know.
var listings = map[string][2]Listing{
	"en": {{"Filters/Allow", true}, {"Filters/Block", false}},
	"fr": {{"Filtres/Autoriser", true}, {"Filtres/Bloquer", false}},
}

// Listings returns the folders of a new mailbox by which its owner lists senders, in his language
// where it is known, in English elsewhere.
func Listings(lang string) [2]Listing {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	if l, known := listings[lang]; known {
		return l
	}
	return listings["en"]
}

// ListingOf reports whether a folder is one by which senders are listed.
func ListingOf(f Folder) (l Listing, is bool) {
	for _, both := range listings {
		for _, l := range both {
			if f.Use == "" && f.Name == l.Name {
				return l, true
			}
		}
	}
	return Listing{}, false
}
