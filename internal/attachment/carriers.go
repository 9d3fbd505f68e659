package attachment

import (
	"context"

	"gatepost/internal/mail"
)

// Carriers is Sums of those files alone that could do harm: archives, and what has a flag. Where a scanner
// found a virus it is one of them; what came beside it may be anybody's brochure.
func Carriers(m *mail.Message) (list []Sum) {
	r, err := Inspect(context.Background(), m, DefaultLimits())
	if err != nil {
		return nil
	}
	able := Report{}
	for i := range r.Files {
		if r.Files[i].Kind.Archive() || len(r.Files[i].Flags) > 0 {
			able.Files = append(able.Files, r.Files[i])
		}
	}
	return able.Sums()
}
