package attachment

import (
	"context"
	"crypto/sha256"
	"io"

	"gatepost/internal/mail"
)

// Bounds of what Carriers asks about: files, and octets of all of them.
const (
	maxAsked       = 8
	maxAskedOctets = 32 << 20
)

// Carriers is the Sum of each attachment of a message in which infected finds a virus when it is given the octets
// of that file alone. That a virus was found somewhere in the message shows nothing of a file in it: whoever puts one into the
// text, or beside somebody else's program, would have that known as a virus. Of what is inside a file nothing is
// returned, for the same reason: an archive may hold an honest program beside the virus. The first maxAsked files that tell
// something are asked about, as long as they have maxAskedOctets together.
func Carriers(ctx context.Context, m *mail.Message, infected func(ctx context.Context, file *mail.Message) bool) (list []Sum) {
	r, err := Inspect(ctx, m, DefaultLimits())
	if err != nil {
		return nil
	}
	asked := map[Sum]bool{}
	for i := range r.Files {
		if f := &r.Files[i]; f.Depth == 0 && f.Telling() {
			asked[f.Sum] = false
		}
	}
	files, room := 0, int64(maxAskedOctets)
	for p := range m.Root().All() {
		if len(p.Parts) > 0 || p.IsMultipart() || files == maxAsked || ctx.Err() != nil {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(m.Decoded(p), room+1))
		if err != nil || int64(len(content)) > room {
			continue
		}
		sum := Sum(sha256.Sum256(content))
		if done, ok := asked[sum]; done || !ok {
			continue
		}
		files, room, asked[sum] = files+1, room-int64(len(content)), true
		if infected(ctx, mail.NewMessage(content)) {
			list = append(list, sum)
		}
	}
	return list
}
