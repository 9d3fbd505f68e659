package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// TreeCPU returns the processor time that a process has used with all its descendants, of
// those that have ended too, to a hundredth of a second.
func TreeCPU(pid int) (time.Duration, error) {
	var ticks int64
	err := tree(pid, func(_ int, stat []string) {
		for _, field := range stat[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	})
	return time.Duration(ticks) * 10 * time.Millisecond, err
}

// TreeMemory returns the memory of a process with all its descendants in octets; what some
// of them share is counted once (the PSS of proc_pid_smaps(5)).
func TreeMemory(pid int) (octets int64, err error) {
	err = tree(pid, func(pid int, _ []string) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return // it has ended
		}
		for line := range strings.Lines(string(b)) {
			var kib int64
			if _, err := fmt.Sscanf(line, "Pss: %d kB", &kib); err == nil {
				octets += kib << 10
			}
		}
	})
	return octets, err
}

// tree calls f for a process and all its descendants with what /proc/PID/stat has behind the
// name.
func tree(pid int, f func(pid int, stat []string)) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	stats, children := map[int][]string{}, map[int][]int{}
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(filepath.Base(dir))
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		stats[id], children[parent] = fields, append(children[parent], id)
	}
	if stats[pid] == nil {
		return fmt.Errorf("process %d has ended", pid)
	}
	for left := []int{pid}; len(left) > 0; left = left[1:] {
		f(left[0], stats[left[0]])
		left = append(left, children[left[0]]...)
	}
	return nil
}
