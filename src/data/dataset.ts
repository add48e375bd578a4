import { callback, expectArgument, expectOptions, type Forms, optional, text, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { type PathInput, pathOf } from '../runtime/path-input.ts';
import type { DecodeLimits } from './decode/limits.ts';
import { reducedImages } from './derived/reduced.ts';
import { subset } from './derived/subset.ts';
import { lookAt, type Place } from './find/place.ts';
import { drawn, findDrawn } from './sources/drawn.ts';
import { kindsAtPaths, SOURCES, sourceNamed } from './sources/registry.ts';
import type {
  Dataset,
  DatasetSpec,
  FindOptions,
  FindSettings,
  Found,
  GivenIndex,
  Source,
} from './sources/source.ts';
import { indexOf } from './tar/index-file.ts';
import { TAR_SHARDS } from './tar/shards-spec.ts';

/** A data set as a run is given it: plain data. */
export interface DatasetDescription {
  /** Of its source (registry.ts). */
  kind: string;
  /** Where it lies; null for images that the package draws. */
  path: string | null;
  /** Side in pixels where all images are squares of one size, else null. */
  imageSize: number | null;
  train: DatasetSpec;
  /** Null where the data has no second split. */
  test: DatasetSpec | null;
  trainLength: number;
  /** 0 without a second split. */
  testLength: number;
  /** Names of the classes, by label; empty for a flat folder. */
  classes: string[];
  /** −1 for an image without a class; null where there are no classes. */
  trainLabels: Int32Array | null;
  testLabels: Int32Array | null;
  /** Why there is no test split with labels, where something looks like one. */
  testProblem?: string | null;
  /** What was taken for what, and what was left out and why, in words for people. */
  notes?: readonly string[];
}

const OPTIONS: Forms<FindOptions> = { progress: optional(callback), index: optional(text()) };

/** Opens what a spec names. Cheap enough for every worker to do. @throws MocoError data-missing, data-invalid, usage */
export async function openDataset(spec: DatasetSpec, sources: readonly Source[] = SOURCES): Promise<Dataset> {
  const { only, reduceTo } = spec;
  const whole = await sourceNamed(spec.kind, sources).open(spec);
  const dataset = only ? subset(whole, only) : whole;
  return reduceTo === undefined ? dataset : reducedImages(dataset, reduceTo);
}

/** Opens a dataset for as long as `use` takes. @throws as openDataset and `use` do */
export async function withDataset<T>(
  spec: DatasetSpec,
  use: (dataset: Dataset) => T | Promise<T>,
  sources: readonly Source[] = SOURCES,
): Promise<T> {
  const dataset = await openDataset(spec, sources);
  try {
    return await use(dataset);
  } finally {
    dataset.close();
  }
}

/** The data with other limits on what an image may cost to decode. */
export function withDecodeLimits<Data extends DatasetDescription>(data: Data, limits: DecodeLimits): Data {
  return { ...data, train: { ...data.train, limits }, test: data.test && { ...data.test, limits } };
}

/**
 * Looks at what lies at a path and checks it: files present and of the right size, labels in range.
 * @param path of a folder; also a `file:` URL
 * @param kind how to read it, one of DATASET_KINDS; `auto` goes by the file names found.
 * @param options progress: told now and then how many images were found so far; index: file of an index of tar archives that
 * a run has kept
 * @throws MocoError data-missing — nothing there, or no images; data-invalid — it is not what `kind` says; usage — no
 * such kind; also in a page, which has no folders by path (`describeFiles` takes what it has).
 */
export async function describeDataset(
  path: PathInput,
  kind: string = 'auto',
  options: FindOptions = {},
): Promise<DatasetDescription> {
  const at = await pathOf('describeDataset', 'path', path);
  expectArgument('describeDataset', 'kind', kind, text(`'auto' or one of DATASET_KINDS`));
  expectOptions('describeDataset', options, OPTIONS);
  return describeAmong(SOURCES, at, kind, options);
}

/** describeDataset, where these are all sources that there are. */
export async function describeAmong(
  sources: readonly Source[],
  path: string,
  kind: string,
  options: FindSettings = {},
): Promise<DatasetDescription> {
  const place = await lookAt(path);
  const source = await sourceFor(sources, place, kind);
  if (place.kind !== 'folder' && !(await source?.atPath?.claims(place))) {
    throw new MocoError(
      'data-invalid',
      `${path} is a file: give the folder that holds the data, a list of images (.txt, .csv), or archives of them (.tar)`,
    );
  }
  const kinds = kindsAtPaths(sources).join(', ');
  if (!source) throw new MocoError('data-invalid', `${path} holds nothing that is known (${kinds})`);
  if (!source.atPath) {
    throw new MocoError('usage', `'${kind}' data does not lie at a path: choose one of auto, ${kinds}`);
  }
  return describe(source, path, await source.atPath.find(place, options));
}

/**
 * The index of tar archives at a path, for other processes that describe the same; null where other data lies there, or what
 * describing it refuses.
 */
export async function tarIndexAt(
  path: string,
  kind: string,
  options: FindOptions,
): Promise<GivenIndex | null> {
  try {
    const source = await sourceFor(SOURCES, await lookAt(path), kind);
    return source?.kind === TAR_SHARDS ? indexOf(await describeAmong(SOURCES, path, kind, options)) : null;
  } catch {
    return null;
  }
}

async function sourceFor(
  sources: readonly Source[],
  place: Place,
  kind: string,
): Promise<Source | undefined> {
  return kind === 'auto' ? claiming(sources, place) : sourceNamed(kind, sources);
}

async function claiming(sources: readonly Source[], place: Place): Promise<Source | undefined> {
  for (const source of sources) if (await source.atPath?.claims(place)) return source;
  return undefined;
}

/**
 * The description of images that the package draws itself: ten classes of shape and texture.
 * @param trainCount whole, 1 or more
 * @param testCount whole, 1 or more
 * @param size side in pixels
 * @param seed which images they are; the same seed, the same images
 * @throws MocoError usage
 */
export async function describeDrawn(
  trainCount: number,
  testCount: number,
  size: number,
  seed: number,
): Promise<DatasetDescription> {
  expectArgument('describeDrawn', 'trainCount', trainCount, whole(1, 10_000_000));
  expectArgument('describeDrawn', 'testCount', testCount, whole(1, 10_000_000));
  expectArgument('describeDrawn', 'size', size, whole(8, 1024));
  expectArgument('describeDrawn', 'seed', seed, whole(0, Number.MAX_SAFE_INTEGER));
  return describe(drawn, null, findDrawn(trainCount, testCount, size, seed));
}

/** What a source has found, with what opening it tells. @throws as opening it does */
export async function describe<Spec extends DatasetSpec>(
  source: Source<Spec>,
  path: string | null,
  found: Found<Spec>,
): Promise<DatasetDescription> {
  const facts = (spec: Spec) => withDataset(spec, ({ length, labels }) => ({ length, labels }), [source]);
  const train = await facts(found.train);
  const test = found.test && (await facts(found.test));
  return {
    kind: source.kind,
    path,
    imageSize: found.imageSize,
    train: found.train,
    test: found.test,
    classes: found.classes,
    trainLength: train.length,
    testLength: test?.length ?? 0,
    trainLabels: train.labels,
    testLabels: test?.labels ?? null,
    testProblem: found.testProblem ?? null,
    notes: found.notes ?? [],
  };
}
