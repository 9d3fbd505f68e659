package mail

// A View is how one recipient's copy is served: Prefix, then the content from
// octet Skip on. The content itself stays as it was received, once, for all;
// fields added for a recipient stand in Prefix, and where fields were removed
// (forged trace fields, an old Subject) Prefix also repeats what else stood before
// Skip. The zero View serves the content as it came.
type View struct {
	Prefix []byte
	Skip   int64
}

// Size returns the octets served for a content of size octets.
func (v View) Size(size int64) int64 { return int64(len(v.Prefix)) + size - v.Skip }
