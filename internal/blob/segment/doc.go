// Package segment keeps records in an append-only log on local disk, and
// message content on top of it (Store is a blob.Store). Many writers share one
// write and one fdatasync, which is what makes durable mail cheap: at 50 writers
// it takes a tenth of the CPU that a file for each message does.
//
// # The files
//
// A Log is a directory of segments, "00000001.seg", "00000002.seg" … (with a
// label before the number where the owner wants one: "20261122-00000007.seg").
// A segment is frames, one after another; a frame is a header of 40 octets and
// a record:
//
//	 0  magic      "gpf" and the version, 1
//	 4  kind       an octet that the log's owner chooses; 0 is a seal, 1 an index
//	 5  zero       3 octets
//	 8  segment    the segment's number
//	12  length     of the record, in octets
//	16  position   of this frame in the segment as it was first written
//	24  synced     what was known to be durable when this frame was written
//	32  CRC32C     of the record
//	36  CRC32C     of the 36 octets before
//
// Numbers are big-endian. A record's name, its Ref, is its segment's number and
// its position there. Both stand in the header, so no frame is ever taken for
// another one, whatever old blocks a file system hands back after a crash. The header has a CRC of its own so that a walk
// over the segment steps past a damaged record and names it.
//
// # Crashes
//
// A frame is acknowledged after the sync that covers it, and only the last
// segment has frames that were not synced. OpenLog reads that segment and cuts
// it after the last whole frame. Synced tells it damage from a torn tail: all that
// lay below the highest synced in the file was durable once, and may have been
// acknowledged, so it stays, and is reported; what lies above was promised to
// nobody. Close ends the log with a seal, an empty frame by which all before
// it is known to be durable.
//
// Behind the end of the segment that is being written stand zeros, 64 KiB to 1 MiB of them,
// which the frames that follow are written over: a sync of what changes no file's length costs
// a file system half as much. A start cuts them off, and so does the end of a segment.
//
// A block that the disk can't read is damage: walks step over it, and only what has
// octets in it is lost. In the last segment it ends that segment, nothing of which is cut
// then, and the next record goes into a new one.
//
// After a failed sync nobody knows what is on disk, and a second sync that
// succeeds proves nothing (the kernel may have dropped the pages). The log is
// broken then: it takes nothing more until the process starts anew, and reads go
// on. A full disk is no such thing: the half-written group is cut off and the
// log goes on as soon as there is space.
//
// # Compaction
//
// Compact gives back the space of contents that a blob.Register calls dead. A segment
// of which at least half is dead is rewritten: the frames that live are copied, octet
// for octet and in order, into "00000001.kept.new", which is synced, named
// "00000001.kept", and only then is "00000001.seg" removed. So a crash leaves the one or
// the other, and both have all that lives. Names hold, since a frame's position is
// what it was; where it stands now is told by the first frame of the file, an index that
// leads to every 64 KiB. There is no table of what has moved: in memory are the indexes
// of files that are open, at most 64 KiB each and some 4 MiB in all, whatever the
// number of messages.
//
// A segment that is dead altogether is removed. The one that is being written is never
// touched; where half of it is dead and it is big, or the disk is short, it is ended first.
// One whose headers are damaged is left as it is, and so is one of which a record that
// would be copied is not what was put. Who reads a segment that goes keeps
// its file until the content is closed.
//
// What the package does not do: count references, or know what a day is.
package segment
