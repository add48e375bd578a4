/** Run directories as what a report tells of them. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import * as v from 'valibot';
import { listCheckpoints } from '../checkpoint/run-directory.ts';
import { openState } from '../checkpoint/state.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { decodeImage } from '../data/decode/decode.ts';
import { encodeJpeg } from '../data/pictures/encode-jpeg.ts';
import { MocoError } from '../errors.ts';
import { parseLog, type RunData, type RunRecord } from '../report/run-record.ts';
import { openFolder } from '../runtime/files.ts';
import { openData } from './data.ts';
import { PICTURE } from './neighbor-picture.ts';
import { LOG } from './prepare-run.ts';

export interface ReadOptions {
  /** Where the images of all runs are looked for, if not where each run had them. */
  readonly data?: string | undefined;
  readonly dataset?: string;
  /** Whether pictures of neighbors are read, too; default yes. */
  readonly pictures?: boolean;
}

/**
 * Reads run directories, also while they are written to.
 * @throws MocoError data-missing where one holds no log
 */
export async function readRuns(
  directories: readonly string[],
  options: ReadOptions = {},
): Promise<RunRecord[]> {
  const names = namesOf(directories);
  const described = new Map<string, Promise<DatasetDescription | null>>();
  const runs: RunRecord[] = [];
  for (const [i, directory] of directories.entries()) {
    const path = `${directory}/${LOG}`;
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      throw new MocoError('data-missing', `there is no ${path}: give run directories of moco-web pretrain`);
    }
    const log = parseLog(readFileSync(path, 'utf8'));
    runs.push({
      ...log,
      name: names[i]!,
      data: await dataOf(directory, options, log.config.imageSize, described),
      neighbors: options.pictures === false ? null : await pictureOf(`${directory}/${PICTURE}`),
      map: null,
    });
  }
  return runs;
}

/** The last part of each path, or, where two have the same, all of it. */
function namesOf(directories: readonly string[]): string[] {
  const short = directories.map((directory) => basename(resolve(directory)));
  return short.map((name, i) =>
    short.filter((other) => other === name).length === 1 ? name : directories[i]!,
  );
}

const SamplerSchema = v.object({ dataset: v.string(), path: v.nullable(v.string()), images: v.number() });

/** By the newest checkpoint; null before there is one. */
async function dataOf(
  directory: string,
  { data, dataset = 'auto' }: ReadOptions,
  imageSize: unknown,
  described: Map<string, Promise<DatasetDescription | null>>,
): Promise<RunData | null> {
  const store = await openFolder(directory);
  for (const name of await listCheckpoints(store)) {
    try {
      const text = new TextDecoder().decode(await store.read(`${name}/state.json`, 2 ** 20));
      const { content } = await openState(text);
      const { dataset: kind, path, images } = v.parse(SamplerSchema, content.sampler);
      const where = data ?? path ?? undefined;
      const key = `${where} ${dataset}`;
      const size = typeof imageSize === 'number' ? imageSize : undefined;
      // The data may have moved; a report goes without the names of its classes then.
      const description =
        described.get(key) ??
        openData(where, data ? dataset : 'auto', size, undefined, directory).catch(() => null);
      described.set(key, description);
      return { kind, path, images, classes: (await description)?.classes ?? null };
    } catch {
      // Being written, removed meanwhile, or torn: the one before tells the same.
    }
  }
  return null;
}

/** As a JPEG, which takes a tenth of the PNG's bytes; null where there is none, or not a whole one. */
async function pictureOf(path: string): Promise<Uint8Array | null> {
  if (!existsSync(path)) return null;
  try {
    return await encodeJpeg(await decodeImage(new Uint8Array(readFileSync(path))), 80);
  } catch {
    return null;
  }
}
