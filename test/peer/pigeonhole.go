package peer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A SieveCase is a script that sieve-test of Pigeonhole, Dovecot's Sieve, runs over a message.
type SieveCase struct {
	Script, Message string
	From, To        string // the envelope
}

// sieveConfig: folders need not exist, since sieve-test files nothing. It runs as nobody.
const sieveConfig = `mail_uid = nobody
mail_gid = nogroup
mail_home = /mnt/home
mail_location = maildir:/mnt/mail
log_path = /dev/stderr
plugin {
  sieve_extensions = +editheader +spamtest +spamtestplus +virustest +vacation-seconds
  sieve_editheader_max_header_size = 4k
}
`

// sieveRun mounts the package's /usr over the machine's, the cases to /mnt, and runs them all.
const sieveRun = `
mount -t overlay overlay -o ro,lowerdir="$1/usr":/usr /usr &&
	mount --bind "$2" /mnt || exit 77
cd /mnt
n=0
while [ -f $n.sieve ]; do
	LD_LIBRARY_PATH=/usr/lib/dovecot sieve-test -c /mnt/dovecot.conf -f "$(cat $n.from)" -r "$(cat $n.to)" $n.sieve $n.eml >$n.out 2>&1 || true
	n=$((n + 1))
done`

// Sieve returns what sieve-test prints for each case, warnings and errors included. The directory is
// for its files, and others may read it.
func Sieve(ctx context.Context, dir string, cases []SieveCase) ([]string, error) {
	pkg, err := unpacked("dovecot-sieve")
	if err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: only root can mount sieve-test's directory", ErrMissing)
	}
	files := map[string]string{"dovecot.conf": sieveConfig}
	for i, c := range cases {
		for end, content := range map[string]string{"sieve": c.Script, "eml": c.Message, "from": c.From, "to": c.To} {
			files[fmt.Sprintf("%d.%s", i, end)] = content
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil { // the compiled scripts are kept there
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-ec", sieveRun, "sieve", pkg, dir)
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == noMounts || cmd.ProcessState == nil {
			err = fmt.Errorf("%w: no mounts of its own: %w", ErrMissing, err)
		}
		return nil, fmt.Errorf("peer: sieve-test: %w\n%s", err, out)
	}
	list := make([]string, len(cases))
	for i := range cases {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.out", i)))
		if err != nil {
			return nil, err
		}
		list[i] = string(bytes.TrimSpace(b))
	}
	return list, nil
}
