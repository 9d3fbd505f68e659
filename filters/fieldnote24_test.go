package filters

import "testing"

// Field note 24: a list changes the message, so neither SPF nor the author's signature
// holds, and his domain asks to have such mail refused. Where the list sealed what it
// found, and is trusted, or an allow list knows it, the message comes through; a sealer that
// nobody named changes nothing (field note 26).
func TestFieldNote24ForwardingBreaksDMARC(t *testing.T) {
	for _, name := range []string{"vouched-arc", "vouched-list", "not-vouched-arc"} {
		t.Run(name, func(t *testing.T) { runCase(t, "dmarc", "testdata/dmarc/"+name+".txtar") })
	}
}
