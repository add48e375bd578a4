import { resolve } from 'node:path';
import {
  type DatasetDescription,
  type DatasetKind,
  describeDataset,
  describeDrawn,
} from '../data/dataset.ts';
import { MocoError } from '../errors.ts';

/** The images that a run without --data learns from. A set of its own: it does not follow the seed of the run. */
export const DRAWN = { train: 4096, test: 1024, size: 32, seed: 0 } as const;

/**
 * What a command works on: what lies at a path, or images that the package draws.
 * @param drawnSize side in pixels of drawn images
 * @throws MocoError data-missing, data-invalid, usage
 */
export async function openData(
  path: string | undefined,
  kind: DatasetKind | 'auto',
  drawnSize: number = DRAWN.size,
): Promise<DatasetDescription> {
  if (path !== undefined) return describeDataset(resolve(path), kind);
  if (kind !== 'auto')
    throw new MocoError('usage', `--dataset ${kind} needs --data: say where the images are`);
  return describeDrawn(DRAWN.train, DRAWN.test, drawnSize, DRAWN.seed);
}
