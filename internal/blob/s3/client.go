package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"gatepost/internal/blob"
)

// Limits of requests.
const (
	tries       = 4
	firstWait   = 100 * time.Millisecond // before the second try; it doubles
	tryLimit    = 10 * time.Second       // for one try, and a second more for each slowRate octets
	wholeLimit  = 30 * time.Second       // for all tries, and the same more
	slowRate    = 1 << 20
	headerLimit = 10 * time.Second // for the first octet of an answer
	dialLimit   = 5 * time.Second
	listPage    = 1000 // objects, which is S3's own bound
)

// errGone: there is no such object, or it is not the one that was meant.
var errGone = errors.New("s3: no such object")

// errSilent: S3 can't be reached, or says that it can't serve now; a later try may do better.
var errSilent = fmt.Errorf("%w for now", blob.ErrAway)

// A client makes requests, each bounded, tried again, and counted by the breaker.
type client struct {
	core    minio.Core
	cfg     Config
	breaker *breaker
}

func newClient(c Config) (*client, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("s3: the endpoint %q is no address such as https://s3.example.org", c.Endpoint)
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	transport.ResponseHeaderTimeout = headerLimit
	transport.MaxIdleConnsPerHost = 2 * maxUploads
	lookup := minio.BucketLookupDNS
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: u.Scheme == "https", Transport: transport,
		Region: c.Region, BucketLookup: lookup, MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	core.SetAppInfo("gatepost", "1")
	return &client{core: *core, cfg: c, breaker: &breaker{now: time.Now}}, nil
}

// wait returns after d, or with ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do runs a request that moves some octets, again where that may help.
func (c *client) do(ctx context.Context, what, key string, octets int64, request func(context.Context) error) error {
	if err := c.breaker.err(); err != nil {
		return fmt.Errorf("s3: %s %s: %w", what, key, err)
	}
	slow := time.Duration(octets/slowRate) * time.Second
	whole, cancel := context.WithTimeout(ctx, wholeLimit+slow)
	defer cancel()
	for try := 1; ; try++ {
		err := c.once(whole, tryLimit+slow, request)
		switch {
		case err == nil:
			c.breaker.note(nil)
			return nil
		case ctx.Err() != nil: // who asked has gone: that is no fault of S3's
			return fmt.Errorf("s3: %s %s: %w", what, key, ctx.Err())
		}
		told, again := c.judge(err)
		if again {
			c.breaker.note(told)
		} else {
			c.breaker.note(nil) // it answers
		}
		if open := c.breaker.err(); again && open != nil {
			told, again = open, false
		}
		if !again || try == tries || c.pause(whole, try) != nil {
			return fmt.Errorf("s3: %s %s: %w", what, key, told)
		}
	}
}

func (c *client) once(ctx context.Context, limit time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return request(ctx)
}

// pause waits before the next try: longer each time, and nodes that failed at once not for the same time.
func (c *client) pause(ctx context.Context, try int) error {
	d := firstWait << (try - 1)
	return c.cfg.wait(ctx, d/2+rand.N(d))
}

// put makes an object. r is read from its beginning at each try.
func (c *client) put(ctx context.Context, key string, r io.ReadSeeker, size int64) error {
	return c.do(ctx, "put", key, size, func(ctx context.Context) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := c.core.Client.PutObject(ctx, c.cfg.Bucket, c.cfg.Prefix+key, r, size, minio.PutObjectOptions{
			ContentType: "application/octet-stream", SendContentMd5: true, DisableMultipart: true,
		})
		return err
	})
}

// get reads n octets of an object at off, and returns its ETag. errGone: it is not there, or
// has another ETag than match, where that is not "", or ends before.
func (c *client) get(ctx context.Context, key string, off, n int64, match string) (b []byte, etag string, err error) {
	err = c.do(ctx, "get", key, n, func(ctx context.Context) error {
		opt := minio.GetObjectOptions{}
		if err := opt.SetRange(off, off+n-1); err != nil {
			return err
		}
		if match != "" {
			if err := opt.SetMatchETag(match); err != nil {
				return err
			}
		}
		body, info, _, err := c.core.GetObject(ctx, c.cfg.Bucket, c.cfg.Prefix+key, opt)
		if err != nil {
			return err
		}
		defer body.Close()
		b, etag = make([]byte, n), info.ETag
		m, err := io.ReadFull(body, b)
		if err == io.ErrUnexpectedEOF && info.Size == int64(m) { // it has no more
			err = errGone
		}
		return err
	})
	return b, etag, err
}

