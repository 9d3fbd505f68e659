// Package attachment says what is in a message's attachments: what each file is by its
// content and by its name, what archives, documents and mails in it hold, and what of that
// is dangerous. It is used by
//
//	report, err := attachment.Inspect(ctx, message, attachment.DefaultLimits())
//
// and knows nothing of what follows: the classes of its flags are the words of the filter
// attachment, which gives each an effect.
//
// All input is hostile. What is read is bounded by Limits: octets that come out of
// decompressors, files, depth, memory and time. Nothing is allocated because a header says
// so: directories are read entry by entry, dictionaries are no larger than what memory is
// left, and content is kept in memory only as it comes. So archives whose readers obey
// their headers are read here, by small readers that do not (7z, xz, cab, iso; RAR before
// version 5 by its names); deflate, bzip2, LZMA, zstd, RAR 5 and the container of old office
// files are read by libraries. Their panics are findings.
//
// An attachment is decoded in one pass, in which it is hashed. One that is small stays in
// memory; of a large one only is remembered where in the message each 64 KiB of it begin,
// so that an archive's directory can be read at its end without a copy (see source).
package attachment
