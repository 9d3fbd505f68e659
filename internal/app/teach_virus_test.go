package app

import (
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
)

// What came beside a virus may be anybody's: it does not become known as spam.
func TestVirusTeachesWhatCanCarryIt(t *testing.T) {
	n := openPages(t)
	program := strings.ReplaceAll(offerMail, "\n--b--\n", "\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=run.exe\n\nMZ\x01\x00"+
		strings.Repeat("\x01\x00program ", 20)+"\n--b--\n")
	m := mail.NewMessage([]byte(strings.ReplaceAll(program, "\n", "\r\n")))
	prints, err := printTeacher{n.learnt, n.pictures}.prints(t.Context(), lesson{Message: m, Source: learnt.Virus})
	n.must(err)
	if len(prints) != 1 || prints[0].Kind != learnt.Attachment {
		t.Errorf("%d prints, want the program's alone", len(prints))
	}
}

// Who teaches with a file that has nothing to learn is told so.
func TestLearnTellsWhatTaughtNothing(t *testing.T) {
	n := openPages(t)
	done, err := n.learnMessages(t.Context(), ops.LearnAdd{Spam: true, Messages: []ops.LearnMessage{
		{Name: "offer.eml", Content: []byte(strings.ReplaceAll(offerMail, "\n", "\r\n"))}, {Name: "short.eml", Content: []byte("From: a@example.org\r\n\r\nhello\r\n")},
	}})
	n.must(err)
	if done.Learnt != 1 || done.Failed != 1 || len(done.Faults) != 1 || !strings.Contains(done.Faults[0], "short.eml: it has nothing") {
		t.Errorf("got %+v", done)
	}
}
