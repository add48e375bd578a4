import { MocoError } from './errors.ts';
import { cos, log, sin } from './math.ts';

/**
 * What a sequence of random numbers is for. Together with seed, epoch and image it names the sequence, so that no two
 * uses ever share numbers and none depends on what was drawn before it. Values are part of the reproducibility of a
 * run: never renumber, only append.
 */
export const STREAMS = {
  /** Order of the images in an epoch. */
  sampleOrder: 0,
  /** ShuffleBN: which image goes to which group (image = step). */
  shuffle: 1,
  /** Augmentation of an image's first view: MoCo's query. */
  firstView: 2,
  /** Of its second view: MoCo's key. */
  secondView: 3,
  /** Initial weights (image = number of the parameter). */
  weightInit: 4,
  /** Initial keys of the queue. */
  queueInit: 5,
  /** Images that the package draws itself. */
  drawnImage: 6,
  /** Inputs of the conformance suite (image = hash of the name of a case). */
  conformance: 7,
  /** Which images a share of the labels is of. */
  labelShare: 11,
  /** A linear classifier's first weights, the order of its images in an epoch, and their views. */
  linearInit: 8,
  linearOrder: 9,
  linearView: 10,
} as const;

export type Stream = (typeof STREAMS)[keyof typeof STREAMS];

/** The name of the generator that all random numbers of a run come from, for its checkpoints. */
export const GENERATOR = 'philox4x32-10';

export interface RandomKey {
  /** Whole, 0 … 2⁵³ − 1. */
  seed: number;
  /** One of STREAMS. */
  stream: Stream;
  /** Whole, 0 … 2³² − 1. Default 0. */
  epoch?: number;
  /** Index of the image (or of whatever the stream counts), whole, 0 … 2³² − 1. Default 0. */
  image?: number;
}

const TWO_32 = 4294967296;
const TWO_PI = 6.283185307179586;

/**
 * Counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011): the key is the seed, the counter is (block, image, epoch, stream). Integer arithmetic only, so the numbers
 * are the same in every engine. One sequence has 2³² blocks of four 32-bit words.
 */
export class Random {
  private readonly key0: number;
  private readonly key1: number;
  private readonly image: number;
  private readonly epoch: number;
  private readonly stream: number;
  private block = 0;
  private readonly words = new Uint32Array(4);
  private used = 4;
  private spareNormal: number | null = null;

  /** @throws MocoError usage — a part of the key is not a whole number in its range. */
  constructor(key: RandomKey) {
    const { seed, stream, epoch = 0, image = 0 } = key;
    checkWhole('seed', seed, Number.MAX_SAFE_INTEGER);
    checkWhole('epoch', epoch, TWO_32 - 1);
    checkWhole('image', image, TWO_32 - 1);
    this.key0 = seed >>> 0;
    this.key1 = Math.floor(seed / TWO_32) >>> 0;
    this.image = image >>> 0;
    this.epoch = epoch >>> 0;
    this.stream = stream;
  }

  /** The next 32 random bits as a whole number 0 … 2³² − 1. */
  bits(): number {
    if (this.used === 4) {
      philox4x32(this.words, this.block, this.image, this.epoch, this.stream, this.key0, this.key1);
      this.block = (this.block + 1) >>> 0;
      this.used = 0;
    }
    return this.words[this.used++]!;
  }

  /** Uniform in [0, 1): a multiple of 2⁻⁵³. Takes two words. */
  uniform(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /**
   * Uniform whole number 0 … n − 1, unbiased: words in the incomplete last run of n are drawn again.
   * @throws MocoError usage — n is not a whole number in 1 … 2³².
   */
  integer(n: number): number {
    checkWhole('n', n - 1, TWO_32 - 1);
    const limit = TWO_32 - (TWO_32 % n);
    let word = this.bits();
    while (word >= limit) word = this.bits();
    return word % n;
  }

  /** Standard normal, by Box and Muller (1958) with src/math.ts. Values come in pairs; |value| < 8.6. */
  normal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * log(1 - this.uniform()));
    const angle = TWO_PI * this.uniform();
    this.spareNormal = radius * sin(angle);
    return radius * cos(angle);
  }

  /** A uniformly random order of 0 … n − 1 (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swap = order[i]!;
      order[i] = order[j]!;
      order[j] = swap;
    }
    return order;
  }
}

/** Fills words with block (c0, c1, c2, c3) of Philox4x32-10 under key (k0, k1). All are 32-bit words. */
export function philox4x32(
  words: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  let [x0, x1, x2, x3] = [c0, c1, c2, c3];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd251, 0x1f53, x0);
    const low0 = Math.imul(0xd2511f53, x0);
    const high1 = multiplyHigh(0xcd9e, 0x8d57, x2);
    const low1 = Math.imul(0xcd9e8d57, x2);
    x0 = high1 ^ x1 ^ k0;
    x1 = low1;
    x2 = high0 ^ x3 ^ k1;
    x3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = x0;
  words[1] = x1;
  words[2] = x2;
  words[3] = x3;
}

/** The upper 32 bits of (aHigh·2¹⁶ + aLow) · b, from 16-bit pieces whose products are exact. */
function multiplyHigh(aHigh: number, aLow: number, b: number): number {
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // < 2³²
  const middle2 = aLow * bHigh + (middle & 0xffff); // < 2³²
  return (aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16)) | 0;
}

function checkWhole(name: string, value: number, largest: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > largest) {
    throw new MocoError('usage', `random: ${name} ${value} is not a whole number from 0 to ${largest}`);
  }
}
