/** Whether a PNG file is whole: a damaged one need not reach the decoder, of which it would cost an instance. And what it says of its gray. */
import { crc32 } from '../../crc32.ts';

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
    if (view.getUint32(end) !== crc32(bytes.subarray(position + 4, end))) return false;
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
