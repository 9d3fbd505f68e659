package s3

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob/s3/s3test"
)

// The contract over a real server, VersityGW on a directory, where it is installed (make s3).
func TestRealServer(t *testing.T) {
	program, err := exec.LookPath("../../../build/s3/versitygw")
	if err != nil {
		t.Skip("versitygw is not there: make s3")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--port", addr, "--region", s3test.Region, "--quiet", "--keep-alive", "posix", dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s3test.AccessKey, "ROOT_SECRET_ACCESS_KEY="+s3test.SecretKey)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	b := bucket{url: "http://" + addr}
	limit := time.Now().Add(time.Minute)
	for err = b.probe(t); err != nil && time.Now().Before(limit); err = b.probe(t) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Skipf("versitygw does not serve here, which it can't where files have no attributes: %v\n%s", err, &out)
	}
	contract(t, b)
	rewrite(t, b)
	cfg := b.config(t, "", 1)
	cfg.Bucket = "post"
	if err := Probe(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no such bucket") {
		t.Errorf("no such bucket: %v", err)
	}
	cfg = b.config(t, "", 1)
	cfg.SecretKey = "wrong"
	if err := Probe(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "the secret key is wrong") {
		t.Errorf("wrong secret: %v", err)
	}
}

func (b bucket) probe(t *testing.T) error {
	c := b.config(t, "", 1)
	if err := Probe(t.Context(), c); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}
