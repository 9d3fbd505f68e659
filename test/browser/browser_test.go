package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A bad page, so that it is known that the watch sees what it should.
func TestTabSeesTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(`<title>x</title><link rel="icon" href="data:,"><p id=a>hello</p><img src="` + other.URL + `/pixel" alt=""><script>console.error("wrong"); nothing.here</script>`))
	}))
	defer page.Close()
	tab := Open(t, Options{})
	tab.Go(page.URL)
	tab.See("hello")
	found := strings.Join(tab.Troubles(), "\n")
	for _, want := range []string{"console: \"wrong\"", "nothing is not defined", "another host: " + other.URL} {
		if !strings.Contains(found, want) {
			t.Errorf("got %q, want …%s", found, want)
		}
	}
}
