/** The encoders that can look at the photos, by what they are to the run: each gives rows, and takes images from elsewhere. */

import { type DatasetDescription, type Encoder, library } from './moco-web.ts';
import type { ChosenPhotos } from './photos.ts';
import type { Run } from './run.ts';
import { EARLIER } from './saved-run.ts';

/** now: of the run; start: what it began with; starter: what comes with the page; earlier: of the run before this one. */
export type Eye = 'now' | 'start' | 'starter' | 'earlier';

/** The build puts it beside the page. */
const STARTER = 'starter.onnx';
/** Images that wait for the encoder as bitmaps. */
const AT_ONCE = 32;

/** What an encoder makes of all photos that can be decoded. */
export interface Seen {
  /** Over its rows. */
  readonly title: string;
  /** In a list of encoders. */
  readonly short: string;
  /** Steps that it was trained for; null where nobody counted. */
  readonly step: number | null;
  /** The training image of each row, ascending. */
  readonly images: Int32Array;
  readonly names: readonly string[];
  readonly rows: readonly Float32Array[];
  /** Loads it once more, for a few images at a time. */
  load(): Promise<Encoder>;
}

/** @throws MocoError data-missing where there is no such encoder (yet) */
export function lookWith(eye: Eye, { data }: ChosenPhotos, run: Run | null, told: () => void): Promise<Seen> {
  if (eye === 'starter' || !run) return byFile(data, told);
  const path = { now: run.out, start: run.start, earlier: EARLIER }[eye];
  return byCheckpoint(eye, path, data, told);
}

async function byCheckpoint(
  eye: Exclude<Eye, 'starter'>,
  path: string,
  data: DatasetDescription,
  told: () => void,
): Promise<Seen> {
  const { loadCheckpoint, embedImages, Encoder } = await library();
  const checkpoint = await loadCheckpoint(path);
  const { step } = checkpoint.state;
  const training: DatasetDescription = { ...data, test: null, testLength: 0, testLabels: null };
  const rows: Float32Array[] = [];
  const images: number[] = [];
  const names: string[] = [];
  for await (const { index, path: name, vector } of embedImages({
    ...{ checkpoint, data: training, features: 'backbone' },
  })) {
    rows.push(vector);
    images.push(index);
    names.push(name ?? `photo ${index + 1}`);
    told();
  }
  const steps = step === 1 ? '1 step' : `${step.toLocaleString('en')} steps`;
  return {
    title: { now: `After ${steps}`, start: 'Before training', earlier: `The run before, after ${steps}` }[
      eye
    ],
    short: { now: 'after training', start: 'before training', earlier: 'by the run before' }[eye],
    ...{ step, rows, names, images: Int32Array.from(images) },
    load: () => Encoder.load(checkpoint, { features: 'backbone', workers: 1 }),
  };
}

async function byFile(data: DatasetDescription, told: () => void): Promise<Seen> {
  const { Encoder, thumbnails } = await library();
  const load = () => Encoder.load(new URL(STARTER, document.baseURI), { workers: 1 });
  const encoder = await Encoder.load(new URL(STARTER, document.baseURI));
  const rows: Float32Array[] = [];
  const images: number[] = [];
  const names: string[] = [];
  let waiting: ImageBitmap[] = [];
  const look = async () => {
    rows.push(...(await encoder.embed(waiting)));
    for (const bitmap of waiting) bitmap.close();
    waiting = [];
  };
  try {
    // Somewhat larger than the encoder takes them: it makes them smaller as it was taught.
    for await (const { index, path, image } of thumbnails(data, { size: 2 * encoder.imageSize })) {
      if (image === null) continue;
      waiting.push(image as ImageBitmap);
      images.push(index);
      names.push(path);
      told();
      if (waiting.length === AT_ONCE) await look();
    }
    if (waiting.length > 0) await look();
  } finally {
    await encoder.dispose();
  }
  return {
    ...{ title: 'By the encoder of this page', short: 'by the encoder of this page', step: null },
    ...{ rows, names, images: Int32Array.from(images), load },
  };
}
