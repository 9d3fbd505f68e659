package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"gatepost/mailbox"
)

func (s *shares) rename(from, to string) {
	s.Helper()
	s.check(s.s.RenameFolder(s.Context(), 7, from, to))
}

// say answers for box 9.
func (s *shares) say(folder string, a mailbox.Answer) {
	s.Helper()
	s.check(s.share.AnswerShare(s.Context(), visitor(9), s.folder(folder).ID, a, func(f mailbox.Shared) string { return "X/" + f.Name }))
}

// A folder has what the one above has, also later, as long as it has no rights of its own.
func (s *shares) inherited() {
	s.make("a")
	s.give("a", sales, "lrk")
	s.say("a", mailbox.Accepted)
	s.make("a/b/c")
	s.want("seen", s.seen(9), "a:lrk=accepted a/b:lrk=accepted a/b/c:lrk=accepted")
	s.give("a", sales, "l")
	s.want("all follow", s.seen(9), "a:l=accepted a/b:l=accepted a/b/c:l=accepted")
	s.give("a/b", sales, "lrk")
	s.want("what is beneath follows", s.seen(9), "a:l=accepted a/b:lrk=accepted a/b/c:lrk=accepted")
	s.give("a", sales, "lr")
	s.want("what has its own stays", s.seen(9), "a:lr=accepted a/b:lrk=accepted a/b/c:lrk=accepted")
}

// A folder that is moved leaves what it has of the one above behind, and keeps what is its own.
func (s *shares) moved() {
	s.make("a/b/c", "a/g", "d", "e/f")
	s.give("a", sales, "lr")
	s.give("a/b", sales, "lrk")
	s.want("at first", s.seen(9), "a:lr a/b:lrk a/b/c:lrk a/g:lr")
	s.rename("a/b", "d/b")
	s.want("with rights of its own", s.seen(9), "a:lr a/g:lr d/b:lrk d/b/c:lrk")
	s.rename("e", "a/e")
	s.want("into what is shared", s.seen(9), "a:lr a/e:lr a/e/f:lr a/g:lr d/b:lrk d/b/c:lrk")
	s.rename("a/e", "e")
	s.want("out of it", s.seen(9), "a:lr a/g:lr d/b:lrk d/b/c:lrk")
	s.rename("a/g", "d/b/new/g")
	s.want("from one into another", s.seen(9), "a:lr d/b:lrk d/b/c:lrk d/b/new:lrk d/b/new/g:lrk")
	s.rename("d/b/new/g", "d/b/new/h")
	s.rename("d/b/new/h", "a/h")
	s.want("and back", s.seen(9), "a:lr a/h:lr d/b:lrk d/b/c:lrk d/b/new:lrk")
	s.make("a/own/below")
	s.give("a/own", sales, "")
	s.rename("a/own", "a/other")
	s.want("none of its own, under another name there", s.seen(9), "a:lr a/h:lr d/b:lrk d/b/c:lrk d/b/new:lrk")
	s.rename("a/other", "d/b/other")
	s.want("none of its own, elsewhere", s.seen(9), "a:lr a/h:lr d/b:lrk d/b/c:lrk d/b/new:lrk")
	s.rename("d/b", "b")
	s.want("a tree with rights of its own, to the top", s.seen(9), "a:lr a/h:lr b:lrk b/c:lrk b/new:lrk")
}

func (s *shares) movedAnswers() {
	s.make("a/x", "a/y", "b")
	s.give("a", sales, "lr")
	s.give("b", sales, "lr")
	s.say("a", mailbox.Declined)
	s.say("a/y", mailbox.Accepted)
	s.say("b", mailbox.Accepted)
	s.rename("a/x", "b/x")
	s.rename("a/y", "b/y")
	s.want("from what was declined to what was accepted", s.seen(9), "a:lr=declined b:lr=accepted b/x:lr=accepted b/y:lr=accepted")
	s.say("b/y", mailbox.Declined)
	s.rename("b/x", "a/x")
	s.rename("b/y", "y")
	s.rename("y", "b/y")
	s.want("what was said to it alone stays", s.seen(9), "a:lr=declined a/x:lr=declined b:lr=accepted b/y:lr=declined")
}

