package app

import (
	"fmt"
	"testing"
	"time"

	"gatepost/mailbox"
)

// The pages of a block are made behind the texts of its last message.
func TestTextIndexerMakesPages(t *testing.T) {
	n := openBoxes(t)
	for i := range mailbox.PageUIDs + 20 {
		n.put("ann", "INBOX", fmt.Sprintf("Subject: %d\r\n\r\ntext\r\n", i), time.Now())
	}
	for more := true; more; {
		var err error
		more, err = n.textIndexer().work(t.Context())
		n.must(err)
	}
	inbox, err := n.mailboxes.Folder(t.Context(), n.box["ann"].ID, "INBOX")
	n.must(err)
	for kind := mailbox.PageKind(1); kind <= 3; kind++ {
		pages, err := n.mailboxes.Pages(t.Context(), inbox.ID, kind, 0, 9)
		if err != nil || len(pages) != 1 || pages[0].Messages != mailbox.PageUIDs-1 {
			t.Errorf("pages of kind %d: %d, %v", kind, len(pages), err)
		}
	}
}
