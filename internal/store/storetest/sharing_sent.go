package storetest

import "gatepost/mailbox"

// sent: a group has a place for what is sent as it, and what is there is found by its Message-ID.
func (s *shares) sent() {
	ctx := s.Context()
	folder := func() (of [2]int64) {
		for i, n := range []int64{7, 8} {
			var err error
			of[i], err = s.share.SentOf(ctx, n)
			s.check(err)
		}
		return of
	}
	s.want("no groups", folder(), [2]int64{})
	s.check(s.share.SetGroup(ctx, 7, true))
	there := s.folder("Sent").ID
	s.want("a group", folder(), [2]int64{there})

	latest := func(id string) mailbox.UID {
		uid, err := s.share.Lately(ctx, there, id)
		s.check(err)
		return uid
	}
	put := func(id string) {
		s.check(s.s.Deliver(ctx, &mailbox.Delivery{Box: 7, Folder: string(mailbox.Sent), Blob: "x", Size: 1, Time: when, Envelope: []byte(`(NIL NIL NIL NIL NIL NIL NIL NIL NIL ` + id + `)`)}))
	}
	s.want("nothing is there", latest("<a@x>"), mailbox.UID(0))
	put(`"<a@x>"`)
	put(`"<b@x>"`)
	put(`"<a@x>"`)
	put("NIL")
	s.want("there", []mailbox.UID{latest("<a@x>"), latest("<b@x>"), latest("<c@x>"), latest("")}, []mailbox.UID{3, 2, 0, 0})
	for range 98 {
		put(`"<c@x>"`)
	}
	s.want("long ago", []mailbox.UID{latest("<a@x>"), latest("<b@x>"), latest("<c@x>")}, []mailbox.UID{3, 0, 102})

	s.check(s.s.DeleteFolder(ctx, 7, "Sent"))
	s.want("the folder is gone", folder(), [2]int64{})
}
