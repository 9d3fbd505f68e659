package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// maxKey bounds the file of a key.
const maxKey = 4096

// content checks where messages are kept.
func (l *loader) content() {
	c := &l.cfg.Content.S3
	between(l, "content.s3.cache", c.Cache, 0, 1<<50)
	if c.Endpoint == "" {
		if c.Bucket != "" {
			l.wrong("content.s3.bucket", "names a bucket, and content.s3.endpoint does not say where")
		}
		return
	}
	if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		l.wrong("content.s3.endpoint", "%q is no address such as https://s3.example.org", c.Endpoint)
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`).MatchString(c.Bucket) {
		l.wrong("content.s3.bucket", "%q is no bucket's name", c.Bucket)
	}
	if c.Prefix != "" && !regexp.MustCompile(`^([A-Za-z0-9_.-]+/)+$`).MatchString(c.Prefix) {
		l.wrong("content.s3.prefix", "%q is neither empty nor of the form path/", c.Prefix)
	}
	if c.Region == "" {
		l.wrong("content.s3.region", "names none; where the server has none, us-east-1 does")
	}
	for _, k := range []struct{ name, value, file string }{
		{"access_key", c.AccessKey, c.AccessKeyFile}, {"secret_key", c.SecretKey, c.SecretKeyFile},
	} {
		switch {
		case k.value == "" && k.file == "":
			l.wrong("content.s3."+k.name, "content.s3.%s and content.s3.%s_file are empty: set one of them", k.name, k.name)
		case k.value != "" && k.file != "":
			l.wrong("content.s3."+k.name, "content.s3.%s and content.s3.%s_file are both set", k.name, k.name)
		}
	}
}

// Keys returns the access key and the secret one, out of their files where they are there.
func (c S3) Keys() (access, secret string, err error) {
	access, err1 := keyOf(c.AccessKey, c.AccessKeyFile)
	secret, err2 := keyOf(c.SecretKey, c.SecretKeyFile)
	return access, secret, errors.Join(err1, err2)
}

func keyOf(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("content.s3: %w", err)
	}
	value = strings.TrimSpace(string(b))
	if value == "" || len(b) > maxKey || strings.ContainsAny(value, " \r\n\t") {
		return "", fmt.Errorf("content.s3: %s does not hold one key", file)
	}
	return value, nil
}
