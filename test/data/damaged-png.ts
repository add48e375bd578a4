/** PNG files whose checksums are right and whose pixels are not: nothing but the decoder finds them out. */
import { deflateSync } from 'node:zlib';

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  let crc = -1;
  for (const byte of bytes.subarray(4, 8 + data.length)) crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  bytes.writeUInt32BE(~crc >>> 0, 8 + data.length);
  return bytes;
}

/** 8-bit RGB; the pixels as they are stored, packed by zlib or by nothing that is. */
export function png(width: number, height: number, packed: Uint8Array, colorType = 2): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, colorType, 0, 0, 0], 8);
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  return new Uint8Array([
    ...signature,
    ...chunk('IHDR', header),
    ...chunk('IDAT', packed),
    ...chunk('IEND', new Uint8Array()),
  ]);
}

/** 4×4 pixels in what is no stream of zlib. */
export const damagedPng = (): Uint8Array<ArrayBuffer> => png(4, 4, Uint8Array.of(0x78, 0x9c, 0xff, 0xff, 0xff));

/** Says that it is large, and has the first of its rows. */
export function unfinishedPng(side: number): Uint8Array<ArrayBuffer> {
  return png(side, side, deflateSync(Buffer.alloc((3 * side + 1) * Math.ceil(side / 10))).subarray(0, -6));
}
