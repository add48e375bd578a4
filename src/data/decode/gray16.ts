/** Gray of 16 bits, most of which are often not used: cameras and scanners give 10, 12 or 14. */
import type { RgbImage } from '../image.ts';

/** How many bits such files have in fact, where they do not say. */
const USUAL = [8, 10, 12, 14, 16];

/**
 * The upper 8 of the bits that are used.
 * @param significant of a PNG's sBIT: how many bits were measured; null where the file does not say
 */
export function fromGray16(
  values: Uint16Array,
  width: number,
  height: number,
  significant: number | null,
): RgbImage {
  let most = 0;
  let any = 0;
  for (const value of values) {
    if (value > most) most = value;
    any |= value;
  }
  const { bits, note } = bitsOf(most, any, significant);
  const data = new Uint8Array(3 * values.length);
  for (let p = 0; p < values.length; p++) data.fill(values[p]! >> (bits - 8), 3 * p, 3 * p + 3);
  return { width, height, data, ...(note === null ? {} : { note }) };
}

function bitsOf(
  most: number,
  any: number,
  significant: number | null,
): { bits: number; note: string | null } {
  if (significant !== null && significant >= 8 && significant < 16) {
    // PNG wants values that fill all 16 bits, and so leave the lowest ones 0 or repeated; many writers leave the highest ones 0.
    const raw = most < 2 ** significant && (any & (2 ** (16 - significant) - 1)) !== 0;
    return { bits: raw ? significant : 16, note: null };
  }
  const bits = USUAL.find((depth) => most < 2 ** depth)!;
  if (bits === 16) return { bits, note: null };
  const words = `16-bit gray of values up to ${most}, and no sBIT that says of how many bits: taken as ${bits}`;
  return { bits, note: most === 0 ? null : words };
}