// More folders than one statement settles have what the new place has, all of them.
func (s *shares) movedMany() {
	const many = 120 // one statement does 100
	s.make("a", "b", "c")
	s.give("b", sales, "lr")
	s.say("b", mailbox.Accepted)
	for i := range many {
		s.make(fmt.Sprintf("a/%03d", i))
	}
	for _, step := range []struct{ from, to, want string }{
		{"a", "b/a", "lr=accepted"}, {"b/a", "c/a", ""}, {"c/a", "b/a", "lr=accepted"}, {"b/a", "a", ""},
	} {
		s.rename(step.from, step.to)
		want := []string{"b:lr=accepted"}
		for i := -1; i < many && step.want != ""; i++ {
			name := step.to
			if i >= 0 {
				name = fmt.Sprintf("%s/%03d", step.to, i)
			}
			want = append(want, name+":"+step.want)
		}
		list, err := s.share.SharedFolders(s.Context(), visitor(9))
		s.check(err)
		var got []string
		for _, f := range list {
			got = append(got, fmt.Sprintf("%s:%s=%s", f.Name, f.Rights, f.Answer))
		}
		s.want(step.from+" to "+step.to, got, want)
	}
}

// What was said to all of a box holds for what is moved to its top.
func (s *shares) movedToTop() {
	s.make("a/x/y")
	_, _, err := s.share.SetGrant(s.Context(), 7, 0, sales, mailbox.Replace, mailbox.MayLookUp|mailbox.MayRead)
	s.check(err)
	s.say("a", mailbox.Declined)
	s.say("INBOX", mailbox.Accepted)
	s.rename("a/x", "x")
	s.want("seen", s.seen(9), "Archive:lr Drafts:lr INBOX:lr=accepted Junk:lr Sent:lr Trash:lr a:lr=declined x:lr=accepted x/y:lr=accepted")
}

// A change of a folder's rights reaches what has no others, nothing else, or all that is beneath.
func (s *shares) reach() {
	give := func(how mailbox.How, reach mailbox.Reach, letters string) {
		r, err := mailbox.ParseRights(letters)
		s.check(err)
		_, _, err = s.share.SetGrantTold(s.Context(), mailbox.Giving{Grant: grant(s.folder("a").ID, "a", sales, r), How: how, Reach: reach}, nil, nil, nil)
		s.check(err)
	}
	s.make("a/b/c", "a/d", "ab")
	s.give("a/d", sales, "lrs")
	give(mailbox.Replace, mailbox.Alone, "lr")
	s.want("alone", s.seen(9), "a:lr a/d:lrs")
	give(mailbox.Replace, mailbox.All, "lri")
	s.want("all", s.seen(9), "a:lri a/b:lri a/b/c:lri a/d:lri")
	s.give("a/d", sales, "l")
	give(mailbox.Add, mailbox.Same, "w")
	s.want("those with the same", s.seen(9), "a:lrwi a/b:lrwi a/b/c:lrwi a/d:l")
	give(mailbox.Remove, mailbox.All, "l")
	s.want("taken away from all", s.seen(9), "a:rwi a/b:rwi a/b/c:rwi")
	s.make("a/e")
	give(mailbox.Replace, mailbox.Alone, "")
	s.make("a/f")
	s.want("what is made has what the folder above has now", s.seen(9), "a/b:rwi a/b/c:rwi a/e:rwi")
}

// tree is how rights go by the rules alone: what is there, and who may do what.
type tree map[string]map[mailbox.Who]mailbox.Rights

func above(name string) string { return name[:max(0, strings.LastIndex(name, "/"))] }

func (t tree) under(top string) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(t)), func(n string) bool { return !strings.HasPrefix(n, top+"/") })
	slices.Sort(names)
	return names
}

// follow are those beneath top that have no rights of their own.
func (t tree) follow(top string) (list []string) {
	for _, n := range t.under(top) {
		if up := above(n); (up == top || slices.Contains(list, up)) && maps.Equal(t[n], t[up]) {
			list = append(list, n)
		}
	}
	return list
}

func (t tree) make(name string) error {
	if t[name] != nil {
		return mailbox.ErrFolderExists
	}
	t.fill(append(mailbox.Parents(name), name))
	return nil
}

// fill makes those that are missing, each as what is above it.
func (t tree) fill(names []string) {
	for _, n := range names {
		if t[n] == nil {
			t[n] = map[mailbox.Who]mailbox.Rights{}
			maps.Copy(t[n], t[above(n)])
		}
	}
}

