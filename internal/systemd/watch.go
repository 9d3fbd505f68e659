package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// watchdog reads how often the supervisor wants to hear from a process (sd_watchdog_enabled(3));
// 0: it does not.
func watchdog(micros, pid string, self int) (time.Duration, error) {
	if micros == "" || pid != "" && pid != strconv.Itoa(self) {
		return 0, nil
	}
	n, err := strconv.ParseInt(micros, 10, 64)
	if limit := time.Duration(n) * time.Microsecond; err == nil && n > 0 && limit/time.Microsecond == time.Duration(n) {
		return limit, nil
	}
	return 0, fmt.Errorf("systemd: WATCHDOG_USEC=%q is no time", micros)
}

// Watch tells the supervisor, as long as alive returns nil, that the program is alive, until ctx
// ends. It asks three times in the supervisor's patience, and alive has a third of it; one that
// does not return at all tells nothing, either. Where nobody asked it does nothing.
func (s Supervisor) Watch(ctx context.Context, alive func(context.Context) error, log *slog.Logger) {
	if s.socket == "" || s.patience == 0 {
		return
	}
	tick := time.NewTicker(s.patience / 3)
	defer tick.Stop()
	for {
		if err := ask(ctx, alive, s.patience/3); err != nil {
			log.Error("the supervisor is not told that the node is alive, and may start it anew", "error", err)
		} else if err := s.tell("WATCHDOG=1"); err != nil {
			log.Warn("the supervisor is not told that the node is alive", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func ask(ctx context.Context, alive func(context.Context) error, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return alive(ctx)
}
