package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gatepost/internal/backup"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/store"
)

// restoring is where a restore works, in the data directory: what is there is removed by the
// next one.
const restoring = "restoring"

// Restore makes the node of the newest backup in dir: into the data directory that c names, and
// into its database, both of which are to be empty. Every file is compared with its checksum.
// A restore that ends before its time leaves a data directory without rows, and a database
// that no node opens.
func Restore(ctx context.Context, c *config.Config, dir string, log *slog.Logger) (ops.Restored, error) {
	m, err := backup.Newest(dir)
	if errors.Is(err, backup.ErrNone) {
		return ops.Restored{}, control.NotFound("%v", err)
	}
	if err != nil {
		return ops.Restored{}, err
	}
	if err := fits(m, c); err != nil {
		return ops.Restored{}, err
	}
	lock, err := control.Claim(c.Data)
	if err != nil {
		return ops.Restored{}, err
	}
	defer lock.Release()
	if err := isEmpty(c.Data); err != nil {
		return ops.Restored{}, err
	}
	room := filepath.Join(c.Data, restoring)
	if err := errors.Join(os.RemoveAll(room), os.Mkdir(room, 0o700)); err != nil {
		return ops.Restored{}, fmt.Errorf("restore: %w", err)
	}
	if err := m.Copy(ctx, dir, room); err != nil {
		return ops.Restored{}, err
	}
	if err := restoreRows(ctx, c, room); err != nil {
		return ops.Restored{}, err
	}
	if err := moveIn(room, c.Data); err != nil {
		return ops.Restored{}, fmt.Errorf("restore: %w", err)
	}
	log.Info("restored", "backup", dir, "made", m.Made, "data", c.Data)
	return ops.Restored{Data: c.Data, Made: m.Made, Host: m.Host, Files: len(m.Files), Octets: m.Octets()}, nil
}

// fits refuses rows of another engine than the configuration's.
func fits(m *backup.Manifest, c *config.Config) error {
	want := "sqlite"
	if c.Store.DSN != "" {
		want = "postgresql"
	}
	if m.Engine != want {
		return control.Misused("the backup's rows are of %s, and the configuration (store.dsn) is for %s", m.Engine, want)
	}
	return nil
}

// own are names in a data directory that are no node's contents: what Claim makes, and
// what a restore before this one left.
var own = [...]string{"lock", "control.sock", restoring, "lost+found"}

func isEmpty(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range entries {
		if !slices.Contains(own[:], e.Name()) {
			return control.Misused("%s is not empty: it has %s; a restore goes into an empty directory", data, e.Name())
		}
	}
	return nil
}

func restoreRows(ctx context.Context, c *config.Config, room string) error {
	if c.Store.DSN == "" {
		db, err := store.Open(ctx, filepath.Join(room, store.FileName))
		if err != nil {
			return err
		}
		return errors.Join(db.Restored(ctx), db.Close())
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("restore: the host's name: %w", err)
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := store.Import(ctx, c.Store.DSN, store.Node{Host: host, PID: os.Getpid(), Data: data}, room); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(room, "rows"))
}

// moveIn gives files their places, the database last: a node that is started before has
// nothing to serve.
func moveIn(room, data string) error {
	entries, err := os.ReadDir(room)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return strings.Compare(rank(a.Name()), rank(b.Name()))
	})
	for _, e := range entries {
		if err := os.Rename(filepath.Join(room, e.Name()), filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(room); err != nil {
		return err
	}
	d, err := os.Open(data)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// rank puts the database behind all else.
func rank(name string) string {
	if name == store.FileName {
		return "\xff"
	}
	return name
}
