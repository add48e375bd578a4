/** Mutants of augment.wasm, compiled as the build does it, against Pillow's formulas in test/data/pillow.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { expect, it, vi } from 'vitest';
import { AUGMENT_OPTIONS } from '../../scripts/build/kernels.mjs';
import { gaussianBlur } from '../../src/data/augment/blur.ts';
import { Canvas } from '../../src/data/augment/canvas.ts';
import * as color from '../../src/data/augment/color.ts';
import { adjustHue } from '../../src/data/augment/hue.ts';
import { normalize } from '../../src/data/augment/normalize.ts';
import { putImage, resizedCrop } from '../../src/data/augment/resize.ts';
import type { RgbImage } from '../../src/data/image.ts';
import { Random, STREAMS } from '../../src/random.ts';
import * as pillow from '../data/pillow.ts';
import { AUGMENT } from './augment-mutants.ts';
import { campaign } from './campaign.ts';
import { type Mutant, mutate } from './mutant.ts';

const FOLDER = new URL('../../wasm/', import.meta.url);
const SOURCES = new Map(
  ['', 'augment/'].flatMap((folder) =>
    readdirSync(new URL(folder, FOLDER))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => [`${folder}${name}`, readFileSync(new URL(folder + name, FOLDER), 'utf8')] as const),
  ),
);

/** What the canvas is to be given instead of the built module. */
const built = vi.hoisted(() => ({ bytes: new Uint8Array() }));
vi.mock('../../src/runtime/load-asset.ts', () => ({ loadAsset: async () => built.bytes }));

async function compile(changed: ReadonlyMap<string, string>): Promise<Uint8Array<ArrayBuffer>> {
  const texts = new Map([...SOURCES, ...changed]);
  let binary: Uint8Array | null = null;
  const { error, stderr } = await asc.main(
    ['augment/index.ts', '--outFile', 'augment.wasm', ...AUGMENT_OPTIONS],
    {
      readFile: (name) => texts.get(name) ?? null,
      writeFile: (_, contents) => {
        if (typeof contents !== 'string') binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new Error(`augment does not compile:\n${stderr.toString()}`);
  return new Uint8Array(binary);
}

/** Images with borders inside and between vectors of 16 pixels; values are any, or the extremes. */
const IMAGES: readonly RgbImage[] = [
  ...[
    [1, 1],
    [5, 3],
    [16, 16],
    [17, 9],
    [33, 40],
  ].map(([width, height]) => drawn(width!, height!, 256)),
  drawn(31, 18, 2),
];

function drawn(width: number, height: number, levels: number): RgbImage {
  const random = new Random({ seed: 0, stream: STREAMS.conformance, image: width });
  const level = () => Math.floor((random.integer(levels) * 255) / (levels - 1));
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, level) };
}

type Check = (canvas: Canvas, image: RgbImage) => { actual: ArrayLike<number>; expected: ArrayLike<number> };

/** A change in place, and what Pillow makes of it. */
function changed(change: (canvas: Canvas) => void, reference: (image: RgbImage) => RgbImage): Check {
  return (canvas, image) => {
    putImage(canvas, image);
    change(canvas);
    return { actual: canvas.image().data, expected: reference(image).data };
  };
}

function resized(width: number, height: number): Check {
  return (canvas, image) => {
    const box = { top: 0, left: 0, width: image.width, height: image.height };
    resizedCrop(canvas, image, box, width, height);
    return { actual: canvas.image().data, expected: pillow.resizedCrop(image, box, width, height).data };
  };
}

const STATISTICS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

function normalized(flip: boolean): Check {
  return (canvas, image) => {
    putImage(canvas, image);
    const { width, height, data } = image;
    const actual = new Float32Array(data.length);
    normalize(canvas, STATISTICS, actual, 0, flip);
    const expected = new Float32Array(data.length);
    data.forEach((value, i) => {
      const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
      const at = (c * height + y) * width + (flip ? width - 1 - x : x);
      expected[at] = (value / 255 - STATISTICS.mean[c]!) / STATISTICS.std[c]!;
    });
    return { actual, expected };
  };
}

const CHECKS: Readonly<Record<string, Check>> = {
  brightness: changed(
    (canvas) => color.adjustBrightness(canvas, 1.37),
    (image) => pillow.adjustBrightness(image, 1.37),
  ),
  contrast: changed(
    (canvas) => color.adjustContrast(canvas, 0.41),
    (image) => pillow.adjustContrast(image, 0.41),
  ),
  saturation: changed(
    (canvas) => color.adjustSaturation(canvas, 1.7),
    (image) => pillow.adjustSaturation(image, 1.7),
  ),
  grayscale: changed((canvas) => color.grayscale(canvas), pillow.grayscale),
  hue: changed(
    (canvas) => adjustHue(canvas, 0.13),
    (image) => pillow.adjustHue(image, 0.13),
  ),
  'hue back': changed(
    (canvas) => adjustHue(canvas, -0.31),
    (image) => pillow.adjustHue(image, -0.31),
  ),
  'blur 0.7': changed(
    (canvas) => gaussianBlur(canvas, 0.7),
    (image) => pillow.gaussianBlur(image, 0.7),
  ),
  'blur 1.6': changed(
    (canvas) => gaussianBlur(canvas, 1.6),
    (image) => pillow.gaussianBlur(image, 1.6),
  ),
  'blur 9': changed(
    (canvas) => gaussianBlur(canvas, 9),
    (image) => pillow.gaussianBlur(image, 9),
  ),
  enlarge: resized(50, 47),
  shrink: resized(7, 6),
  normalize: normalized(false),
  mirror: normalized(true),
};

async function caughtBy(): Promise<string | null> {
  for (const [name, check] of Object.entries(CHECKS)) {
    // A fresh one for each: a mutant may write anywhere.
    const canvas = await Canvas.open();
    for (const image of IMAGES) {
      try {
        const { actual, expected } = check(canvas, image);
        for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) return name;
      } catch {
        return `${name}: threw`;
      }
    }
  }
  return null;
}

async function attempt(mutant: Mutant): Promise<string | null> {
  const file = `augment/${mutant.file}`;
  built.bytes = await compile(new Map([[file, mutate(SOURCES.get(file)!, mutant)]]));
  return caughtBy();
}

it('augmentation as it is passes', async () => {
  built.bytes = await compile(new Map());
  expect(await caughtBy()).toBeNull();
});

campaign(
  'augment',
  [...SOURCES.keys()].flatMap((name) => /^augment\/(?!index)(.+)$/.exec(name)?.[1] ?? []),
  AUGMENT,
  attempt,
);
