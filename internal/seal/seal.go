// Package seal encrypts what is to be kept secret in a row (AES-256-GCM).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// Seal encrypts plain with a key of 32 octets. what says where it stands: moved to another row it
// can't be opened.
func Seal(key, plain, what []byte) ([]byte, error) {
	c, err := with(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize())
	rand.Read(nonce)
	return c.Seal(nonce, nonce, plain, what), nil
}

// Open returns what Seal has encrypted.
func Open(key, sealed, what []byte) ([]byte, error) {
	c, err := with(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < c.NonceSize() {
		return nil, errors.New("the secret is damaged")
	}
	return c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], what)
}

func with(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
