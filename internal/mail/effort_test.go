package mail

import (
	"fmt"
	"strings"
	"testing"
)

// TestStyleEffort holds that no style sheet, and no number of them, costs more than a bound that
// is one for the whole message: what it costs is counted. Beyond it nothing is hidden.
func TestStyleEffort(t *testing.T) {
	bombs := map[string]string{
		"classes of each rule": "<style>" + strings.Repeat(strings.Repeat(".a", 100)+"{color:red}\n", 450) + "</style>" +
			strings.Repeat("<p class=\""+strings.Repeat("b ", 20)+"a\">", 40_000),
		"classes that many share": "<style>" + strings.Repeat(".a.b{color:red}\n", 3900) + "</style>" + strings.Repeat("<p class=a>", 10_000),
		"value of each element":   "<style>p{" + strings.Repeat("font:"+strings.Repeat("b ", 80)+";", 400) + "}</style>" + strings.Repeat("<p>", 10_000),
		"declarations on screens": "<style>@media(a){p{" + strings.Repeat("color:red;", 10_000) + "}}</style>" + strings.Repeat("<p>", 10_000),
		"what stands around": "<style>" + strings.Repeat("x y b{color:red}\n", 3900) + "</style>" + strings.Repeat("<y>", 500) +
			strings.Repeat("<b></b>", 10_000),
		"sheets behind text": strings.Repeat("<style>"+strings.Repeat("b{color:red}", 3000)+"</style><b></b>", 20) + strings.Repeat("<b></b>", 10_000),
	}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			var p page
			for range 3 {
				readHTML(bomb+"<p hidden>x", &p)
			}
			if !p.blind || int(p.effort) > maxEffort+3*len(bomb) {
				t.Errorf("cost %d, given up: %v", p.effort, p.blind)
			}
			if !strings.Contains(p.visible.String(), "x") {
				t.Errorf("text is hidden by style that was not looked at")
			}
		})
	}
}

// TestStyleCost holds what the parts of a sheet cost for one element, since that is what bounds
// the time.
func TestStyleCost(t *testing.T) {
	for _, tt := range []struct {
		name, css, class string
		want             effort
	}{
		{"nothing", "", strings.Repeat("b ", 1000), 0},
		{"classes of the element", ".c{}.d{x:y}", strings.Repeat("b ", 1000), 2000},
		{"a compound of many classes", strings.Repeat(".a", 1000) + "{x:y}", "a", 1 + 2 + named + 1},
		{"a compound of too many classes", ".a" + numbered(".b%d", 1000) + "{x:y}", "a", 1 + 1 + maxClasses},
		{"a long value", ".a{font:" + strings.Repeat("b ", 40_000) + "}", "a", 1 + 2 + named + maxValue - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p page
			readHTML("<style>"+tt.css+"</style><p class=\""+tt.class+"\">", &p)
			if p.effort != tt.want {
				t.Errorf("cost %d, want %d", p.effort, tt.want)
			}
		})
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestStyleOfNewsletter holds that what people send stays far below the bound.
func TestStyleOfNewsletter(t *testing.T) {
	var p page
	const look = "{color:#333;font-family:Arial,sans-serif;font-size:14px;padding:0}\n"
	readHTML("<style>"+numbered("td.c%d,.d%[1]d a"+look, 300)+strings.Repeat("td,a"+look, 10)+"</style>"+
		strings.Repeat("<table class=d5><tr><td class='c7 c8 c9'><a href=x>y</a></td></tr></table>", 1000), &p)
	if p.blind || p.effort > maxEffort*3/4 {
		t.Errorf("cost %d of %d", p.effort, maxEffort)
	}
}
