package web

import (
	"context"
	"net/http"
	"testing"
)

// onceShares has one link, "s", which can be used once.
type onceShares struct{ said string }

func (o *onceShares) Share(_ context.Context, secret string) (ShareLink, error) {
	if secret != "s" || o.said != "" {
		return ShareLink{}, ErrNoShare
	}
	return ShareLink{To: "bob@example.org", By: "ann@example.org", Name: "Shared/ann@example.org/<b>Plans", May: "write"}, nil
}

func (o *onceShares) Answer(ctx context.Context, secret string, accept bool) (ShareLink, error) {
	l, err := o.Share(ctx, secret)
	if err == nil {
		o.said = map[bool]string{true: "accepted", false: "declined"}[accept]
	}
	return l, err
}

// Who follows the link in a share's mail sees what it is about, and answers once by a button.
func TestShareLink(t *testing.T) {
	for answer, want := range map[string]string{"accepted": "You have accepted it", "declined": "You have declined it"} {
		shares := &onceShares{}
		b := start(t, Config{Shares: shares}).as(t, "")
		b.get("/share/other").wants(t, http.StatusNotFound, "This link leads nowhere")
		for range 2 { // to look does nothing
			b.get("/share/s").wants(t, http.StatusOK, "Accept this folder?", "ann@example.org shares this folder with bob@example.org", "add, change and delete", "Shared/ann@example.org/&lt;b&gt;Plans")
		}
		b.post("", "/share/s", "answer", "perhaps").wants(t, http.StatusBadRequest)
		if shares.said != "" {
			t.Errorf("a form of nobody's: %q", shares.said)
		}
		b.post("", "/share/s", "answer", answer).wants(t, http.StatusOK, want)
		if shares.said != answer {
			t.Errorf("said %q, want %q", shares.said, answer)
		}
		b.post("", "/share/s", "answer", "accepted").wants(t, http.StatusNotFound, "It was used before")
		b.get("/share/s").wants(t, http.StatusNotFound, "It was used before")
	}
}
