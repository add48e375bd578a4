/** What a spec says of tar shards and the images in them. */
import { type PackedStrings, packStrings, stringAt } from '../shared.ts';
import type { DatasetSpec } from '../sources/source.ts';

/** The name of the source. */
export const TAR_SHARDS = 'tarshards';

/** A shard as it lies there. */
export interface ShardStamp {
  /** Its path below the root. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

export interface TarShardsSpec extends DatasetSpec {
  /** The folder that the shards lie in. */
  readonly root: string;
  readonly shards: PackedStrings;
  /** Of each shard its bytes, and when it was last changed, in milliseconds since 1970, as its headers were read. */
  readonly shardBytes: Float64Array;
  readonly shardChanged: Float64Array;
  /** What each image is called in its shard. */
  readonly members: PackedStrings;
  /** Of each image its shard, the block of 512 bytes that it begins with, and its bytes. */
  readonly shard: Int32Array;
  readonly block: Int32Array;
  readonly size: Int32Array;
  /** Label of each, −1 for none; null without classes. */
  readonly labels: Int32Array | null;
}

/** What all specs of these shards have in common. */
export type ShardsBase = Pick<TarShardsSpec, 'kind' | 'root' | 'shards' | 'shardBytes' | 'shardChanged'>;

/** @param stamps of the shards, in order */
export function baseOf(root: string, stamps: readonly ShardStamp[]): ShardsBase {
  return {
    ...{ kind: TAR_SHARDS, root, shards: packStrings(stamps.map(({ name }) => name)) },
    shardBytes: Float64Array.from(stamps, ({ bytes }) => bytes),
    shardChanged: Float64Array.from(stamps, ({ changed }) => changed),
  };
}

export function stampsOf({ shards, shardBytes, shardChanged }: ShardsBase): ShardStamp[] {
  return Array.from(shardBytes, (bytes, i) => ({
    ...{ name: stringAt(shards, i)!, bytes, changed: shardChanged[i]! },
  }));
}
