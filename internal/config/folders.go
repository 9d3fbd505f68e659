package config

import (
	"slices"

	"gatepost/mailbox"
)

// maxFolders bounds what every new mailbox costs.
const maxFolders = 50

// folders checks what mailboxes are made with.
func (l *loader) folders() {
	f := &l.cfg.Folders
	l.folderNames("folders.more", f.More)
	l.folderNames("folders.french", f.French)
	if len(f.French) > 0 && len(f.French) != len(f.More) {
		l.wrong("folders.french", "%d names, and folders.more has %d: give each its French name, or none", len(f.French), len(f.More))
	}
}

// folderNames checks names, and puts them into the form that folders have.
func (l *loader) folderNames(path string, names []string) {
	if len(names) > maxFolders {
		l.wrong(path, "%d folders are more than %d", len(names), maxFolders)
	}
	for i, given := range names {
		name, err := mailbox.CleanName(given)
		switch {
		case err != nil:
			l.wrong(path, "%v", err)
		case mailbox.Standing(name):
			l.wrong(path, "%q is the name of a folder that mailboxes have without it", name)
		case slices.Contains(names[:i], name):
			l.wrong(path, "%q stands there twice", name)
		default:
			names[i] = name
		}
	}
}
