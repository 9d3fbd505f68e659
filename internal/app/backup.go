package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatepost/internal/backup"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// Directories and files of the data directory that a backup has, the rows apart. The lock, the
// socket, the spool and the reserve are the process's own.
const (
	blobsDir   = "blobs"
	journalDir = "journal"
	packsDir   = "packs"
	selfSigned = "self-signed.pem"
)

// maxBackup bounds a backup: a content that rows name is removed a day after they let
// it go, and not before.
const maxBackup = 20 * time.Hour

// backup copies the node into a directory. Rows first: all that they name was durable before
// them, so it is in the segments that are copied after.
func (a *App) backup(ctx context.Context, q ops.Backup) (ops.BackupReport, error) {
	if err := a.backupPlace(q.Dir); err != nil {
		return ops.BackupReport{}, err
	}
	lock, err := control.Claim(q.Dir)
	if errors.Is(err, control.ErrLocked) {
		return ops.BackupReport{}, fmt.Errorf("backup: another backup is being made in %s: %w", q.Dir, err)
	}
	if err != nil {
		return ops.BackupReport{}, err
	}
	defer lock.Release()
	defer a.days.Hold()()
	a.backups.Add(1)
	defer a.backups.Add(-1)
	host, _ := os.Hostname() // it is told for people only
	m := backup.Manifest{Made: a.now(), Host: host, Engine: a.store.Engine()}
	ctx, cancel := context.WithTimeoutCause(ctx, maxBackup, fmt.Errorf("it takes longer than %v", maxBackup))
	defer cancel()
	w, err := backup.Begin(q.Dir, m)
	if err != nil {
		return ops.BackupReport{}, err
	}
	if err := a.copyNode(ctx, w); err != nil {
		return ops.BackupReport{}, errors.Join(err, w.Abort())
	}
	r, err := w.Commit(q.Keep)
	if err != nil {
		return ops.BackupReport{}, errors.Join(err, w.Abort())
	}
	a.log.Info("backup made", "directory", q.Dir, "files", r.Files, "octets", r.Octets, "copied", r.Copied)
	return ops.BackupReport{Dir: q.Dir, Made: m.Made.UTC(), Files: r.Files, Octets: r.Octets, Copied: r.Copied}, nil
}

// backupPlace refuses a directory in the data directory, or around it: what is lost with the
// one is lost with the other.
func (a *App) backupPlace(dir string) error {
	if !filepath.IsAbs(dir) {
		return control.Misused("%q is no absolute path", dir)
	}
	data, err := filepath.Abs(a.config.Load().Data)
	if err != nil {
		return err
	}
	if within(dir, data) || within(data, dir) {
		return control.Misused("a backup does not go into the data directory %s, nor around it", data)
	}
	return nil
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (a *App) copyNode(ctx context.Context, w *backup.Writer) error {
	names, err := a.store.Export(ctx, w.Room())
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.Take(ctx, name, filepath.Join(w.Room(), filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	keep := func(dir string) func(string, int64, io.ReaderAt) error {
		return func(name string, size int64, r io.ReaderAt) error { return w.Keep(ctx, dir+"/"+name, size, r) }
	}
	if a.segments != nil { // else contents are in the bucket, and stay there
		if err := a.segments.Segments(ctx, keep(blobsDir)); err != nil {
			return err
		}
	}
	if err := a.days.Segments(ctx, keep(journalDir)); err != nil {
		return err
	}
	return a.copyFiles(ctx, w)
}

// copyFiles copies what is beside the rows and the logs.
func (a *App) copyFiles(ctx context.Context, w *backup.Writer) error {
	root := os.DirFS(a.config.Load().Data)
	for _, top := range []string{packsDir, selfSigned} {
		err := fs.WalkDir(root, top, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // never made, or replaced just now
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := root.Open(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			defer f.Close()
			return w.Put(ctx, path, f)
		})
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return nil
}
