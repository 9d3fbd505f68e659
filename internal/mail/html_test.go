package mail

import (
	"testing"
	"unicode/utf8"
)

// TestVisible: what a reader sees, and what not.
func TestVisible(t *testing.T) {
	tests := []struct{ name, html, want, hidden string }{
		// How text is laid out.
		{"script and style", "<style>a{}</style>x<script>if (a<b) y</script>z<title>t</title>", "xz\n", ""},
		{"blocks", "<div>a</div><div>b<br>c</div>", "a\nb\nc\n", ""},
		{"white space", "<p> a \n\t b <b> c</b>\n</p>\n<pre>d\n  e</pre>", "a b c\nd\n  e\n", ""},
		{"entities", "&lt;&#x41;&nbsp;&amp", "<A\u00a0&\n", ""},
		{"noscript", "<noscript><b>a</b></noscript>", "a\n", ""},
		{"alt", `a<img alt="buy" src=x>now`, "a buy now\n", ""},
		{"button", `<input type=submit value="Log in"><input type=hidden value=x><input placeholder="Your name">`, "Log in Your name\n", ""},
		{"comment", "vi<!-- x -->agra", "viagra\n", ""},
		{"broken", "a<b", "a\n", ""},
		{"right to left", "<bdo dir=rtl>moc.elpmaxe</bdo> <i dir=rtl>abc</i>", "example.com abc\n", ""},
		{"override", `<i style="unicode-bidi:bidi-override;direction:rtl">moc.elpmaxe</i>`, "example.com\n", ""},
		{"invisible characters", "vi&#8203;ag&shy;ra&#xE0068;&#xE0069;", "viagra\n", "hi\n"},

		// How it is hidden.
		{"display", `a<span style="color:red; DISPLAY : none!important">x<b>y</b></span>b<i hidden>z</i>`, "ab\n", "xy z\n"},
		{"opacity", `a<span style="opacity:0.0">x</span>b<span style="opacity:0.5">y</span>`, "aby\n", "x\n"},
		{"opacity of two", `<p style="opacity:.2"><i style="opacity:20%">x</i>`, "", "x\n"},
		{"visibility", `<p style="visibility:hidden">x<i style="visibility:visible">a</i>`, "a\n", "x\n"},
		{"font of 0", `<p style="font-size:0">x<b style="font-size:14px">a</b><i style="font-size:2em">y</i>`, "a\n", "x y\n"},
		{"font of 1px", `a<p style="font:bold 1px/1 Arial">x<p style="font-size:.5pt">y<p style="font:normal 12px Arial">b`, "a\nb\n", "x\ny\n"},
		{"white on white", `<p style="color:#fff">x</p><font color=white>y</font><p style="color:rgb(250,250,250)">z`, "", "x\ny\nz\n"},
		{"white on black", `<body bgcolor="#000"><font color=white>a</font><p style="color:black">x<p style="background:#fff;color:#000">b`, "a\nb\n", "x\n"},
		{"white on a picture", `<table><td background=x.png><font color=white>a</font></table><p style="background:url(x.png) #fff;color:#fff">b`, "a\nb\n", ""},
		{"transparent", `<p style="color:transparent">x<p style="color:rgba(0,0,0,.01)">y<p style="color:rgba(0,0,0,0.5)">a`, "a\n", "x\ny\n"},
		{"white by its light", `<p style="color:hsl(0,0%,100%)">x<p style="color:hsl(120deg 50% 98%)">a<p style="color:hsl(0 0% 99% / .5)">b<p style="color:hsla(9,9%,9%,0)">y<p style="color:hsl(0,0%,0%)">c`, "a\nb\nc\n", "x\ny\n"},
		{"reckoned size", `<p style="font-size:calc(0px)">x<p style="font-size:calc( 0 )">y<p style="font-size:calc(1px + 1em)">a<p style="font-size:calc(0px + 1em)">b`, "a\nb\n", "x\ny\n"},
		{"anchor in white text", `<p style="color:#fff">x<a href=y>a</a><a href=z style="color:#fff">y</a>`, "a\n", "x y\n"},
		{"no height", `<div style="height:0;overflow:hidden">x</div><div style="max-height:1px;overflow:hidden">y</div><div style="height:0">a</div>`, "a\n", "x\ny\n"},
		{"no height inline", `<span style="height:0;overflow:hidden">a</span><span style="display:inline-block;width:0;overflow:hidden">x</span>`, "a\n", "x\n"},
		{"padding", `<div style="height:0;overflow:hidden;padding:20px">a</div><div style="height:0;overflow:hidden;min-height:9px">b</div>`, "a\nb\n", ""},
		{"off the page", `<div style="position:absolute;left:-9999px">x</div><div style="left:-9999px">a</div>`, "a\n", "x\n"},
		{"indent", `<div style="text-indent:-9999px;white-space:nowrap">x</div>`, "", "x\n"},
		{"clip", `<div style="position:absolute;clip:rect(0 0 0 0)">x</div><i style="clip-path:inset(100%)">y</i><div style="transform:scale(0)">z`, "", "x\ny\nz\n"},
		{"escapes", `<p style="d\69splay:n\6f ne">x`, "", "x\n"},
		{"comment in a style", `<p style="display:/* ; */none">x<p style="/*display:none">a`, "a\n", "x\n"},
		{"quotes in a style", `<p style="font-family:';display:none;'">a<p style="background:url(;display:none;)">b`, "a\nb\n", ""},
		{"alt of what is hidden", `<div style="display:none"><img alt=x>y</div>`, "", "x y\n"},
		{"preheader", `<span style="display:none;font-size:1px;color:#fff;max-height:0">Look inside&zwnj;&nbsp;</span><p>a`, "a\n", "Look inside\u00a0\n"},
		{"padding of a preheader", `<span style="display:none">&zwnj;&nbsp;&zwnj;&nbsp;</span>a`, "a\n", ""},

		// What looks hidden and is not.
		{"shown again", `<p style="display:none;display:block">a`, "a\n", ""},
		{"hidden attribute overruled", `<p hidden style="display:block">a`, "a\n", ""},
		{"second attribute", `<p style="" style="display:none">a`, "a\n", ""},
		{"not a style", `<p style="display:nonesuch;opacity:no;font-size:1">a`, "a\n", ""},
		{"shadow", `<p style="color:#fff;text-shadow:1px 1px #000">a`, "a\n", ""},
		{"over something", `<p style="color:#fff;position:absolute">a<p style="color:#fff;margin-top:-50px">b`, "a\nb\n", ""},

		// Style sheets.
		{"class", `<style>.x,p.y{display:none} #z{opacity:0}</style><p class="a x">1<p class=y>2<div class=y>a</div><p id=z>3`, "a\n", "1\n2\n3\n"},
		{"tag", `<style>td{font-size:0} td b{font-size:12px}</style><table><td>x<b>a</b></table>`, "a\n", "x\n"},
		{"within", `<style>div .x{display:none} div>p>.y{display:none}</style><p class=x>a</p><div><p><i class=x>1</i><i class=y>2</i></div><p><i class=y>b</i>`, "a\nb\n", "12\n"},
		{"weight", `<style>#i{display:block} .x{display:none} p{display:none}</style><p class=x id=i>a<p class=x>1`, "a\n", "1\n"},
		{"important", `<style>.x{display:none!important} .y{display:none}</style><p class=x style="display:block">1<p class=y style="display:block">a`, "a\n", "1\n"},
		{"behind the text", `<p class=x>1</p><p>a<style>.x{display:none}</style>`, "a\n", "1\n"},
		{"in a comment", `<!-- <style>.x{display:none}</style> --><p class=x>a<p title="<style>.x{display:none}</style>">b`, "a\nb\n", ""},
		{"comment marks", `<style><!-- .x{display:none} --></style><p class=x>1`, "", "1\n"},
		{"on any screen", `<style>@media (min-width:1px){.x{display:none}}@media screen and (min-width: 0){.y{display:none}}@media (min-width:600px){p{display:none}}@media not screen and (min-width:1px){p{display:none}}</style><p class=x>1<p class=y>2<p>a`, "a\n", "1\n2\n"},
		{"attribute", `<style>span[x]{display:none}[Title="a.b"]{display:none}i[x=2].c{display:none}</style><span x=1>1</span><p title=a.b>2<p title=a>a<i x=2 class=c>3</i><i x=2>b</i><p y=1 Y=2 title=c title=a.b>c`, "ab\nc\n", "1\n2\n3\n"},
		{"attribute in part", `<style>[x^=a]{display:none}[x="a b"]{display:none}[x{display:none}</style><p x="a b">a`, "a\n", ""},
		{"for print", `<style media=print>.x{display:none}</style><style>@media print{.x{display:none}}@media screen{.y{display:none}}</style><p class=x>a<p class=y>1`, "a\n", "1\n"},
		{"on some screens", `<style>.x{display:none}@media (max-width:600px){.x{display:block!important}.y{display:none}}</style><p class=x>a<p class=y>b`, "a\nb\n", ""},
		{"half understood", `<style>.x,.y{display:none}p.x:first-child{display:block}[class~=y]{display:inline}.z:nth-child(2){display:none}</style><p class=x>a<p class=y>b<p class=z>c`, "a\nb\nc\n", ""},
		{"hover", `<style>.x{display:none}.x:hover{display:block}</style><p class=x>1<p>a`, "a\n", "1\n"},
		{"background of a sheet", `<style>.d{background:#000}td.w{color:#fff}</style><table class=d><td class=w>a</table><table><td class=w>1`, "a\n", "1\n"},
		{"dark mode", `<style>@media (prefers-color-scheme:dark){p{color:#fff!important;background:#000}}</style><p>a`, "a\n", ""},
		{"other at-rules", `<style>@charset "x";@import url(x);@font-face{font-family:x;src:url(y)}@keyframes k{from{opacity:0}}.x{display:none}</style><p class=x>1<p>a`, "a\n", "1\n"},

		// Nesting, good and bad.
		{"not closed", `<p hidden>x<p>a`, "a\n", "x\n"},
		{"left by parent", `<div><span hidden>x</div>a`, "a\n", "x\n"},
		{"of one name", `<div hidden>x<div>y</div>z</div>a`, "a\n", "x\ny\nz\n"},
		{"cell", `<table><tr><td hidden>x<td>a`, "a\n", "x\n"},
		{"row after a cell", `<table><tr><td hidden>x<tr><td>a`, "a\n", "x\n"},
		{"list", `<ul><li hidden>x<b>y<li>a</ul>`, "a\n", "xy\n"},
		{"void", "<input hidden>a", "a\n", ""},
		{"cell outside of a table", `<div hidden><td></div>a`, "a\n", ""},
		{"end tag across a cell", `<div hidden><table><td></div>x</table></div>a`, "a\n", "x\n"},
		{"text beside the cells of a table", `<table hidden>a<tr><td>x</table><table style="display:none"><b>b</b></table>`, "ab\n", "x\n"},
		{"drawing left", `<svg style="display:none"><p>a`, "a\n", ""},
		{"drawing closed at once", `<svg style="display:none"/>a`, "a\n", ""},
		{"head", `<head style="display:none">a`, "a\n", ""},
		{"end of the body", `<div hidden></body></html>x`, "", "x\n"},
		{"table without doctype", `<p style="font-size:0">x<table><td>a</table>`, "a\n", "x\n"},
		{"table with doctype", `<!doctype html><div style="font-size:0"><table><td>x</table>`, "", "x\n"},
		{"select", `<select hidden><option>x<input placeholder=a>`, "a\n", "x\n"},

		// Outlook's comments.
		{"for Outlook", `<!--[if mso]><p>a</p><![endif]-->b<!--[if !mso]><!-->c<!--<![endif]--><!--[if lt IE 9]>x<![endif]-->`, "a\nbc\n", ""},
		{"for Outlook, style", `<!--[if mso]><style>p{display:none}</style><xml><o:x>96</o:x></xml><![endif]--><p>a`, "a\n", ""},
		{"for Outlook, not closed", `<!--[if gte mso 9]><div style="display:none"><![endif]-->a<!--[if mso]></div><![endif]-->`, "a\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p page
			readHTML(tt.html, &p)
			if got := p.visible.String(); got != tt.want {
				t.Errorf("visible: got %q, want %q", got, tt.want)
			}
			if got := p.hidden.String(); got != tt.hidden {
				t.Errorf("hidden: got %q, want %q", got, tt.hidden)
			}
		})
	}
}

