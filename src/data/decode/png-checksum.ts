/** Whether a PNG file is whole: a damaged one need not reach the decoder, of which it would cost an instance. And what it says of its gray. */

/** CRC-32 of ISO 3309, one step a byte (W3C PNG annex D). */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array, start: number, end: number): number {
  const table = CRC_TABLE;
  let value = -1;
  for (let i = start; i < end; i++) value = table[(value ^ bytes[i]!) & 255]! ^ (value >>> 8);
  return ~value >>> 0;
}

/** Walks the chunks after the signature: each within the file and with the right checksum, IEND among them. */
export function isPngIntact(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 8;
  let hasPixels = false;
  while (position + 12 <= bytes.length) {
    const length = view.getUint32(position);
    const end = position + 8 + length;
    if (end + 4 > bytes.length) return false;
    const type = view.getUint32(position + 4);
    if (view.getUint32(end) !== crc32(bytes, position + 4, end)) return false;
    if (type === 0x49444154) hasPixels = true; // IDAT
    if (type === 0x49454e44) return hasPixels; // IEND
    position = end + 4;
  }
  return false;
}

/** Bits of gray that were measured (sBIT, W3C PNG §11.3.3.4), of an intact file; null where it does not say. */
export function significantBits(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let position = 8; position + 12 <= bytes.length; position += 12 + view.getUint32(position)) {
    const type = view.getUint32(position + 4);
    if (type === 0x73424954) return bytes[position + 8]!; // sBIT
    if (type === 0x49444154) return null; // IDAT
  }
  return null;
}
