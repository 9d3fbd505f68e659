package queue

import (
	"fmt"
	"strings"
	"time"
)

// words is the part of a report that a person reads, in English and in French: we
// don't know which of them the sender reads.
func (r report) words() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("[Français plus bas.]")
	line("")
	line("This is the mail system of %s.", r.hostname)
	line("")
	switch r.kind {
	case failed:
		line("Your message could not be delivered to:")
	case delayed:
		line("Your message has not been delivered yet to:")
	case done:
		line("Your message was delivered to:")
	default:
		line("Your message was passed on to a server that does not report on its own, for:")
	}
	line("")
	for _, s := range r.about {
		r.recipient(line, s, english())
	}
	switch r.kind {
	case failed:
		line("Nothing more is tried. If the address is right, please tell its owner in another")
		line("way; what the server said is what their mail administrator needs to know.")
	case delayed:
		line("You need not do anything. It is tried again until %s;", moment(r.message.Expires))
		line("if it still fails then, you are told.")
	}
	line("")
	line("-- ")
	line("")
	line("Ceci est un message du système de courrier de %s.", r.hostname)
	line("")
	switch r.kind {
	case failed:
		line("Votre message n'a pas pu être remis à :")
	case delayed:
		line("Votre message n'a pas encore été remis à :")
	case done:
		line("Votre message a été remis à :")
	default:
		line("Votre message a été transmis à un serveur qui n'en rend pas compte, pour :")
	}
	line("")
	for _, s := range r.about {
		r.recipient(line, s, french())
	}
	switch r.kind {
	case failed:
		line("Aucun autre essai ne sera fait. Si l'adresse est juste, prévenez son titulaire par")
		line("un autre moyen ; la réponse du serveur est ce dont son administrateur a besoin.")
	case delayed:
		line("Vous n'avez rien à faire. De nouveaux essais seront faits jusqu'au %s ;", moment(r.message.Expires))
		line("en cas d'échec, vous en serez averti.")
	}
	return b.String()
}

// phrases are what differs between the languages within a recipient's lines.
type phrases struct {
	said, happened, answering, tried string
	// means tells what a status is, before our own words for it, where those are of another language.
	means func(status string) string
}

func english() phrases {
	return phrases{said: "%s said:", happened: "What happened:", answering: "in answer to %s", tried: "tried %d times since %s",
		means: func(string) string { return "" }}
}

func french() phrases {
	return phrases{said: "Réponse de %s :", happened: "Ce qui s'est passé :", answering: "en réponse à %s", tried: "%d essais depuis le %s",
		means: inFrench}
}

// inFrench tells what a status of our own is (RFC 3463), whatever its class; "" of one that is never ours, or that somebody
// here gave words of his own, as a rule does that sends mail back (5.7.1).
func inFrench(status string) string {
	_, detail, _ := strings.Cut(status, ".")
	return map[string]string{
		"1.1":  "cette boîte aux lettres n'existe pas",
		"1.2":  "ce domaine n'existe pas, ou n'a ni serveur de courrier ni adresse",
		"1.10": "ce domaine ne reçoit pas de courrier",
		"2.1":  "cette boîte aux lettres est fermée",
		"2.2":  "cette boîte aux lettres est pleine",
		"3.0":  "un incident s'est produit sur notre système",
		"3.4":  "le message est trop volumineux pour le serveur du destinataire",
		"3.5":  "notre système est mal configuré pour cette destination",
		"4.1":  "le serveur du destinataire est injoignable",
		"4.2":  "la connexion au serveur du destinataire a été interrompue, ou ce serveur ne répond plus",
		"4.3":  "le serveur du destinataire n'a pas pu être trouvé dans le DNS",
		"4.4":  "aucun serveur de courrier de ce domaine n'a d'adresse",
		"4.6":  "le message tournerait en rond : les serveurs de ce domaine le renverraient ici",
		"6.7":  "une adresse ou l'en-tête du message contient des caractères que le serveur du destinataire n'accepte pas",
		"7.0":  "la connexion chiffrée au serveur du destinataire, ou notre identification auprès de lui, a échoué",
		"7.2":  "cette liste n'accepte pas de messages de cet expéditeur",
		"7.5":  "aucune connexion sûre au serveur du destinataire n'a pu être établie",
		"7.10": "aucune connexion sûre au serveur du destinataire n'a pu être établie",
		"7.30": "aucune connexion sûre au serveur du destinataire n'a pu être établie",
	}[detail]
}

func (r report) recipient(line func(string, ...any), s *Settlement, p phrases) {
	line("    %s", s.Transfer.Recipient.Shown())
	if r.kind == relayed || r.kind == done {
		line("")
		return
	}
	head := p.happened
	words := strings.Split(s.Reply.Text, "\n")
	switch {
	case s.Reply.Code != 0:
		head = fmt.Sprintf(p.said, clip(printable(s.Reply.Host)))
		words = []string{s.Reply.line()}
	case s.Reply.Host != "":
		words[0] = clip(s.Reply.Host) + ": " + words[0]
	}
	line("        %s", head)
	if meaning := p.means(s.Reply.Enhanced); s.Reply.Code == 0 && meaning != "" {
		words = append([]string{meaning}, words...)
	}
	for _, w := range words {
		for _, l := range wrapped(printable(w), 66) {
			line("            %s", l)
		}
	}
	var more []string
	if s.Reply.Code != 0 && s.Reply.Command != "" {
		more = append(more, fmt.Sprintf(p.answering, s.Reply.Command))
	}
	if n := s.Transfer.Attempts + 1; n > 1 {
		more = append(more, fmt.Sprintf(p.tried, n, moment(r.message.Created)))
	}
	if len(more) > 0 {
		line("        (%s)", strings.Join(more, "; "))
	}
	line("")
}

// clip bounds what stands in one line.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 500)], "?") }

// moment is a time in a form that both languages read.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// wrapped cuts a text into lines of about width characters, between words.
func wrapped(s string, width int) (lines []string) {
	current := ""
	for word := range strings.FieldsSeq(s) {
		for len(word) > 900 { // no line beyond what mail allows (RFC 5322 §2.1.1)
			lines = append(lines, current, strings.ToValidUTF8(word[:900], "?"))
			current, word = "", word[900:]
		}
		if current != "" && len(current)+1+len(word) > width {
			lines = append(lines, current)
			current = ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, current)
}

// printable makes a stranger's words safe to show.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0xfffd {
			return '?'
		}
		return c
	}, s)
}
