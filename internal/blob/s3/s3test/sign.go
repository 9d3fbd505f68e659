package s3test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signatures are those of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
const (
	algorithm = "AWS4-HMAC-SHA256"
	streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	maxSkew   = 15 * time.Minute
)

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// verify checks a request's signature and what it signs, and returns the body as it was meant.
func verify(r *http.Request, body []byte, now time.Time) ([]byte, fault) {
	malformed := fault{http.StatusBadRequest, "AuthorizationHeaderMalformed"}
	words, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return nil, fault{http.StatusForbidden, "AccessDenied"}
	}
	values := map[string]string{}
	for _, word := range strings.Split(words, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		values[name] = value
	}
	scope := strings.Split(values["Credential"], "/")
	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case err != nil || len(scope) != 5 || scope[1] != when.Format("20060102") || scope[2] != Region || scope[3] != "s3" || scope[4] != "aws4_request":
		return nil, malformed
	case scope[0] != AccessKey:
		return nil, fault{http.StatusForbidden, "InvalidAccessKeyId"}
	case now.Sub(when).Abs() > maxSkew:
		return nil, fault{http.StatusForbidden, "RequestTimeTooSkewed"}
	}
	headers := strings.Split(values["SignedHeaders"], ";")
	if !slices.Contains(headers, "host") || !slices.Contains(headers, "x-amz-date") || !slices.Contains(headers, "x-amz-content-sha256") {
		return nil, malformed
	}
	key := signingKey(scope)
	text := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hash([]byte(canonical(r, headers)))}, "\n")
	if want := hex.EncodeToString(mac(key, text)); want != values["Signature"] {
		return nil, fault{http.StatusForbidden, "SignatureDoesNotMatch"}
	}
	switch sum := r.Header.Get("X-Amz-Content-Sha256"); {
	case sum == streaming:
		return unchunk(r, body, key, scope, values["Signature"])
	case sum != hash(body):
		return nil, fault{http.StatusBadRequest, "XAmzContentSHA256Mismatch"}
	}
	return body, fault{}
}

func signingKey(scope []string) []byte {
	key := []byte("AWS4" + SecretKey)
	for _, part := range scope[1:] {
		key = mac(key, part)
	}
	return key
}

// canonical is a request in the form that is signed.
func canonical(r *http.Request, headers []string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n")
	query := strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
	b.WriteString(query + "\n")
	for _, h := range headers {
		value := strings.Join(r.Header.Values(h), ",")
		switch h {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		b.WriteString(h + ":" + strings.TrimSpace(value) + "\n")
	}
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + r.Header.Get("X-Amz-Content-Sha256"))
	return b.String()
}

// unchunk takes the chunks of a body apart, each of which is signed together with the one before.
func unchunk(r *http.Request, body, key []byte, scope []string, last string) (whole []byte, f fault) {
	bad := fault{http.StatusForbidden, "SignatureDoesNotMatch"}
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		size, signature, signed := strings.Cut(string(line), ";chunk-signature=")
		n, err := strconv.ParseInt(size, 16, 32)
		if !ok || !signed || err != nil || n < 0 || int(n)+2 > len(rest) || string(rest[n:n+2]) != "\r\n" {
			return nil, bad
		}
		text := strings.Join([]string{
			algorithm + "-PAYLOAD", r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), last, hash(nil), hash(rest[:n]),
		}, "\n")
		if hex.EncodeToString(mac(key, text)) != signature {
			return nil, bad
		}
		last, whole, body = signature, append(whole, rest[:n]...), rest[n+2:]
		if n == 0 {
			break
		}
	}
	if want, err := url.QueryUnescape(r.Header.Get("X-Amz-Decoded-Content-Length")); err != nil || want != strconv.Itoa(len(whole)) {
		return nil, fault{http.StatusBadRequest, "IncompleteBody"}
	}
	return whole, fault{}
}
