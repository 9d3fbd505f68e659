package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Copy writes the files of the copy m in dir below into, durably, and compares each with
// its checksum. into is to be new. An error's cause may be ErrDamaged: what is below into
// is no node then.
func (m *Manifest) Copy(ctx context.Context, dir, into string) error {
	made := map[string]bool{}
	for _, f := range m.Files {
		to := filepath.Join(into, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		made[filepath.Dir(to)] = true
		if err := f.restore(ctx, dir, to); err != nil {
			return err
		}
	}
	for d := range made {
		if err := syncDir(d); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return syncDir(into)
}

// Verify reads the copy and compares it with its checksums; damaged is told each file
// that is not what was written.
func (m *Manifest) Verify(ctx context.Context, dir string, damaged func(path string, cause error)) error {
	for _, f := range m.Files {
		if err := f.pass(ctx, dir, io.Discard); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			damaged(f.Path, err)
		}
	}
	return nil
}

func (f File) restore(ctx context.Context, dir, to string) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return errors.Join(f.pass(ctx, dir, out), out.Sync(), out.Close())
}

// pass hands the file's octets to w.
func (f File) pass(ctx context.Context, dir string, w io.Writer) error {
	in, err := os.Open(filepath.Join(dir, objects, f.SHA256))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return fmt.Errorf("backup: %s: %w", f.Path, err)
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), reader{ctx, in})
	if err == nil && (n != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256) {
		err = ErrDamaged
	}
	if err != nil {
		return fmt.Errorf("backup: %s: %w", f.Path, err)
	}
	return nil
}
