package ops

import "time"

// Backup makes a copy of the whole node in a directory, while it serves.
type Backup struct {
	Dir  string `json:"dir"`  // absolute; made where it is missing
	Keep int    `json:"keep"` // copies that stay; 0: one
}

// A BackupReport is what was done.
type BackupReport struct {
	Dir    string    `json:"dir"`
	Made   time.Time `json:"made"`   // what was accepted before it is in the copy
	Files  int       `json:"files"`  // of the copy
	Octets int64     `json:"octets"` // of the copy
	Copied int64     `json:"copied"` // octets of them that were not there before
}

// A Restored is what a restore did.
type Restored struct {
	Data   string    `json:"data"` // the data directory
	Made   time.Time `json:"made"` // when the backup was
	Host   string    `json:"host"` // of the node that made it
	Files  int       `json:"files"`
	Octets int64     `json:"octets"`
}

// Op names the operation.
func (Backup) Op() string { return "backup" }
