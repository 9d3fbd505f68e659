package app

import (
	"context"

	"gatepost/internal/seal"
)

// seal encrypts what is to be kept secret in a row, by a secret of the store. what says where it
// stands: moved to another row it can't be opened.
func (a *App) seal(ctx context.Context, secret string, plain, what []byte) ([]byte, error) {
	key, err := a.store.Secret(ctx, secret)
	if err != nil {
		return nil, err
	}
	return seal.Seal(key, plain, what)
}

// unseal opens what seal has made.
func (a *App) unseal(ctx context.Context, secret string, sealed, what []byte) ([]byte, error) {
	key, err := a.store.Secret(ctx, secret)
	if err != nil {
		return nil, err
	}
	return seal.Open(key, sealed, what)
}
