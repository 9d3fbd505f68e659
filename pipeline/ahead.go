package pipeline

import "slices"

// Reading ahead: when the walk comes to an entry that may wait for the network,
// the entries below that may wait too are begun with it. They are judged in list
// order all the same; what the walk never reaches is cancelled. What is sure not to wait is
// asked in its turn, by the walk itself: that takes no goroutine.

// call returns the call for entry i, and begins those worth reading ahead.
func (w *Walk) call(tx *Transaction, i int) *call {
	if c := w.ahead[i]; c != nil && (!c.waits() || c.stage >= tx.Stage) {
		return c
	}
	w.release(tx, i) // it answered Wait before this stage: ask again
	if e := w.Policy.Entries[i]; e.Kind.Waits && (i >= w.read || e.Unless != "") {
		w.readAhead(tx, i)
	}
	return w.begin(tx, i, nil)
}

// readAhead begins entry i and those below it that may wait, up to one that needs a later
// stage, that looks at what others said, or that is sure to end the walk.
func (w *Walk) readAhead(tx *Transaction, i int) {
	var b *batch
	defer func() { b.start() }()
	w.read = max(w.read, i+1)
	b = w.beginWaiting(tx, i, b)
	if w.Policy.Entries[i].alwaysEnds() {
		return
	}
	for j := i + 1; j < len(w.Policy.Entries); j++ {
		e := w.Policy.Entries[j]
		if w.passes(j) || w.spared(j) {
			continue
		}
		if e.Kind.Stage > tx.Stage || e.Kind.Scope == PerWalk || w.needsAny(e, i, j) {
			return
		}
		w.read = max(w.read, j+1)
		if e.Unless != "" && w.among(e.Unless, i, j) {
			continue // whether it is asked is not known yet
		}
		switch {
		case e.Kind.Waits:
			b = w.beginWaiting(tx, j, b)
		case e.cheap():
			w.begin(tx, j, nil)
		}
		if c := w.ahead[j]; c != nil && w.settles(e, c) {
			return
		}
		if e.alwaysEnds() {
			return
		}
	}
}

// beginWaiting begins an entry beside the walk, in a batch, unless it is sure not to wait. It
// returns the batch, which it makes where there is none.
func (w *Walk) beginWaiting(tx *Transaction, i int, b *batch) *batch {
	if w.ahead[i] != nil || w.Policy.Entries[i].prompt(tx, w) {
		return b
	}
	if b == nil {
		b = &batch{}
	}
	w.begin(tx, i, b)
	return b
}

// prompt reports whether the filter says that it will not wait.
func (e *Entry) prompt(tx *Transaction, w *Walk) bool {
	p, ok := e.Filter.(Prompter)
	return ok && p.Prompt(e.query(tx, w))
}

// cheap reports whether asking costs next to nothing: it answers from memory and
// looks at no content. Asking such entries first shows whether the walk can get
// past them at all.
func (e *Entry) cheap() bool { return !e.Kind.Waits && e.Kind.Stage < Data }

// needsAny reports whether e must be asked after one of the entries from i up to j, by whose
// side it would be asked.
func (w *Walk) needsAny(e *Entry, i, j int) bool {
	return slices.ContainsFunc(e.Needs, func(n string) bool { return w.among(n, i, j) })
}

// among reports whether an entry of a name is among those from i up to j.
func (w *Walk) among(name string, i, j int) bool {
	for k := i; k < j; k++ {
		if w.Policy.Entries[k].Name == name && (k == i || !w.passes(k) && !w.spared(k)) {
			return true
		}
	}
	return false
}

// settles reports whether e is known already to stop or end the walk.
func (w *Walk) settles(e *Entry, c *call) bool {
	return c.done.isClosed() &&
		(c.finding.Wait || !c.finding.Later && !e.Shadow && e.On[c.finding.Result].Action.Ends())
}

func (w *Walk) begin(tx *Transaction, i int, b *batch) *call {
	if c := w.ahead[i]; c != nil {
		return c
	}
	c := tx.mem.want(tx, w.Policy.Entries[i], w, b)
	w.ahead[i] = c
	return c
}

func (w *Walk) release(tx *Transaction, i int) {
	if c := w.ahead[i]; c != nil {
		w.ahead[i] = nil
		tx.mem.drop(c)
	}
}

// Release gives up what was read ahead and not judged. Advance does so when the
// walk is done; whoever abandons a walk before that calls it.
func (w *Walk) Release(tx *Transaction) {
	for i := range w.ahead {
		w.release(tx, i)
	}
}
