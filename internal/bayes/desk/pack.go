package desk

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gatepost/internal/bayes"
)

// maxPacked bounds what packed octets become, in octets.
const maxPacked = 64 << 20

// pack makes octets of deltas: each with its length, all compressed.
func pack(list []bayes.Delta) ([]byte, error) {
	var plain []byte
	for _, d := range list {
		if d.Empty() {
			continue
		}
		b, err := d.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
		plain = append(binary.AppendUvarint(plain, uint64(len(b))), b...)
	}
	if len(plain) == 0 {
		return nil, nil
	}
	return squeeze(plain)
}

// unpack is the opposite of pack.
func unpack(b []byte) (list []bayes.Delta, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxPacked))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	for len(plain) > 0 {
		n, used := binary.Uvarint(plain)
		if used <= 0 || n > uint64(len(plain)-used) {
			return nil, errors.New("unpack: a delta is cut")
		}
		var d bayes.Delta
		if err := d.UnmarshalBinary(plain[used : used+int(n)]); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		list, plain = append(list, d), plain[used+int(n):]
	}
	return list, nil
}

func squeeze(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// packModel makes octets of a model.
func packModel(m *bayes.Model) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := m.WriteTo(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpackModel is the opposite of packModel.
func unpackModel(b []byte) (*bayes.Model, error) {
	return bayes.Read(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxPacked))
}
