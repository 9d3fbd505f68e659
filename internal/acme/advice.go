package acme

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/certificate"
)

// How often an authority is asked when certificates should be renewed (RFC 9773 §4.3.2).
const (
	adviceEvery = 6 * time.Hour
	adviceLeast = time.Minute
	adviceMost  = 24 * time.Hour
)

// A window is the time in which an authority would have a certificate renewed: in the past where it was revoked or
// will be.
type window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// advised brings renewals forward, where the authority would have them earlier. What it does not say changes nothing.
func (d *Desk) advised(ctx context.Context, known map[string]certificate.Issued, wanted []string) error {
	now := d.c.Now()
	var ask []certificate.Issued
	for _, name := range wanted {
		if i := known[name]; i.Chain != nil && i.Due.After(now) && !d.advice[name].After(now) && len(ask) < perRound {
			ask = append(ask, i)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	client, err := d.http()
	if err != nil {
		return err
	}
	url, err := d.adviser(ctx, client)
	if err != nil {
		d.c.Log.Debug("acme: no advice on renewals", "error", err)
	}
	for _, i := range ask {
		d.advice[i.Name] = now.Add(adviceEvery)
		if url == "" {
			continue
		}
		w, again, err := adviceOn(ctx, client, url, leafOf(i.Chain), now)
		if err != nil {
			d.c.Log.Debug("acme: no advice on a renewal", "name", i.Name, "error", err)
			continue
		}
		d.advice[i.Name] = now.Add(again)
		if at := w.moment(i.Name); at.Before(i.Due) {
			if err := d.advance(ctx, i, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance has a certificate renewed earlier, if it is the one that was asked for still.
func (d *Desk) advance(ctx context.Context, before certificate.Issued, at time.Time) error {
	d.c.Log.Warn("acme: the authority would have a certificate renewed earlier", "name", before.Name, "at", at.UTC().Format(time.RFC3339))
	return d.c.Rows.ChangeIssued(ctx, before.Name, func(i *certificate.Issued) error {
		if string(i.Chain) == string(before.Chain) && at.Before(i.Due) {
			i.Due = at
		}
		return nil
	})
}

// moment is a name's own time in the window.
func (w window) moment(name string) time.Time {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return w.Start.Add(time.Duration(float64(w.End.Sub(w.Start)) * float64(sum.Sum32()) / (1 << 32)))
}

// adviser is where the authority says when certificates should be renewed; "": it does not.
func (d *Desk) adviser(ctx context.Context, client *http.Client) (string, error) {
	var directory struct {
		RenewalInfo string `json:"renewalInfo"`
	}
	_, err := getJSON(ctx, client, d.c.Directory, &directory)
	return strings.TrimSuffix(directory.RenewalInfo, "/"), err
}

// adviceOn asks about one certificate, and says when to ask again.
func adviceOn(ctx context.Context, client *http.Client, url string, leaf *x509.Certificate, now time.Time) (w window, again time.Duration, err error) {
	if leaf == nil || len(leaf.AuthorityKeyId) == 0 {
		return w, 0, errors.New("it names no key of the authority's")
	}
	var said struct {
		Window window `json:"suggestedWindow"`
	}
	header, err := getJSON(ctx, client, url+"/"+certID(leaf), &said)
	if err != nil {
		return w, 0, err
	}
	if w = said.Window; !w.End.After(w.Start) {
		return w, 0, fmt.Errorf("the window from %v to %v is none", w.Start, w.End)
	}
	again = retryAfter(header.Get("Retry-After"), now)
	if again == 0 {
		again = adviceEvery
	}
	return w, min(max(again, adviceLeast), adviceMost), nil
}

// certID is how the authority calls a certificate (RFC 9773 §4.1): the serial number as DER has it.
func certID(leaf *x509.Certificate) string {
	serial := leaf.SerialNumber.Bytes()
	if len(serial) > 0 && serial[0]&0x80 != 0 {
		serial = append([]byte{0}, serial...)
	}
	return base64.RawURLEncoding.EncodeToString(leaf.AuthorityKeyId) + "." + base64.RawURLEncoding.EncodeToString(serial)
}

// getJSON reads what an address says; the client bounds it.
func getJSON(ctx context.Context, client *http.Client, url string, to any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %s", url, res.Status)
	}
	return res.Header, json.NewDecoder(res.Body).Decode(to)
}
