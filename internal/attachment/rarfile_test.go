package attachment

import (
	"encoding/binary"
	"hash/crc32"
)

// rar4 makes an archive of RAR 1.5 to 4 with one stored file.
func rar4(name string, data []byte, flags uint16) []byte {
	b := []byte("Rar!\x1a\x07\x00")
	b = append(b, header4(0x73, 0, make([]byte, 6))...)
	var body []byte
	body = binary.LittleEndian.AppendUint32(body, uint32(len(data)))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(data)))
	body = append(body, 2) // Windows
	body = binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(data))
	body = append(body, 0, 0, 0, 0, 20, 0x30)
	body = binary.LittleEndian.AppendUint16(body, uint16(len(name)))
	body = append(body, 0x20, 0, 0, 0)
	body = append(body, name...)
	b = append(b, header4(0x74, 0x8000|flags, body)...)
	b = append(b, data...)
	return append(b, header4(0x7b, 0x4000, nil)...)
}

func header4(kind byte, flags uint16, body []byte) []byte {
	h := []byte{kind}
	h = binary.LittleEndian.AppendUint16(h, flags)
	h = binary.LittleEndian.AppendUint16(h, uint16(7+len(body)))
	h = append(h, body...)
	return append(binary.LittleEndian.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
}

// rar5 makes an archive of RAR 5 with one stored file.
func rar5(name string, data []byte) []byte {
	b := []byte("Rar!\x1a\x07\x01\x00")
	b = append(b, header5([]byte{1, 0, 0})...) // the archive: type, flags, its flags
	h := []byte{2, 2}                          // a file, with data behind it
	h = binary.AppendUvarint(h, uint64(len(data)))
	h = append(h, 4) // it has a checksum
	h = binary.AppendUvarint(h, uint64(len(data)))
	h = binary.AppendUvarint(h, 0x20)
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(data))
	h = append(h, 0, 0) // stored; Windows
	h = binary.AppendUvarint(h, uint64(len(name)))
	h = append(h, name...)
	b = append(b, header5(h)...)
	b = append(b, data...)
	return append(b, header5([]byte{5, 0, 0})...)
}

func header5(body []byte) []byte {
	h := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...)
}
