/** Files of weights from elsewhere, from the file to what is made of it. */
import { listCheckpoints } from '../checkpoint/run-directory.ts';
import { savePiecewise } from '../checkpoint/save-piecewise.ts';
import { MocoError } from '../errors.ts';
import { openWeights, type WeightsFile } from '../models/pytorch/weights-file.ts';
import { openSource } from '../runtime/byte-source.ts';
import { openFolder } from '../runtime/files.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import { importWeights, type LeftTensor } from './import-weights.ts';
import { type InitialWeights, initialWeights } from './init-weights.ts';
import { HEAD } from './unknown-settings.ts';

/** A path, or a File or the bytes, as a page has them. */
export type WeightsInput = string | Blob | Uint8Array;

export interface ImportedCheckpoint {
  /** The checkpoint's. */
  readonly directory: string;
  readonly arch: string;
  /** Side of its images in pixels. */
  readonly imageSize: number;
  /** How many tensors it holds. */
  readonly tensors: number;
  /** Whether it is a run, which can go on, or an encoder alone. */
  readonly isRun: boolean;
  /** What was recognized, in words. */
  readonly notes: readonly string[];
  /** Names of settings that the file does not say, and `images`: pretrain asks for them. */
  readonly unknown: readonly string[];
  /** What of the file did not fit. */
  readonly left: readonly LeftTensor[];
}

/** See `importCheckpoint` of page/pytorch.ts, which calls it where it may take its time. */
export async function importCheckpoint(
  from: WeightsInput,
  out: string,
  given: ResumeOptions = {},
): Promise<ImportedCheckpoint> {
  const store = await openFolder(out);
  if ((await listCheckpoints(store)).length > 0) {
    throw new MocoError('usage', `${out} holds checkpoints already: choose another folder`);
  }
  return withWeights(from, async (file) => {
    const { state, tensors, network, notes, left } = await importWeights(file, given);
    const { unknown = [], config } = state;
    return {
      directory: await savePiecewise(store, state, tensors, network),
      ...{
        arch: config.arch,
        imageSize: config.imageSize,
        tensors: tensors.size,
        isRun: tensors.has('queue'),
      },
      ...{ notes, unknown: unknown.filter((name) => name !== HEAD), left },
    };
  });
}

/** See `beginFromWeights` of page/pytorch.ts. */
export function beginFromWeights(
  from: WeightsInput,
  preset: string,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): Promise<InitialWeights> {
  return withWeights(from, (file) => initialWeights(file, preset, overrides, data));
}

/** Opens a file for as long as the task takes. What is wrong with it is told with its name. */
async function withWeights<T>(from: WeightsInput, task: (file: WeightsFile) => Promise<T>): Promise<T> {
  const source = await openSource(from);
  try {
    return await task(await openWeights(source));
  } catch (error) {
    if (!(error instanceof MocoError) || error.message.includes(source.name)) throw error;
    throw new MocoError(error.code, `${source.name}: ${error.message}`, { cause: error });
  } finally {
    await source.close();
  }
}
