/** Images in tar archives, as WebDataset has them: of each the shard, and where in it. Read from there when they are asked for. */
import { MocoError } from '../../errors.ts';
import { joinPath, openFile, type RandomAccessFile } from '../../runtime/data-files.ts';
import { decodeImage } from '../decode/decode.ts';
import { MAX_FILE_BYTES } from '../decode/image-file.ts';
import { findImages, type ImageSplit } from '../find/image-tree.ts';
import { classesOf } from '../find/label-words.ts';
import type { Place } from '../find/place.ts';
import { IMAGE_NAME } from '../find/walk-images.ts';
import { packIntegers, packStrings, stringAt } from '../shared.ts';
import { findShards, isShard, type Shards } from '../tar/find-shards.ts';
import { readIndex, takeIndex } from '../tar/index-file.ts';
import { BLOCK } from '../tar/members.ts';
import { OpenShards } from '../tar/open-shards.ts';
import { type ShardFile, type ShardIndex, ShardIndexer } from '../tar/shard-index.ts';
import { shardTree } from '../tar/shard-tree.ts';
import {
  baseOf,
  type ShardStamp,
  type ShardsBase,
  TAR_SHARDS,
  type TarShardsSpec,
} from '../tar/shards-spec.ts';
import type { Dataset, FindSettings, Found, Source } from './source.ts';

export const tarShards: Source<TarShardsSpec> = {
  kind: TAR_SHARDS,
  decodes: true,
  atPath: {
    claims: async (place) => isClaimed(place) && (await findShards(place)) !== null,
    find: findTarShards,
  },
  open: openTarShards,
};

/** A folder of images may have an archive beside them, which is what they came in: the images are meant. */
function isClaimed({ kind, files, folders }: Place): boolean {
  if (kind !== 'folder') return true;
  if (files.some((name) => IMAGE_NAME.test(name))) return false;
  return folders.length === 0 || !files.some(isShard);
}

/** @throws MocoError data-missing, data-invalid */
async function findTarShards(
  place: Place,
  { progress, index, given }: FindSettings,
): Promise<Found<TarShardsSpec>> {
  const shards = await findShards(place);
  if (!shards) throw new MocoError('data-missing', `${place.path} holds no tar archives`);
  const { root, names } = shards;
  const kept = given
    ? await takeIndex(given, root, names)
    : index === undefined
      ? null
      : await readIndex(index, root, names);
  const found = kept?.found ?? (await makeIndex(place, shards, progress));
  return kept?.note ? { ...found, notes: [...(found.notes ?? []), kept.note] } : found;
}

/** By reading all headers. */
async function makeIndex(
  place: Place,
  shards: Shards,
  progress: FindSettings['progress'],
): Promise<Found<TarShardsSpec>> {
  const indexer = new ShardIndexer(progress);
  const stamps: ShardStamp[] = [];
  for (const [shard, name] of shards.names.entries()) {
    await withShard(shards.root, name, (file) => {
      stamps.push({ name, bytes: file.size, changed: file.changed });
      return indexer.add(file, shard);
    });
  }
  const { index } = indexer;
  const all = { ...shards, base: baseOf(shards.root, stamps) };
  const found = index.samples ? ofSamples(all, index.samples) : await ofFolders(place, all, index);
  if (found.train.size.length === 0) {
    throw new MocoError('data-missing', `${place.path} holds no images in its archives`);
  }
  return { ...found, notes: [...(found.notes ?? []), ...index.notes] };
}

interface StampedShards extends Shards {
  readonly base: ShardsBase;
}

/** Samples with labels of their own. */
function ofSamples(shards: StampedShards, samples: NonNullable<ShardIndex['samples']>): Found<TarShardsSpec> {
  const { splits, train, test, notes } = shards;
  const { classes, labels } = classesOf(samples.map(({ word }) => word));
  const split = (name: string | null) => {
    const own = name === null ? samples : samples.filter(({ image }) => splits[image.shard] === name);
    const numbers = own.map(({ word }) => labels.get(word) ?? -1);
    const images = own.map(({ image }) => image);
    return specOf(shards.base, images, classes.length === 0 ? null : numbers);
  };
  return {
    ...{ train: split(train), test: test === null ? null : split(test) },
    ...{ classes: [...classes], imageSize: null, notes },
  };
}

/** Files in folders, which are classes and splits as on a disk. */
async function ofFolders(
  place: Place,
  shards: StampedShards,
  { files }: ShardIndex,
): Promise<Found<TarShardsSpec>> {
  const { root, names, splits } = shards;
  const open = new OpenShards(root, (shard) => names[shard]!);
  const read = ({ shard, block }: ShardFile, length: number) => open.read(shard, block * BLOCK, length);
  const tree = shardTree(place.path, names, files, (shard) => splits[shard]!, read);
  const { train, test, classes, testProblem, notes } = await findImages(tree).finally(() => open.close());
  const spec = ({ files: paths, labels }: ImageSplit) => specOf(shards.base, paths.map(tree.at), labels);
  return {
    ...{ train: spec(train), test: test && spec(test), classes: [...classes], imageSize: null },
    ...{ testProblem, notes },
  };
}

function specOf(
  base: ShardsBase,
  images: readonly ShardFile[],
  labels: readonly number[] | null,
): TarShardsSpec {
  return {
    ...base,
    members: packStrings(images.map(({ name }) => name)),
    shard: packIntegers(images.map(({ shard }) => shard)),
    block: packIntegers(images.map(({ block }) => block)),
    size: packIntegers(images.map(({ size }) => size)),
    labels: labels && packIntegers(labels),
  };
}

async function withShard<T>(
  root: string,
  name: string,
  use: (file: RandomAccessFile & { readonly name: string }) => T | Promise<T>,
): Promise<T> {
  const path = joinPath(root, name);
  const file = await openFile(path);
  try {
    return await use({ ...file, name: path });
  } finally {
    file.close();
  }
}

async function openTarShards(spec: TarShardsSpec): Promise<Dataset> {
  const { root, shards, members, shard, block, size, labels, limits } = spec;
  const { length } = size;
  const names = Array.from(shards.ends, (_, number) => stringAt(shards, number)!);
  const shardOf = (i: number): string => {
    const name = names[shard[i] ?? -1];
    if (name === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return name;
  };
  const open = new OpenShards(root, (number) => names[number]!);
  return {
    length,
    labels,
    name: (i) => `${shardOf(i)}/${stringAt(members, i)}`,
    size: (i) => size[i] ?? null,
    async image(i) {
      shardOf(i);
      const wanted = size[i]!;
      if (wanted > MAX_FILE_BYTES)
        throw new MocoError('image-corrupt', `${wanted} bytes are too many for an image`);
      const bytes = await open.read(shard[i]!, block[i]! * BLOCK, wanted);
      return decodeImage(bytes, limits);
    },
    close: () => open.close(),
  };
}