// TestSplits: hidden text within words is there to be in the way of who looks for words.
func TestSplits(t *testing.T) {
	tests := []struct {
		name, html     string
		splits, images int
	}{
		{"in a word", `v<i hidden>x</i>i<i hidden>y</i>a<font color=white>z</font>gra`, 3, 0},
		{"between words", `v <i hidden>x</i>i<i hidden>y</i> <p>a</p><p hidden>z</p>b<i hidden> </i>c`, 0, 0},
		{"pictures", `<img src=a><img src=b width=1><img hidden src=c><img><img src=data:d>`, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p page
			readHTML(tt.html, &p)
			if p.splits != tt.splits || p.images != tt.images {
				t.Errorf("got %d splits and %d images, want %d and %d", p.splits, p.images, tt.splits, tt.images)
			}
		})
	}
}

func FuzzHTML(f *testing.F) {
	f.Add("<style>.x,td b{display:none}@media (a){p{color:#fff}}</style><table><td class=x>a<b>b</table><!--[if mso]><p>c<![endif]-->")
	f.Add("<p style=\"font:0/0 a;background:url('x');\\64 isplay:none\">a<svg/><a href=x>y<form><input type=password value=z>")
	f.Add("<base href=http://a.example/b/><img srcset='a 1x, b 2x'><select><option>x<tr></div>&#x202e;cb<bdo dir=rtl>a")
	f.Fuzz(func(t *testing.T, source string) {
		var p page
		readHTML(source, &p)
		if n := p.visible.Len() + p.hidden.Len(); n > 2*len(source)+10 {
			t.Errorf("%d octets of text in %d of HTML", n, len(source))
		}
		if utf8.ValidString(source) && !utf8.ValidString(p.visible.String()+p.hidden.String()) {
			t.Errorf("not UTF-8: %q, %q", p.visible.String(), p.hidden.String())
		}
	})
}
