// Package picture looks at the images of a message: what a person who sees them could be
// led by, without drawing anything.
//
//	r := picture.NewReader(runtime.NumCPU())
//	for _, p := range r.Of(ctx, message) {
//		p.Hash  // like pictures have hashes that differ in few bits
//		p.Codes // what its QR codes say
//	}
//
// An image is hostile until it is decoded: a file of a hundred octets may ask for gigabytes. So its
// size is read first, what would need more than MaxMemory is not decoded, no more are decoded at
// a time than the Reader was told, and only the first picture of an animation is. PNG,
// JPEG, GIF, BMP and WebP are read; SVG, TIFF and HEIC are not.
//
// The hash is the 64-bit DCT hash known as pHash: the signs of the picture's 64 lowest
// frequencies, which survive another size, compression or a little noise. QR codes (ISO/IEC 18004)
// are found by our own search for their three corners, whose work is bounded, and read by gozxing.
package picture
