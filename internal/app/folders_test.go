package app

import (
	"slices"
	"testing"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/mailbox"
)

// Who has no language of his own has folders with names in that of his domain, the one of what is held, and those of the
// configuration.
func TestFoldersSpeakTheDomainsLanguage(t *testing.T) {
	a := openUnlimited(t)
	c := *a.config.Load()
	c.Folders = config.Folders{More: []string{"Templates", "Projects/2026"}, French: []string{"Modèles", "Projets/2026"}}
	a.config.Store(&c)
	for domain, language := range map[string]string{"test.example": "", "fr.example": "fr"} {
		if _, err := done[ops.Domain](t, a, ops.DomainAdd{Name: domain, Language: language}); err != nil {
			t.Fatal(err)
		}
	}
	for address, c := range map[string]struct{ own, junk, blocked, held, more string }{
		"ann@test.example": {"", "Junk", "Filters/Block", "Quarantine", "Projects/2026"},
		"eve@test.example": {"fr", "Indésirables", "Filtres/Bloquer", "Quarantaine", "Projets/2026"},
		"ann@fr.example":   {"", "Indésirables", "Filtres/Bloquer", "Quarantaine", "Projets/2026"},
		"bob@fr.example":   {"en", "Junk", "Filters/Block", "Quarantine", "Projects/2026"},
	} {
		if _, err := done[ops.Mailbox](t, a, ops.MailboxAdd{Address: address, Language: c.own}); err != nil {
			t.Fatal(err)
		}
		m, err := a.owner(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.mailboxes.OpenHeld(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		all, err := a.mailboxes.Folders(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range all {
			names = append(names, f.Name)
		}
		for _, want := range []string{mailbox.Inbox, c.junk, c.blocked, c.held, c.more} {
			if !slices.Contains(names, want) {
				t.Errorf("%s: %q is not in %q", address, want, names)
			}
		}
	}
}
