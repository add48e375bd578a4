import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MocoError } from '../errors.ts';
import type { DataFacts } from '../moco/config.ts';
import type { DatasetDescription } from '../moco/pretrain.ts';
import type { DatasetKind } from './options.ts';

/** What a command trains on, and what that says about the configuration. */
export interface OpenedData {
  /** null: images that the package draws. */
  description: DatasetDescription | null;
  facts: DataFacts;
}

/** Placeholder for the data room's describeDataset(path, kind). */
async function describeDataset(path: string, kind: DatasetKind): Promise<DatasetDescription> {
  await stat(path).catch((cause: unknown) => {
    throw new MocoError('data-missing', `no data at ${path}: there is no such file or folder`, { cause });
  });
  return { kind, path, images: Number.POSITIVE_INFINITY };
}

/** @throws MocoError data-missing, data-invalid */
export async function openData(path: string | undefined, kind: DatasetKind): Promise<OpenedData> {
  if (path === undefined) {
    if (kind !== 'auto') {
      throw new MocoError('usage', `--dataset ${kind} needs --data: say where the images are`);
    }
    return { description: null, facts: {} };
  }
  const description = await describeDataset(resolve(path), kind);
  const { images, imageSize } = description;
  return {
    description,
    facts: {
      ...(Number.isFinite(images) ? { images } : {}),
      ...(imageSize === undefined ? {} : { imageSizeOfData: imageSize }),
    },
  };
}
