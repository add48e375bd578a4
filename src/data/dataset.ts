import {
  either,
  expectArgument,
  type Form,
  listOf,
  made,
  nothing,
  record,
  shown,
  text,
  whole,
} from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { expectFolders, type PathInput, pathOf } from '../runtime/path-input.ts';
import { drawn, findDrawn } from './drawn.ts';
import { lookAt } from './place.ts';
import { reducedImages } from './reduced.ts';
import { kindsAtPaths, SOURCES, sourceNamed } from './registry.ts';
import type { Dataset, DatasetSpec, Found, Source } from './source.ts';
import { subset } from './subset.ts';

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
  trainLabels: Int32Array | null;
  testLabels: Int32Array | null;
}

/** What a description is told from anything else by. */
export const DATASET: Form = made<DatasetDescription>(
  'what describeDataset, describeFiles or describeDrawn gave',
  {
    kind: text(),
    train: made<DatasetSpec>('a spec', { kind: text() }),
    test: either(record, nothing),
    trainLength: whole(0),
    testLength: whole(0),
    classes: listOf(text(), 'names'),
  },
);

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

/**
 * Looks at what lies at a path and checks it: files present and of the right size, labels in range.
 * @param path of a folder; also a `file:` URL
 * @param kind how to read it, one of DATASET_KINDS; `auto` goes by the file names found.
 * @throws MocoError data-missing — nothing there, or no images; data-invalid — it is not what `kind` says; usage — no
 * such kind; also in a page, which has no folders by path (`describeFiles` takes what it has).
 */
export async function describeDataset(path: PathInput, kind: string = 'auto'): Promise<DatasetDescription> {
  expectFolders('describeDataset', 'give the files to describeFiles, or let describeDrawn draw some');
  const at = await pathOf('describeDataset', 'path', path);
  expectArgument('describeDataset', 'kind', kind, text(`'auto' or one of DATASET_KINDS`));
  return describeAmong(SOURCES, at, kind);
}

/** describeDataset, where these are all sources that there are. */
export async function describeAmong(
  sources: readonly Source[],
  path: string,
  kind: string,
): Promise<DatasetDescription> {
  const place = await lookAt(path);
  const source =
    kind === 'auto' ? sources.find(({ atPath }) => atPath?.claims(place)) : sourceNamed(kind, sources);
  if (place.kind === 'file' && !source?.atPath?.claims(place)) {
    throw new MocoError('data-invalid', `${path} is a file: give the folder that holds the data`);
  }
  const kinds = kindsAtPaths(sources).join(', ');
  if (!source) throw new MocoError('data-invalid', `${path} holds nothing that is known (${kinds})`);
  if (!source.atPath) {
    throw new MocoError('usage', `'${kind}' data does not lie at a path: choose one of auto, ${kinds}`);
  }
  return describe(source, path, await source.atPath.find(place));
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
  };
}
