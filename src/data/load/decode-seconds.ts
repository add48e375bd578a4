/** What decoding an image takes, for an estimate of how long a run will. */
import { MocoError } from '../../errors.ts';
import { withDataset } from '../dataset.ts';
import type { DatasetSpec } from '../sources/source.ts';

/** The first is not counted: its decoder has to be loaded. */
const SAMPLED = 6;

/** Seconds on one thread, the median of some images spread over the data. 0 where none of them can be decoded. */
export function decodeSecondsOf(spec: DatasetSpec): Promise<number> {
  return withDataset(spec, async (dataset) => {
    const count = Math.min(SAMPLED, dataset.length);
    const seconds: number[] = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      try {
        await dataset.image(Math.floor((i * dataset.length) / count));
      } catch (error) {
        if (error instanceof MocoError && error.code === 'image-corrupt') continue;
        throw error;
      }
      seconds.push((performance.now() - begun) / 1000);
    }
    const counted = seconds.slice(1).sort((a, b) => a - b);
    return counted[counted.length >> 1] ?? 0;
  });
}
