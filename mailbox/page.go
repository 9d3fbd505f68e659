package mailbox

import "context"

// Programs ask the same of many messages when they list a folder, and it never changes: what
// ENVELOPE tells, some fields of the header. A page has it of all messages of a block of UIDs, so that
// a folder is listed by one row of the store for each block, and without the messages' content.
//
// Pages are made behind deliveries, once no more messages can come into a block, or by who reads a block that has
// none, and are gone with the first message that leaves it. What is in them is elsewhere too, so that they can be
// thrown away at any time.

// PageUIDs is how many UIDs a block has.
const PageUIDs = 64

// BlockOf returns the block of a UID.
func BlockOf(u UID) uint32 { return uint32(u / PageUIDs) }

// A PageKind says what a page has of its messages. The store keeps the number: what a kind has
// never becomes another thing.
type PageKind uint8

// A Page is one block's.
type Page struct {
	Block    uint32
	Kind     PageKind
	Messages int    // all that are in the block
	Data     []byte // in a form that is its maker's affair
}

// A Pager keeps pages.
type Pager interface {
	// Pages returns those of a kind that are kept of the blocks from first to last, in order.
	Pages(ctx context.Context, folder int64, kind PageKind, first, last uint32) ([]Page, error)
	// KeepPages keeps pages, in place of those that are there. Of a block from which a message has gone
	// meanwhile, or that may get more, none is kept. They may be lost when the host falls.
	KeepPages(ctx context.Context, folder int64, pages []Page) error
}

// A FolderBlock is a block of a folder.
type FolderBlock struct {
	Folder int64
	Block  uint32
}

// A PageFinder finds pages that are not there.
type PageFinder interface {
	// Unpaged returns the blocks that have messages of a batch, can get no more and have no page of a kind.
	Unpaged(ctx context.Context, b TextBatch, kind PageKind) ([]FolderBlock, error)
}
