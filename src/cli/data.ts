import { resolve } from 'node:path';
import {
  type DatasetDescription,
  type DatasetKind,
  describeDataset,
  describeDrawn,
} from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import type { DataFacts } from '../moco/config.ts';

/** What a command works on, and what that says about the configuration. */
export interface OpenedData {
  description: DatasetDescription;
  /** Absolute; null: images that the package draws. */
  path: string | null;
  facts: Required<Pick<DataFacts, 'images'>> & DataFacts;
}

/** The images that a run without --data learns from. A set of its own: it does not follow the seed of the run. */
export const DRAWN = { train: 4096, test: 1024, size: 32, seed: 0 } as const;

/** Side in pixels of data sets whose images all have the same. */
const SIDES: Partial<Record<DatasetDescription['kind'], number>> = {
  cifar10: 32,
  cifar100: 32,
  stl10: 96,
  drawn: DRAWN.size,
};

/**
 * Looks at the data and checks it.
 * @param path undefined: images that the package draws
 * @throws MocoError data-missing, data-invalid, usage
 */
export async function openData(path: string | undefined, kind: DatasetKind | 'auto'): Promise<OpenedData> {
  if (path === undefined && kind !== 'auto') {
    throw new MocoError('usage', `--dataset ${kind} needs --data: say where the images are`);
  }
  const absolute = path === undefined ? null : resolve(path);
  const description =
    absolute === null
      ? await describeDrawn(DRAWN.train, DRAWN.test, DRAWN.size, DRAWN.seed)
      : await describeDataset(absolute, kind);
  const side = SIDES[description.kind];
  return {
    description,
    path: absolute,
    facts: { images: description.trainLength, ...(side === undefined ? {} : { imageSizeOfData: side }) },
  };
}
