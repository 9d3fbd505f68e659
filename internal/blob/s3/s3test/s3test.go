// Package s3test serves the S3 protocol from memory, for tests: objects put, read whole or by ranges, listed and
// removed. It is strict: a request whose signature (AWS Signature Version 4), checksum or form is not
// right is refused as S3 refuses it, so that a client that passes here speaks the protocol. And it
// fails when it is told to.
//
//	s := s3test.New("mail")
//	web := httptest.NewServer(s)
//
// What a real server does that this one does not is tested with one, where it is installed (see s3's tests).
package s3test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The keys that the server knows, and where it stands.
const (
	AccessKey = "AKIDEXAMPLE"
	SecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	Region    = "eu-test-1"
)

// A Server is a bucket as http.Handler.
type Server struct {
	bucket string
	// Fail, where set, answers a request in the server's place when it returns a status that is not 0.
	Fail atomic.Pointer[func(*http.Request) int]
	// Requests counts those that were answered, by method.
	Requests sync.Map // of string to *atomic.Int64

	mu      sync.Mutex
	objects map[string][]byte
}

// New returns an empty bucket of that name.
func New(bucket string) *Server { return &Server{bucket: bucket, objects: map[string][]byte{}} }

// Keys returns the keys of all objects, in order.
func (s *Server) Keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.objects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Change has f make another object of one that is there; nil removes it.
func (s *Server) Change(key string, f func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := f(slices.Clone(s.objects[key])); b != nil {
		s.objects[key] = b
	} else {
		delete(s.objects, key)
	}
}

// Count returns how many requests of a method were answered.
func (s *Server) Count(method string) int64 {
	n, _ := s.Requests.LoadOrStore(method, &atomic.Int64{})
	return n.(*atomic.Int64).Load()
}

// fault is how S3 says no.
type fault struct {
	status int
	code   string
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := s.Requests.LoadOrStore(r.Method, &atomic.Int64{})
	n.(*atomic.Int64).Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if f := s.Fail.Load(); f != nil {
		if status := (*f)(r); status != 0 {
			refuse(w, r, fault{status, "InternalError"})
			return
		}
	}
	body, f := verify(r, body, time.Now())
	if f.status == 0 {
		f = s.serve(w, r, body)
	}
	if f.status != 0 {
		refuse(w, r, f)
	}
}

func refuse(w http.ResponseWriter, r *http.Request, f fault) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, f.code, f.code)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, body []byte) fault {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket != s.bucket {
		return fault{http.StatusNotFound, "NoSuchBucket"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case key == "" && r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		return s.list(w, r)
	case key == "":
		return fault{http.StatusNotImplemented, "NotImplemented"}
	case r.Method == http.MethodPut:
		sum := md5.Sum(body)
		if want := r.Header.Get("Content-Md5"); want != "" && want != base64.StdEncoding.EncodeToString(sum[:]) {
			return fault{http.StatusBadRequest, "BadDigest"}
		}
		s.objects[key] = body
		w.Header().Set("ETag", etag(body))
		return fault{}
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
		return fault{}
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return s.read(w, r, key)
	}
	return fault{http.StatusMethodNotAllowed, "MethodNotAllowed"}
}

func etag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, key string) fault {
	b, ok := s.objects[key]
	if !ok {
		return fault{http.StatusNotFound, "NoSuchKey"}
	}
	if match := r.Header.Get("If-Match"); match != "" && strings.Trim(match, `"`) != strings.Trim(etag(b), `"`) {
		return fault{http.StatusPreconditionFailed, "PreconditionFailed"}
	}
	from, to, status := 0, len(b), http.StatusOK
	if text := r.Header.Get("Range"); text != "" {
		first, last, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
		var err1, err2 error
		if from, err1 = strconv.Atoi(first); !ok || err1 != nil || from >= len(b) {
			return fault{http.StatusRequestedRangeNotSatisfiable, "InvalidRange"}
		}
		if to, err2 = strconv.Atoi(last); err2 != nil || to < from {
			return fault{http.StatusRequestedRangeNotSatisfiable, "InvalidRange"}
		}
		to, status = min(to+1, len(b)), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(b)))
	}
	w.Header().Set("ETag", etag(b))
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.Itoa(to-from))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(b[from:to])
	}
	return fault{}
}

type listed struct {
	Key          string
	Size         int
	ETag         string
	LastModified string
}

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Name                  string
	Prefix                string
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listed
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) fault {
	q := r.URL.Query()
	out := listing{Name: s.bucket, Prefix: q.Get("prefix"), MaxKeys: 1000}
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		out.MaxKeys = min(n, 1000)
	}
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	var keys []string
	for k := range s.objects {
		if strings.HasPrefix(k, out.Prefix) && k > after {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > out.MaxKeys {
		keys, out.IsTruncated = keys[:out.MaxKeys], true
		out.NextContinuationToken = keys[len(keys)-1]
	}
	for _, k := range keys {
		out.Contents = append(out.Contents, listed{k, len(s.objects[k]), etag(s.objects[k]), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")})
	}
	out.KeyCount = len(keys)
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(out)
	return fault{}
}
