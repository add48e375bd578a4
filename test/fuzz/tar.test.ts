/** Tar archives, and kept indexes of them, damaged: each is read, or refused with a code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { crc32 } from '../../src/crc32.ts';
import { describeDataset, withDataset } from '../../src/data/dataset.ts';
import { indexOf } from '../../src/data/tar/index-file.ts';
import { decodeIndex } from '../../src/data/tar/kept-index.ts';
import { stampsOf, type TarShardsSpec } from '../../src/data/tar/shards-spec.ts';
import { MocoError } from '../../src/errors.ts';
import { lay, pack, withChecksums } from '../data/archives.ts';
import { fuzz } from './harness.ts';
import { damaged } from './mutate.ts';

const base = mkdtempSync(join(tmpdir(), 'moco-fuzz-tar-'));
afterAll(() => rmSync(base, { recursive: true }));

const IMAGE = readFileSync(fileURLToPath(new URL('../data/images/cat/0075.jpg', import.meta.url)));
const root = lay(join(base, 'files'), {
  'cat/1.jpg': IMAGE,
  [`dog/${'long '.repeat(30)}.jpg`]: IMAGE,
  '0.jpg': IMAGE,
  '0.cls': '3',
  '1.jpg': IMAGE,
  '1.json': '{"label": "cat"}',
});
const SEEDS = [
  ...['gnu', 'pax'].map((format) => pack(join(base, `${format}.tar`), root, ['cat', 'dog'], format)),
  pack(join(base, 'samples.tar'), root, ['0.jpg', '0.cls', '1.jpg', '1.json']),
].map((path) => {
  const bytes = new Uint8Array(readFileSync(path));
  // Less of the zeros at the end, where nothing can be damaged.
  return bytes.subarray(0, 512 * (2 + Math.ceil(bytes.findLastIndex((byte) => byte !== 0) / 512)));
});

async function readAll(path: string): Promise<number> {
  const { train } = await describeDataset(path, 'tarshards');
  return withDataset(train, async (dataset) => {
    for (let i = 0; i < dataset.length; i++) {
      // A damaged image is no affair of the archive.
      await dataset.image(i).catch((error) => {
        if (!(error instanceof MocoError)) throw error;
      });
      dataset.name(i);
    }
    return dataset.length;
  });
}

const good = join(base, 'good.tar');
writeFileSync(good, SEEDS[0]!);
const victim = join(base, 'victim.tar');

for (const [kind, cases, mended] of [
  ['tar', 2000, false],
  ['tar with right checksums', 4000, true],
] as const) {
  fuzz({
    kind,
    cases,
    input(random) {
      const bytes = random.pick(SEEDS).slice();
      // In a header, where it is one of the archive and not of an image.
      const headers = Array.from({ length: bytes.length / 512 }, (_, block) => 512 * block).filter(
        (at) => Buffer.from(bytes.subarray(at + 257, at + 262)).toString() === 'ustar',
      );
      if (!mended) return damaged(random, bytes);
      const at = random.pick(headers);
      bytes.set(damaged(random, bytes.subarray(at, at + 512)).subarray(0, 512), at);
      return withChecksums(bytes);
    },
    async take(bytes) {
      writeFileSync(victim, bytes);
      await readAll(victim);
    },
    control: async () => expect(await readAll(good)).toBe(2),
  });
}

const shards = join(base, 'shards');
for (const name of ['train', 'val'])
  pack(join(shards, `${name}.tar`), root, ['0.jpg', '0.cls', '1.jpg', '1.json']);
const kept = await describeDataset(shards);
const INDEX = indexOf(kept)!.bytes;
const stamps = stampsOf(kept.train as TarShardsSpec);

for (const [kind, cases, mended] of [
  ['tar index', 500, false],
  ['tar index with a right checksum', 2000, true],
] as const) {
  fuzz({
    kind,
    cases,
    input(random) {
      const bytes = damaged(random, INDEX.slice());
      if (!mended || bytes.length < 16) return bytes;
      const numbers = new DataView(bytes.buffer, bytes.byteOffset);
      // Its head's length is right, too, more often than not: behind it there is more to be damaged.
      if (random.chance(0.7)) for (let i = 0; i < 16; i++) bytes[i] = INDEX[i]!;
      numbers.setUint32(8, crc32(bytes.subarray(12)), true);
      return bytes;
    },
    async take(bytes) {
      const { train, test: judged } = decodeIndex('it', bytes, shards, stamps);
      for (const spec of [train, judged!]) {
        await withDataset(spec, async (dataset) => {
          for (let i = 0; i < dataset.length; i++) {
            dataset.name(i);
            await dataset.image(i).catch((error) => {
              if (!(error instanceof MocoError)) throw error;
            });
          }
        });
      }
    },
    control: async () => expect(decodeIndex('it', INDEX, shards, stamps).classes).toEqual(['3', 'cat']),
  });
}
