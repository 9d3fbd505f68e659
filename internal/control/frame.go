package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFrame bounds a request and a response, in bytes: a message of 64 MiB in
// base64, and its envelope.
const MaxFrame = 96 << 20

// ErrTooLong: a request or response exceeds MaxFrame.
var ErrTooLong = errors.New("control: too long")

type request struct {
	Op     string          `json:"op"`
	Params json.RawMessage `json:"params"`
}

type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("control: write: %w", err)
	}
	if len(body) > MaxFrame {
		return ErrTooLong
	}
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return fmt.Errorf("control: write: %w", err)
	}
	return nil
}

// readFrame reads into v. Memory grows with what has come in, not with what the
// length promises.
func readFrame(r io.Reader, v any) error {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return fmt.Errorf("control: read: %w", err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > MaxFrame {
		return ErrTooLong
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(body) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("control: read: %w", err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("control: read: %w", err)
	}
	return nil
}
