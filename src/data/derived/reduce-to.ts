/** How small images may be made before views are made of them: what is asked of reduced.ts, as part of what data is. */
import { expectArgument, shown } from '../../arguments.ts';
import { MocoError } from '../../errors.ts';
import type { DatasetDescription } from '../dataset.ts';
import { DATASET } from '../dataset-form.ts';
import type { DatasetSpec } from '../sources/source.ts';

/** A shorter side in pixels that is enough for views of a size: crops of a fifth of a square's area are not enlarged. */
export const sideFor = (imageSize: number): number => Math.ceil(2.5 * Math.max(64, imageSize));

/**
 * The data with images reduced to a shorter side in pixels where they are larger, once a worker, and kept in its memory as
 * far as 128 MiB go: views are made of these. null: of whole images, each decoded for each view.
 * @throws MocoError usage
 */
export function withReducedImages<Data extends DatasetDescription>(data: Data, side: number | null): Data {
  expectArgument('withReducedImages', 'data', data, DATASET);
  if (side !== null && !(Number.isInteger(side) && side >= 16)) {
    throw new MocoError(
      'usage',
      `images reduced to ${shown(side)} pixels: give a whole number from 16 on, or null`,
    );
  }
  const reduced = ({ reduceTo: _before, ...spec }: DatasetSpec): DatasetSpec =>
    side === null ? spec : { ...spec, reduceTo: side };
  return { ...data, train: reduced(data.train), test: data.test && reduced(data.test) };
}
