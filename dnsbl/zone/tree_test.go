package zone

import "testing"

func TestTree(t *testing.T) {
	var tree Tree
	if tree.Below("deep.example") {
		t.Error("the empty tree has something")
	}
	for _, name := range []string{"evil.example", "a.mail.deep.example", ".spam.example"} {
		tree.Add(name)
	}
	for name, want := range map[string]bool{
		"mail.deep.example": true, "deep.example": true, "spam.example": true,
		"a.mail.deep.example": false, "evil.example": false, "other.example": false,
	} {
		if got := tree.Below(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	tree.full = true
	if !tree.Below("other.example") {
		t.Error("a full tree that does not know everything says no")
	}
}
