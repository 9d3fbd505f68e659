package attachment

import (
	"context"

	"gatepost/internal/mail"
)

// Carriers is Sums of the one file in which a virus must be that a scanner found somewhere in a
// message: an attachment that could do harm (an archive, or what has a flag), and the one program or macro in
// it. Where there are several nobody knows which it is, and whoever sends a virus beside
// somebody else's program would have that known as one: of several attachments none is returned, and
// of several files in one only the whole.
func Carriers(m *mail.Message) (list []Sum) {
	r, err := Inspect(context.Background(), m, DefaultLimits())
	if err != nil {
		return nil
	}
	var carrier *Report
	from := 0
	for i := range r.Files {
		if r.Files[i].Depth > 0 { // what is inside stands in front of it
			continue
		}
		whole := r.Files[from : i+1]
		if from = i + 1; !able(whole) {
			continue
		}
		if carrier != nil {
			return nil
		}
		carrier = &Report{Files: whole}
	}
	if carrier == nil {
		return nil
	}
	if list = carrier.Sums(); len(list) > 2 {
		return (&Report{Files: carrier.Files[len(carrier.Files)-1:]}).Sums()
	}
	return list
}

// able reports whether an attachment, the last of the files, with what is inside it, could do harm.
func able(whole []File) bool {
	for i := range whole {
		if whole[i].Kind.Archive() || len(whole[i].Flags) > 0 {
			return true
		}
	}
	return false
}
