package collector

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dueRows are Rows of accounts that are always due.
type dueRows struct {
	Rows
	mu   sync.Mutex
	list []Account
	done []string
}

func (r *dueRows) Due(_ context.Context, owned bool, limit int) (list []Account, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.list {
		if a.Owned == owned && !slices.Contains(r.done, a.Name) && len(list) < limit {
			list = append(list, a)
		}
	}
	return list, nil
}

func (r *dueRows) Finish(_ context.Context, id int64, _ State, _ time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, r.list[id-1].Name)
	return nil
}

// Servers that owners chose and that never end hold up neither accounts of operators nor those of other mailboxes.
func TestSlowServersOfOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &dueRows{}
		add := func(name string, box int64, owned bool) {
			a := Account{ID: int64(len(rows.list) + 1), Settings: Settings{Name: name, Box: box}}
			a.Owned = owned
			rows.list = append(rows.list, a)
		}
		for _, name := range []string{"slow one", "slow two", "slow three"} {
			add(name, 1, true)
		}
		add("bob's", 2, true)
		add("an operator's", 3, false)
		d := New(Config{
			Rows: rows, Gone: func(*Account) bool { return false }, Buffer: func() (Buffer, error) { return &page{}, nil },
			Tell: func(context.Context, *Account) (bool, error) { return true, nil },
			Dial: func(ctx context.Context, a *Account) (Session, error) {
				if a.Box != 1 {
					return nil, errors.New("it is down")
				}
				<-ctx.Done()
				return nil, context.Cause(ctx)
			},
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now, Most: 1 << 20, AtOnce: 2, RunTime: time.Hour,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		rows.mu.Lock()
		slices.Sort(rows.done)
		if want := []string{"an operator's", "bob's"}; !slices.Equal(rows.done, want) {
			t.Errorf("after a minute %q were visited, want %q", rows.done, want)
		}
		rows.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
