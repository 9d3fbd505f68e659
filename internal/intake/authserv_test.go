package intake

import "testing"

// However our own name is spelled, a field that bears it is a claim of ours.
func TestOwnResults(t *testing.T) {
	for value, want := range map[string]bool{
		"mx.test.example; spf=pass":                  true,
		"MX.Test.Example 1; spf=pass":                true,
		"mx.test.example":                            true,
		"mx.test.example.; spf=pass":                 true,
		"mx.test.example/1; spf=pass":                true,
		"mx.test.example\t1; spf=pass":               true,
		"\x00mx.test.example; spf=pass":              true,
		"(we (said) so) mx.test.example; spf=pass":   true,
		"mx.test.example(so); spf=pass":              true,
		`"mx.test.example" 1; spf=pass`:              true,
		`(a\) b;(c)) "mx.te\st.example"; spf=pass`:   true,
		"(open mx.test.example; spf=pass":            true,
		`"mx.test.example; spf=pass`:                 true,
		"=?us-ascii?q?mx.test.example?=; spf=pass":   true,
		"mx.other.example; spf=pass mx.test.example": false,
		"(mx.test.example) mx.other.example; none":   false,
		"xmx.test.example; spf=pass":                 false,
		"mx.test.example.org; spf=pass":              false,
		"(open mx.other.example; spf=pass":           false,
		"":                                           false,
		";mx.test.example":                           false,
	} {
		if got := ownResults(value, "mx.test.example"); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if !ownResults("mx.b\u00fccher.example; none", "mx.xn--bcher-kva.example") {
		t.Error("U-labels")
	}
}
