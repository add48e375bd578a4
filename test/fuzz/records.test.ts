/** Binaries of CIFAR and STL-10, damaged: each is read, or refused with a code. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { describeDataset, withDataset } from '../../src/data/dataset.ts';
import { fuzz } from './harness.ts';
import { damaged } from './mutate.ts';
import type { FuzzRandom } from './random.ts';

const folder = mkdtempSync(join(tmpdir(), 'moco-fuzz-records-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Files = Readonly<Record<string, Uint8Array>>;

/** Records of labels in range and any pixels. */
function records(random: FuzzRandom, count: number, labels: readonly number[], pixels: number): Uint8Array {
  const bytes = new Uint8Array(count * (labels.length + pixels));
  for (let i = 0; i < count; i++) {
    for (const [at, classes] of labels.entries()) {
      bytes[i * (labels.length + pixels) + at] = random.below(classes);
    }
  }
  return bytes;
}

const KINDS: Readonly<Record<string, (random: FuzzRandom) => Files>> = {
  cifar10: (random) => ({
    'data_batch_1.bin': records(random, random.between(1, 3), [10], 3072),
    'test_batch.bin': records(random, 1, [10], 3072),
    'batches.meta.txt': new TextEncoder().encode(
      'airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n',
    ),
  }),
  cifar100: (random) => ({
    'train.bin': records(random, random.between(1, 3), [20, 100], 3072),
    'test.bin': records(random, 1, [20, 100], 3072),
  }),
  stl10: (random) => {
    const count = random.between(1, 2);
    return {
      'train_X.bin': new Uint8Array(count * 27648),
      'train_y.bin': Uint8Array.from({ length: count }, () => random.between(1, 10)),
    };
  },
};

for (const [kind, make] of Object.entries(KINDS)) {
  fuzz({
    kind,
    cases: 1000,
    input(random): Files {
      const files = make(random);
      const victim = random.pick(Object.keys(files));
      return { ...files, [victim]: damaged(random, files[victim]!) };
    },
    async take(files) {
      const path = join(folder, kind);
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
      const { train, test } = await describeDataset(path, kind);
      for (const spec of test ? [train, test] : [train]) {
        await withDataset(spec, async (dataset) => {
          for (let i = 0; i < dataset.length; i++) await dataset.image(i);
        });
      }
    },
    show: (files) =>
      Object.entries(files)
        .map(([name, bytes]) => `${name} ${bytes.length}`)
        .join(', '),
  });
}
