package imap

import (
	"context"
	"errors"
	"io"
	"net/netip"

	"gatepost/internal/blob"
)

// nobody knows no user.
type nobody struct{}

func (nobody) Login(context.Context, string, string, netip.Addr) (int64, string, error) {
	return 0, "", errNothing
}

// void keeps no content.
type void struct{}

func (void) Put(context.Context, io.Reader, int64) (blob.ID, error) { return "", errNothing }
func (void) Open(context.Context, blob.ID) (blob.Content, error) {
	return nil, errors.Join(errNothing, blob.ErrNotFound)
}
