package app

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// seal encrypts what is to be kept secret in a row, by a secret of the store (AES-256-GCM). what says
// where it stands: moved to another row it can't be opened.
func (a *App) seal(ctx context.Context, secret string, plain, what []byte) ([]byte, error) {
	c, err := a.cipher(ctx, secret)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize())
	rand.Read(nonce)
	return c.Seal(nonce, nonce, plain, what), nil
}

// unseal opens what seal has made.
func (a *App) unseal(ctx context.Context, secret string, sealed, what []byte) ([]byte, error) {
	c, err := a.cipher(ctx, secret)
	if err != nil {
		return nil, err
	}
	if len(sealed) < c.NonceSize() {
		return nil, errors.New("the secret is damaged")
	}
	return c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], what)
}

func (a *App) cipher(ctx context.Context, secret string) (cipher.AEAD, error) {
	key, err := a.store.Secret(ctx, secret)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
