/** The first directory of a TIFF file (Adobe's TIFF 6.0, sections 2 and 8): where its pixels are, and what they mean. */

export interface TiffTags {
  readonly littleEndian: boolean;
  readonly width: number;
  readonly height: number;
  /** Of each sample; all have as many. */
  readonly bits: number;
  readonly samples: number;
  readonly compression: number;
  /** 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK. */
  readonly photometric: number;
  /** 1 none, 2 differences along a row. */
  readonly predictor: number;
  /** Samples of a pixel lie together, else each has a plane of its own. */
  readonly together: boolean;
  /** 1 unsigned whole numbers; others are not decoded. */
  readonly sampleFormat: number;
  /** Whether bits fill a byte from the lowest. */
  readonly reversedBits: boolean;
  /** Width and height of a piece: a strip is as wide as the image. */
  readonly pieceWidth: number;
  readonly pieceHeight: number;
  readonly tiled: boolean;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
  /** 1 as it is; see tiff-orientation.ts. */
  readonly orientation: number;
  /** Three times 2^bits values of 16 bits: reds, greens, blues. */
  readonly palette: readonly number[] | null;
}

const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };
/** A file with more pieces, or a longer palette, is damaged. */
const MOST_VALUES = 1_000_000;

/** Null where there is no directory, or no size in it. Reads no further than the bytes. */
export function readTiffTags(bytes: Uint8Array): TiffTags | null {
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = bytes[0] === 0x49;
  const start = view.getUint32(4, littleEndian);
  if (start < 8 || start + 2 > bytes.length) return null;
  const entries = view.getUint16(start, littleEndian);
  const found = new Map<number, number[]>();
  for (let i = 0; i < entries; i++) {
    const at = start + 2 + 12 * i;
    if (at + 12 > bytes.length) return null;
    const tag = view.getUint16(at, littleEndian);
    const size = BYTES_OF_TYPE[view.getUint16(at + 2, littleEndian)];
    const count = view.getUint32(at + 4, littleEndian);
    // Other types are descriptions, which do not matter here.
    if (size === undefined || count > MOST_VALUES || !KNOWN.has(tag)) continue;
    const from = size * count <= 4 ? at + 8 : view.getUint32(at + 8, littleEndian);
    if (from + size * count > bytes.length) return null;
    const values: number[] = [];
    for (let k = 0; k < count; k++) {
      const place = from + k * size;
      values.push(
        size === 1
          ? bytes[place]!
          : size === 2
            ? view.getUint16(place, littleEndian)
            : view.getUint32(place, littleEndian),
      );
    }
    found.set(tag, values);
  }
  const one = (tag: number, otherwise: number): number => found.get(tag)?.[0] ?? otherwise;
  const width = one(TAGS.width, 0);
  const height = one(TAGS.height, 0);
  const tileOffsets = found.get(TAGS.tileOffsets);
  const tiled = tileOffsets !== undefined;
  const samples = one(TAGS.samples, 1);
  return {
    ...{ littleEndian, width, height, samples, tiled },
    // Samples of several sizes are of no kind that is decoded.
    bits: new Set(found.get(TAGS.bits) ?? [1]).size === 1 ? one(TAGS.bits, 1) : 0,
    compression: one(TAGS.compression, 1),
    photometric: one(TAGS.photometric, samples >= 3 ? 2 : 1),
    predictor: one(TAGS.predictor, 1),
    together: one(TAGS.planar, 1) === 1,
    sampleFormat: one(TAGS.sampleFormat, 1),
    reversedBits: one(TAGS.fillOrder, 1) === 2,
    pieceWidth: tiled ? one(TAGS.tileWidth, 0) : width,
    pieceHeight: tiled ? one(TAGS.tileHeight, 0) : Math.min(height, one(TAGS.rowsPerStrip, height)),
    offsets: tileOffsets ?? found.get(TAGS.stripOffsets) ?? [],
    byteCounts: (tiled ? found.get(TAGS.tileByteCounts) : found.get(TAGS.stripByteCounts)) ?? [],
    orientation: one(TAGS.orientation, 1),
    palette: found.get(TAGS.palette) ?? null,
  };
}

const TAGS = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planar: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
} as const;

const KNOWN: ReadonlySet<number> = new Set(Object.values(TAGS));
