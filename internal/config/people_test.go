package config

import (
	"strings"
	"testing"
)

func TestPeople(t *testing.T) {
	for set, want := range map[string]string{
		"web.url=https://mail.example.org/":              "",
		"web.url=https://mail.example.org/gate":          "is not the base of links",
		"web.url=mail.example.org":                       "is not the base of links",
		"web.url=https://u:p@mail.example.org":           "is not the base of links",
		"web.url=https://mail.example.org/?a=b":          "is not the base of links",
		"folders.more=Templates,Projects/2026":           "",
		"folders.more=Drafts":                            `folders.more: "Drafts" is the name of a folder`,
		"folders.more=inbox":                             `"INBOX" is the name`,
		"folders.more=Filters/Block":                     `"Filters/Block" is the name`,
		"folders.more=Quarantaine":                       `"Quarantaine" is the name`,
		"folders.more=a,a":                               `"a" stands there twice`,
		"folders.more=a//b":                              "not a folder name",
		"folders.more=" + strings.Repeat("x,", 50) + "x": "51 folders",
		"folders.french=Modèles":                         "folders.french: 1 names, and folders.more has 0",
		"digest.hours=6,24":                              "24 is no hour",
		"digest.hours=":                                  "",
		"digest.zone=Europe/Paris":                       "",
		"digest.zone=Paris":                              "is no time zone",
		"digest.language=français":                       "is no language",
		"challenge.allow=everybody":                      "none of domain, mailbox, none",
		"challenge.per_hour=-1":                          "challenge.per_hour",
		"quarantine.junk_keep=0s":                        "",
		"quarantine.subject_mark=" + "[spam]":            "",
		"quarantine.subject_mark=a\nb":                   "is not one line",
		"bans.ladder=5m,30d":                             "",
		"bans.ladder=":                                   "bans.ladder: 0 times",
		"bans.ladder=1h,5m":                              "at least the one before",
		"bans.ladder=soon":                               "is not a time",
		"bans.most=10":                                   "bans.most",
		"bans.contact=https://help.example.org":          "",
		"bans.contact=help@example.org":                  "",
		"bans.contact=+33 1 23 45":                       "neither an address nor a URL",
		"bans.contact=a@b\r\n220 x":                      "neither an address nor a URL",
		"bans.never=192.0.2.0/24,2001:db8::1":            "",
	} {
		c, err := load("", nil, []string{set}, nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: got %v", set, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want …%s", set, err, want)
		case err == nil && strings.HasSuffix(c.Web.URL, "/"):
			t.Errorf("%s: got %q with a slash at its end", set, c.Web.URL)
		}
	}
}
