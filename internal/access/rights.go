package access

import "slices"

// Rights returns what can be chosen of a role that looks after domains: each action that it
// may do, sorted, but for what everybody does with an own account. Of other roles nothing can.
func Rights(r Role) (list []Action) {
	for _, a := range Actions() {
		if table()[a][r] == domains {
			list = append(list, a)
		}
	}
	return list
}

// granted reports whether an action is among the rights that were chosen for a person, or
// goes with one of them, and whether it is open to support access. A right that nobody knows gives nothing.
func (p Person) granted(a Action) bool {
	if p.Support && !supports(a) {
		return false
	}
	if len(p.Rights) == 0 || !p.Delegated() || a == AccountUse || a == SessionUse {
		return true
	}
	return slices.ContainsFunc(p.Rights, func(right Action) bool { return right == a || shownBy(right) == a })
}

// shownBy is the action by which one sees what another one changes, and without which that one
// leads nowhere; "" where there is none.
func shownBy(a Action) Action {
	switch a {
	case HeldRelease, HeldDelete, HeldAsk:
		return HeldView
	case EntryChange:
		return EntryView
	case SettingsSet:
		return SettingsView
	case QueueChange:
		return QueueView
	case KeyChange:
		return KeyView
	case SenderChange:
		return SenderView
	case HostChange:
		return HostView
	case StopChange:
		return StopView
	}
	return ""
}
