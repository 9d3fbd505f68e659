package attachment

import (
	"strings"
	"testing"
)

// TestSmuggling: a page that builds a file is found though it is long, or in pieces.
func TestSmuggling(t *testing.T) {
	plain := "<script>var b=new Blob([atob('" + strings.Repeat("QUJD", 300) + "')]);u=URL.createObjectURL(b);</script>"
	cut := "'" + strings.Repeat("QUJDJFVG','", 100) + "'"
	hidden := "<script>var p=[" + cut + "];var s=p.join('');var b=new window['Bl'+'ob']([window['at'+'ob'](s)]);var a=document.createElement('a');a.href=URL['createObj'+'ectURL'](b);a['down'+'load']='a.zip';</script>"
	elsewhere := "<script>var p=[" + cut + "],k='Bl'+'ob',n='at'+'ob';var b=new window[k]([window[n](p.join(''))]);</script>"
	for name, page := range map[string]string{
		"as it is":          plain,
		"behind comments":   strings.Repeat("<!-- pad -->\n", 350000) + plain,
		"in pieces":         hidden,
		"in pieces, before": strings.Repeat("<!-- pad -->\n", 350000) + hidden,
		"names elsewhere":   elsewhere,
		"pieces alone":      "<script>var p=[" + cut + "];document.write(atob(p.join('')))</script>",
	} {
		r := inspect(t, message(named{"a.html", []byte("<html>" + page)}), patient())
		if !r.Has(Active) {
			t.Errorf("%s: got %s", name, described(r))
		}
		if long := len(page) > maxScan+maxTail; r.Has(Unread) != long {
			t.Errorf("%s: unread: %v", name, !long)
		}
	}
	for name, page := range map[string]string{
		"a list":     "<script>var states=['alabama','alaska','arizona','arkansas','california'];window['states']=states;</script>",
		"a setting":  "<script>window.dataLayer=window.dataLayer||[];document['title']='x';window[\"webpackJsonp\"]=[];var e=o['a'+i];</script>",
		"a picture":  "<img src='data:image/png;base64," + strings.Repeat("QUJD", 3000) + "'><script>for (k in names) window[k]=1</script>",
		"a long one": strings.Repeat("<p>hello, world</p>\n", 10000) + "<script>print()</script>",
	} {
		if r := inspect(t, message(named{"a.html", []byte("<html>" + page)}), patient()); r.Has(Active) || r.Has(Unread) {
			t.Errorf("%s: got %s", name, described(r))
		}
	}
}
