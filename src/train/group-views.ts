/** The groups of a batch: which rows each has, how its images are made, and what a method gets of it. */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import { groupPositions } from '../methods/groups.ts';
import type { GroupRows, Views } from '../methods/method.ts';
import type { Stream } from '../random.ts';
import type { Settings } from '../settings/settings.ts';

/** Views of some images of the batch. */
export interface MadeViews {
  /** [images, 3, size, size] */
  readonly images: Float32Array;
  /** Classes of the images that are shown; null where there are none. */
  readonly labels: Int32Array | null;
}

/** Makes the views of the images at these positions in the batch. */
export type MakeViews = (stream: Stream, positions: Uint32Array) => Promise<MadeViews>;

export interface GroupViews {
  /** [rows, 3, size, size]: the images of the first view, then those of the next. */
  images(): Promise<Float32Array>;
  /** @param embedding [rows, C] of these images */
  rows(embedding: DeviceArray): GroupRows;
}

/**
 * @param viewsTogether how many views there have to be
 * @param order of the images: see groups.ts
 */
export function groupViews(
  { batchSize, groups }: Pick<Settings, 'batchSize' | 'groups'>,
  viewsTogether: number,
  views: Views,
  make: MakeViews,
  order?: Uint32Array,
): GroupViews[] {
  const streams = typeof views === 'number' ? [views] : views;
  if (streams.length !== viewsTogether) {
    throw new MocoError(
      'usage',
      `${streams.length} views of an image go through the encoder together, and the method announces ${viewsTogether}`,
    );
  }
  return Array.from({ length: groups }, (_, group): GroupViews => {
    const positions = groupPositions(group, groups, batchSize, order);
    const rows = Uint32Array.from({ length: streams.length * positions.length }, (_, row) => {
      const view = Math.floor(row / positions.length);
      return view * batchSize + positions[row % positions.length]!;
    });
    let labels: Uint32Array | null = null;
    return {
      async images() {
        const made = await Promise.all(streams.map((stream) => make(stream, positions)));
        labels = made.every((view) => view.labels !== null)
          ? Uint32Array.from(made.flatMap((view) => [...view.labels!]))
          : null;
        return inOne(made.map(({ images }) => images));
      },
      rows: (embedding) => ({ count: rows.length, embedding, positions: rows, labels }),
    };
  });
}

function inOne(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