func (c *client) remove(ctx context.Context, key string) error {
	return c.do(ctx, "remove", key, 0, func(ctx context.Context) error {
		return c.core.RemoveObject(ctx, c.cfg.Bucket, c.cfg.Prefix+key, minio.RemoveObjectOptions{})
	})
}

// size returns the size of an object, errGone where there is none.
func (c *client) size(ctx context.Context, key string) (n int64, err error) {
	err = c.do(ctx, "look at", key, 0, func(ctx context.Context) error {
		info, err := c.core.StatObject(ctx, c.cfg.Bucket, c.cfg.Prefix+key, minio.StatObjectOptions{})
		n = info.Size
		return err
	})
	return n, err
}

// An object is one that is listed.
type object struct {
	key  string // without the prefix of all
	size int64
}

// list returns the next objects whose keys begin so, in order, behind a key; none: that was all.
func (c *client) list(ctx context.Context, begin, after string) (page []object, err error) {
	err = c.do(ctx, "list", begin, 0, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		page = nil
		opt := minio.ListObjectsOptions{Prefix: c.cfg.Prefix + begin, Recursive: true, MaxKeys: listPage}
		if after != "" {
			opt.StartAfter = c.cfg.Prefix + after
		}
		for o := range c.core.ListObjectsIter(ctx, c.cfg.Bucket, opt) {
			if o.Err != nil {
				return o.Err
			}
			page = append(page, object{o.Key[len(c.cfg.Prefix):], o.Size})
			if len(page) == listPage {
				return nil
			}
		}
		return ctx.Err()
	})
	return page, err
}

// ping makes one request in spite of the breaker.
func (c *client) ping(ctx context.Context) {
	err := c.once(ctx, tryLimit, func(ctx context.Context) error {
		_, err := c.core.StatObject(ctx, c.cfg.Bucket, c.cfg.Prefix+ownerKey, minio.StatObjectOptions{})
		return err
	})
	if err == nil || ctx.Err() != nil {
		c.breaker.note(nil)
		return
	}
	told, again := c.judge(err)
	if !again {
		told = nil // it answers
	}
	c.breaker.note(told)
}

// judge puts an error into the words of who has to mend it. again: another try may do better, and
// when none does S3 is away.
func (c *client) judge(err error) (told error, again bool) {
	if errors.Is(err, errGone) {
		return err, false
	}
	e := minio.ErrorResponse{}
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %s does not answer: %w", errSilent, c.cfg.Endpoint, err), true
	}
	bucket := fmt.Sprintf("bucket %q at %s", c.cfg.Bucket, c.cfg.Endpoint)
	advice := ""
	switch e.Code {
	case "NoSuchKey", "PreconditionFailed", "InvalidRange":
		return errGone, false
	case "NoSuchBucket":
		advice = "there is no such bucket: make it, or mend content.s3.bucket and content.s3.endpoint"
	case "AccessDenied", "AllAccessDisabled":
		advice = "the key has no right to this: it needs s3:GetObject, s3:PutObject, s3:DeleteObject on the prefix and s3:ListBucket on the bucket"
	case "InvalidAccessKeyId":
		advice = "the access key is not known there: mend content.s3.access_key_file"
	case "SignatureDoesNotMatch":
		advice = "the secret key is wrong, or something between changes requests: mend content.s3.secret_key_file"
	case "RequestTimeTooSkewed":
		advice = "this host's clock is wrong: have it set by NTP"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException":
		advice = "the bucket is in another region: mend content.s3.region and content.s3.endpoint"
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage":
		return fmt.Errorf("%w: %s is full: %s", blob.ErrFull, bucket, e.Message), false
	}
	switch {
	case advice != "":
		return fmt.Errorf("%w: %s: %s (%s)", blob.ErrAway, bucket, advice, e.Code), false
	case e.StatusCode == 404 || e.StatusCode == 412 || e.StatusCode == 416:
		return errGone, false
	}
	again = e.StatusCode >= 500 || e.StatusCode == 429 || e.StatusCode == 408 || e.Code == "RequestTimeout" || e.Code == "SlowDown" || e.Code == "BadDigest"
	cause := blob.ErrAway
	if again {
		cause = errSilent
	}
	return fmt.Errorf("%w: %s answered %d %s: %s", cause, bucket, e.StatusCode, e.Code, e.Message), again
}
