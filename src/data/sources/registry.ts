import { MocoError } from '../../errors.ts';
import { cifar10 } from './cifar10.ts';
import { cifar100 } from './cifar100.ts';
import { drawn } from './drawn.ts';
import { files } from './files.ts';
import { imageFolder } from './image-folder.ts';
import { imageList } from './image-list.ts';
import type { Source } from './source.ts';
import { stl10 } from './stl10.ts';
import { tarShards } from './tar-shards.ts';

/** All sources, in the order in which `auto` asks them. Any folder may be one of images: that one is asked last. */
export const SOURCES: readonly Source[] = [
  drawn,
  files,
  cifar10,
  cifar100,
  stl10,
  imageList,
  tarShards,
  imageFolder,
];

/** How what lies at a path can be read. */
export const DATASET_KINDS: readonly string[] = ['auto', ...kindsAtPaths(SOURCES)];

export function kindsAtPaths(sources: readonly Source[]): string[] {
  return sources.filter(({ atPath }) => atPath).map(({ kind }) => kind);
}

/** @throws MocoError usage where there is none of that kind */
export function sourceNamed(kind: string, sources: readonly Source[] = SOURCES): Source {
  const source = sources.find((candidate) => candidate.kind === kind);
  if (source) return source;
  const kinds = sources.map((candidate) => candidate.kind).join(', ');
  throw new MocoError('usage', `unknown kind of data '${kind}': choose one of ${kinds}`);
}
