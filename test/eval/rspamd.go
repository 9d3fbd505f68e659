package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gatepost/test/peer"
)

// rspamd is Rspamd's Bayes over HTTP, with Redis behind it.
type rspamd struct {
	redis, engine    *peer.Engine
	scanner, control *http.Client
}

func startRspamd(string) (learner, error) {
	redis, err := peer.StartRedis()
	if err != nil {
		return nil, err
	}
	engine, err := peer.StartRspamdBayes(redis.Addr)
	if err != nil {
		redis.Stop()
		return nil, err
	}
	var d net.Dialer
	control := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", engine.Socket)
	}}
	return &rspamd{redis, engine, &http.Client{Timeout: time.Minute}, &http.Client{Timeout: time.Minute, Transport: control}}, nil
}

func (r *rspamd) classify(path string) (float64, bool, error) {
	b, err := post(r.scanner, "http://"+r.engine.Addr+"/checkv2", path)
	if err != nil {
		return 0, false, err
	}
	var answer struct {
		Symbols map[string]struct {
			Options []string `json:"options"`
		} `json:"symbols"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return 0, false, fmt.Errorf("rspamd: %s: %w", path, err)
	}
	p := answer.Symbols["PROBABILITY"].Options
	if len(p) == 0 {
		return 0.5, false, nil // it knows too few of its words
	}
	score, err := strconv.ParseFloat(p[0], 64)
	_, spam := answer.Symbols["BAYES_SPAM"]
	return score, spam, err
}

func (r *rspamd) learn(path string, spam bool) error {
	verb := "learnham"
	if spam {
		verb = "learnspam"
	}
	_, err := post(r.control, "http://rspamd/"+verb, path)
	return err
}

// post sends a file. That a message was learnt before (208), or need not be (204), is no error.
func post(client *http.Client, url, path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Password", "secret")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s: %s: %s", url, path, resp.Status, b)
	}
	return b, err
}

func (r *rspamd) cpu() (time.Duration, error) {
	a, err := r.engine.CPU()
	if err != nil {
		return 0, err
	}
	b, err := r.redis.CPU()
	return a + b, err
}

// stop returns the size of Redis's dump, which is compressed.
func (r *rspamd) stop() (int64, error) {
	defer r.redis.Stop()
	r.engine.Stop()
	c, err := net.DialTimeout("tcp", r.redis.Addr, time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "SAVE\r\n"); err != nil {
		return 0, err
	}
	if _, err := c.Read(make([]byte, 64)); err != nil {
		return 0, fmt.Errorf("redis: SAVE: %w", err)
	}
	info, err := os.Stat(filepath.Join(r.redis.Dir, "dump.rdb"))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
