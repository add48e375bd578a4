/** The runs of groups of a batch: which rows each has, how its images are made, and what a method gets of it. */
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

/** Of one run: a group, or several at once. */
export interface GroupViews {
  /** [rows, 3, size, size]: the images of the first view, then those of the next. */
  images(): Promise<Float32Array>;
  /** @param embedding [rows, C] of these images */
  rows(embedding: DeviceArray): GroupRows;
}

/**
 * @param viewsTogether how many views there have to be
 * @param atOnce groups of one run, a divisor of all; their rows come interleaved (autodiff/groups-at-once.ts)
 * @param order of the images: see groups.ts
 */
export function groupViews(
  { batchSize, groups }: Pick<Settings, 'batchSize' | 'groups'>,
  viewsTogether: number,
  views: Views,
  make: MakeViews,
  atOnce: number,
  order?: Uint32Array,
): GroupViews[] {
  const streams = typeof views === 'number' ? [views] : views;
  if (streams.length !== viewsTogether) {
    throw new MocoError(
      'usage',
      `${streams.length} views of an image go through the encoder together, and the method announces ${viewsTogether}`,
    );
  }
  return Array.from({ length: groups / atOnce }, (_, run): GroupViews => {
    const positions = interleaved(
      Array.from({ length: atOnce }, (_, i) => groupPositions(run * atOnce + i, groups, batchSize, order)),
    );
    // As many calls as groups: data workers take one each.
    const parts = Array.from({ length: atOnce }, (_, i) => {
      const length = positions.length / atOnce;
      return positions.slice(i * length, (i + 1) * length);
    });
    const rows = Uint32Array.from({ length: streams.length * positions.length }, (_, row) => {
      const view = Math.floor(row / positions.length);
      return view * batchSize + positions[row % positions.length]!;
    });
    let labels: Uint32Array | null = null;
    return {
      async images() {
        const made = await Promise.all(streams.flatMap((stream) => parts.map((part) => make(stream, part))));
        labels = made.every((view) => view.labels !== null)
          ? Uint32Array.from(made.flatMap((view) => [...view.labels!]))
          : null;
        return inOne(made.map(({ images }) => images));
      },
      rows: (embedding) => ({ count: rows.length, embedding, positions: rows, labels }),
    };
  });
}

/** The first of each, then the second of each, …; all are of one length. */
function interleaved(groups: readonly Uint32Array[]): Uint32Array {
  const count = groups.length;
  return Uint32Array.from(
    { length: count * groups[0]!.length },
    (_, i) => groups[i % count]![Math.floor(i / count)]!,
  );
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
