package app

import (
	"context"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
)

// isProgram is an engine that takes programs for viruses.
func isProgram(_ context.Context, file *mail.Message) bool {
	b := make([]byte, 2)
	_, err := file.ReadAt(b, 0)
	return err == nil && string(b) == "MZ"
}

// What came beside a virus may be anybody's: it does not become known as spam.
func TestVirusTeachesWhatCanCarryIt(t *testing.T) {
	n := openPages(t)
	program := strings.ReplaceAll(offerMail, "\n--b--\n", "\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=run.exe\n\nMZ\x01\x00"+
		strings.Repeat("\x01\x00program ", 20)+"\n--b--\n")
	m := mail.NewMessage([]byte(strings.ReplaceAll(program, "\n", "\r\n")))
	prints, err := printTeacher{n.learnt, n.pictures}.prints(t.Context(), lesson{Message: m, Source: learnt.Virus, Infected: isProgram})
	n.must(err)
	if len(prints) != 1 || prints[0].Kind != learnt.Attachment {
		t.Errorf("%d prints, want the program's alone", len(prints))
	}
}

// A file that has too little to be known again by marks teaches all the same: Bayes reads its header, too. Brought again it is known.
func TestLearnFiles(t *testing.T) {
	n := openPages(t)
	add := ops.LearnAdd{Spam: true, Messages: []ops.LearnMessage{
		{Name: "offer.eml", Content: []byte(strings.ReplaceAll(offerMail, "\n", "\r\n"))}, {Name: "short.eml", Content: []byte("From: a@example.org\r\n\r\nhello\r\n")},
	}}
	for i, known := range []int{0, 2} {
		done, err := n.learnMessages(t.Context(), add)
		n.must(err)
		if done.Learnt != 2 || done.Known != known || done.Failed != 0 || len(done.Faults) != 0 {
			t.Errorf("time %d: got %+v", i+1, done)
		}
	}
	add.Domain = "elsewhere.example"
	if _, err := n.learnMessages(t.Context(), add); control.KindOf(err) != control.Missing {
		t.Errorf("for a domain that is not here: %v", err)
	}
}
