package filters

import (
	"testing"

	"gatepost/pipeline"
)

// TestAttachmentCannotTell: a message that could not be looked into waits; it is not delivered.
func TestAttachmentCannotTell(t *testing.T) {
	for _, r := range attachmentKind().Results {
		if r.Word == pipeline.TempError {
			if r.Effect != "defer" {
				t.Errorf("the effect of temperror is %s", r.Effect)
			}
			return
		}
	}
	t.Error("temperror has no effect")
}
