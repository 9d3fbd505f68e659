package app

import (
	"strings"
	"testing"

	"gatepost/quarantine"
)

// The header of a held message is explained to who may see the message: what this node wrote on top is believed.
func TestHeldHeaders(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, func(h *quarantine.Held) {
		h.View.Prefix = []byte(strings.ReplaceAll(wroteHere, "HOST", n.hostnames.own))
	})
	path := "/quarantine/" + h.ID + "/headers"
	ann := n.logIn("ann@test.example")
	ann.wants("her own")(ann.get(path))(200, "mailer.evil.test (192.0.2.9)\u2069 handed it to", ">this server<", "They took it for spam.", "It does not come from the domain", "The Shop")
	ann.wants("a way there")(ann.get("/quarantine/"+h.ID))(200, path)
	ann.wants("a way to paste")(ann.get("/mailbox"))(200, `href="/headers"`)
	carl := n.held("carl@other.example", plainMail, nil)
	ann.wants("another's")(ann.get("/quarantine/" + carl.ID + "/headers"))(404)
}
