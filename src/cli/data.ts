import { resolve } from 'node:path';
import type { RunState } from '../checkpoint/state.ts';
import { type DatasetDescription, describeDataset, describeDrawn } from '../data/dataset.ts';
import { ViewLoader } from '../data/loader.ts';
import { sourceNamed } from '../data/registry.ts';
import { MocoError, messageOf } from '../errors.ts';

/** The images that a run without --data learns from. A set of its own: it does not follow the seed of the run. */
export const DRAWN = { train: 4096, test: 1024, size: 32, seed: 0 } as const;

/**
 * What a command works on: what lies at a path, or images that the package draws.
 * @param kind one of DATASET_KINDS
 * @param drawnSize side in pixels of drawn images
 * @throws MocoError data-missing, data-invalid, usage
 */
export async function openData(
  path: string | undefined,
  kind: string,
  drawnSize: number = DRAWN.size,
): Promise<DatasetDescription> {
  if (path !== undefined) return describeDataset(resolve(path), kind);
  if (kind !== 'auto')
    throw new MocoError('usage', `--dataset ${kind} needs --data: say where the images are`);
  return describeDrawn(DRAWN.train, DRAWN.test, drawnSize, DRAWN.seed);
}

/**
 * What a command on a checkpoint works on: what is named, or what the checkpoint learned from.
 * @throws MocoError usage for an imported one, which does not say what that was, and as openData does
 */
export async function openDataOf(
  { config, sampler, unknown }: RunState,
  { data, dataset }: { readonly data?: string; readonly dataset: string },
): Promise<DatasetDescription> {
  if (data === undefined && unknown !== undefined) {
    throw new MocoError(
      'usage',
      'the checkpoint was imported, and its file does not say from what it learned: give --data',
    );
  }
  return openData(data ?? sampler.path ?? undefined, dataset, config.imageSize);
}

/**
 * Decodes the first image that can be: a folder of nothing but broken files is bad input, and no run's affair.
 * @throws MocoError data-invalid
 */
export async function checkDecodable(data: DatasetDescription): Promise<void> {
  if (!sourceNamed(data.kind).decodes) return;
  const loader = await ViewLoader.open(data.train, 'v1', 1, 0);
  try {
    await loader.plain([0]);
  } catch (cause) {
    throw new MocoError('data-invalid', messageOf(cause), { cause });
  } finally {
    loader.close();
  }
}
