package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds a request and a response, in bytes: a message of 64 MiB in
// base64, and its envelope.
const maxFrame = 96 << 20

// ErrTooLong: a request or response exceeds the limit.
var ErrTooLong = errors.New("control: too long")

type request struct {
	Op     string          `json:"op"`
	Params json.RawMessage `json:"params"`
}

type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// writeFrame writes v if it takes no more than most bytes.
func writeFrame(w io.Writer, v any, most int) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("control: write: %w", err)
	}
	if len(body) > most {
		return ErrTooLong
	}
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return fmt.Errorf("control: write: %w", err)
	}
	return nil
}

// readFrame reads into v what takes no more than most bytes. Memory grows with what has come in, not with what the
// length promises.
func readFrame(r io.Reader, v any, most int) error {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return fmt.Errorf("control: read: %w", err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if int64(n) > int64(most) {
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
