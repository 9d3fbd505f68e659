package segment

import "io"

// An FS is one flat directory, as far as a log needs it. OS is the real one; the
// tests have one whose power fails.
type FS interface {
	// Create makes a new empty file, open for reading and writing; an error when
	// the name is taken. The name is durable after SyncDir.
	Create(name string) (File, error)
	// Open opens a file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, in place of the file that has it, if any.
	Rename(from, to string) error
	// Remove removes a name.
	Remove(name string) error
	// List returns the names in the directory, in any order.
	List() ([]string, error)
	// SyncDir makes names made, changed and removed so far durable.
	SyncDir() error
	// Free returns how many octets may still be written.
	Free() (int64, error)
}

// A File is an open file. Reads and writes may come from many goroutines.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the file's length in octets.
	Size() (int64, error)
	// Truncate changes the file's length.
	Truncate(size int64) error
	// Sync makes content and length durable.
	Sync() error
}
