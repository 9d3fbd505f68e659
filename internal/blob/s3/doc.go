// Package s3 keeps message content in a bucket of S3, or of what speaks its protocol, so
// that several nodes on one database serve the same mail (Store is a blob.Store and a
// blob.Compacter).
//
// # Objects
//
// All contents that come within 20 ms, 4 MiB at most, are packed into one object: a
// request costs as much for one as for many. A content over 1 MiB has an object of its own.
// An object is never changed. It has its contents, one after another, then an index, an entry
// of 20 octets for each, then a foot of 20 octets:
//
//	entry  offset, position, length (8), CRC32C
//	foot   magic "gps" and the version, 1; how many entries; CRC32C of them; 4 of zero; CRC32C of the foot
//
// Numbers are big-endian and of 4 octets, where nothing else is said. A content over 1 MiB is followed by
// the CRC32C of each MiB of it, and its own checksum is that of this table: so any MiB of it
// can be read, and trusted, alone. An empty content takes one octet.
//
// A content's id names all that reading it needs: object, offset, length and checksum, in
// base 32. An object's name is the time in milliseconds and the number of the node's process,
// which no other process ever gets. So nobody is asked before an object is made, and ids sort by time.
//
// # Durability
//
// Put returns when S3 has answered the request that brought the object, which carried a
// checksum. A request that fails is tried again, a few times, with growing waits in
// between. When requests fail one after another the store gives them up at once for some seconds
// (blob.ErrAway) and asks by itself whether S3 is back.
//
// # Reading
//
// What is put and what is read stays in a cache on the node's own disk, of a bounded size, each
// MiB by itself; it is checked like what comes from S3. So what was read lately is there without S3, too.
//
// # Compaction
//
// One node at a time goes over the objects (the caller sees to that). An object whose contents are all
// dead is removed. One of which half is dead is copied, without the dead, to its name with
// ".kept" behind it, and then removed: ids hold, since the index of the copy says where each
// content is now. A copy is copied over itself. Rows go before octets do (see blob.Register).
//
// What it does not do: make the bucket, count references, or encrypt.
package s3