func (t tree) rename(from, to string) error {
	switch {
	case strings.HasPrefix(to, from+"/"):
		return mailbox.ErrFolderName
	case t[from] == nil:
		return mailbox.ErrNoFolder
	}
	moved := append([]string{from}, t.under(from)...)
	for _, n := range moved {
		if t[to+n[len(from):]] != nil {
			return mailbox.ErrFolderExists
		}
	}
	var light []string // what takes the new place's rights
	if above(from) != above(to) && maps.Equal(t[from], t[above(from)]) {
		light = append([]string{from}, t.follow(from)...)
	}
	for _, n := range moved {
		t[to+n[len(from):]] = t[n]
		delete(t, n)
	}
	t.fill(mailbox.Parents(to)) // one that was dropped may be missing with those beneath it there
	for _, n := range light {
		rights := map[mailbox.Who]mailbox.Rights{}
		maps.Copy(rights, t[above(to)])
		t[to+n[len(from):]] = rights
	}
	return nil
}

func (t tree) give(name string, who mailbox.Who, how mailbox.How, reach mailbox.Reach, r mailbox.Rights) error {
	if t[name] == nil {
		return mailbox.ErrNoFolder
	}
	names := []string{name}
	switch reach {
	case mailbox.All:
		names = append(names, t.under(name)...)
	case mailbox.Same:
		names = append(names, t.follow(name)...)
	}
	for _, n := range names {
		if t[n][who] = how.Of(t[n][who], r); t[n][who] == 0 {
			delete(t[n], who)
		}
	}
	return nil
}

func (t tree) drop(name string) error {
	if t[name] == nil {
		return mailbox.ErrNoFolder
	}
	delete(t, name)
	return nil
}

// atRandom does this and that to a box's folders, the same in each run, and compares who may do what in each
// with what the rules say.
func (s *shares) atRandom() {
	const rounds = 300
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "a/x", "a/x/1", "a/y", "b", "b/x", "b/x/1", "ab", "INBOX/x", "INBOX"}
	model := tree{"INBOX": {}}
	var done []string
	for range rounds {
		one, two := names[r.IntN(len(names))], names[r.IntN(len(names))]
		who := []mailbox.Who{sales, mailbox.BoxWho(8)}[r.IntN(2)]
		how, reach, rights := mailbox.How(r.IntN(3)), mailbox.Reach(r.IntN(3)), mailbox.Rights(r.IntN(8))
		var got, want error
		var what string
		switch n := r.IntN(10); {
		case n < 3:
			what = "make " + one
			_, got = s.s.CreateFolder(s.Context(), 7, one, "")
			want = model.make(one)
		case n < 6 && one != "INBOX" && two != "INBOX":
			what = "rename " + one + " to " + two
			got, want = s.s.RenameFolder(s.Context(), 7, one, two), model.rename(one, two)
		case n == 6 && one != "INBOX":
			what = "drop " + one
			got, want = s.s.DeleteFolder(s.Context(), 7, one), model.drop(one)
		default:
			what = fmt.Sprint("give ", one, who, how, reach, rights)
			f, err := s.s.Folder(s.Context(), 7, one)
			if got, want = err, model.give(one, who, how, reach, rights); err == nil {
				_, _, got = s.share.SetGrantTold(s.Context(), mailbox.Giving{Grant: grant(f.ID, "", who, rights), How: how, Reach: reach}, nil, nil, nil)
			}
		}
		if done = append(done, what); !errors.Is(got, want) {
			s.Fatalf("%s: %v, want %v", strings.Join(done, "\n"), got, want)
		}
		if s.compare(model); s.Failed() {
			s.Fatalf("after\n%s", strings.Join(done, "\n"))
		}
	}
}

func (s *shares) compare(model tree) {
	s.Helper()
	all, err := s.s.Folders(s.Context(), 7)
	s.check(err)
	have := tree{}
	for _, f := range all {
		if f.Use == "" {
			have[f.Name] = map[mailbox.Who]mailbox.Rights{}
		}
	}
	grants, err := s.share.BoxGrants(s.Context(), 7)
	s.check(err)
	for _, g := range grants {
		have[g.Name][g.Who] = g.Rights
	}
	s.want("who may do what", have, model)
}
