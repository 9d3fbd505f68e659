package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// archiveHandlers answer for archives.
func archiveHandlers(h control.Handlers) {
	until := at(59)
	o := ops.Opening{Domain: "example.org", Reader: "bob@example.org", Since: at(1), Until: &until, Why: "case 17", Name: "Shared/_archive@example.org"}
	ever := ops.Opening{Domain: "example.org", Reader: "cy@example.org", Since: at(1)}
	control.On(h, answer[ops.ArchiveList]([]ops.Archive{
		{Domain: "example.net", Days: 0, Messages: 3, Bytes: 999},
		{Domain: "example.org", Days: 365, Messages: 12345, Bytes: 3 << 30, Months: []string{"In/2026-10", "In/2026-11"}, Open: []ops.Opening{o, ever}},
	}))
	control.On(h, answer[ops.ArchiveOpen](o))
	control.On(h, func(_ context.Context, q ops.ArchiveClose) (ops.Nothing, error) {
		return ops.Nothing{}, control.NotFound("the archive of %s is not open to %s", q.Domain, q.Reader)
	})
	control.On(h, answer[ops.ArchiveSearch]([]ops.ArchivedMail{{
		ID: "17.4", Folder: "Out/2026-11", Date: at(2), Size: 1234, Sender: "ann@example.org", From: "ann@example.org",
		Recipients: []string{"x@far.example", "hidden@far.example"}, Subject: "the plan",
	}}))
	control.On(h, answer[ops.ArchiveExport](ops.MailboxExported{Path: "/srv/case.zip", Folders: 2, Messages: 7, Octets: 4321}))
	control.On(h, answer[ops.ArchiveAudit]([]ops.ArchiveAct{
		{ID: "01jd", Time: at(5), Who: "bob@example.org", What: "read", About: "Out/2026-11: UID 4"},
		{ID: "01jc", Time: at(1), Who: "admin", What: "open", About: "to bob@example.org until it is closed: case 17"},
	}))
	control.On(h, answer[ops.ArchiveRemove](ops.Nothing{}))
}
