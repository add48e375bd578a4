import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enqueued } from '../../src/conformance/references/enqueue.ts';
import { onEveryBackend } from './backends.ts';
import { withArrays } from './inputs.ts';

onEveryBackend(({ kernels, fewer }) => {
  const ring = (
    queue: number[],
    keys: number[],
    pointer: number,
    queueSize: number,
    dim: number,
  ): number[] => [...enqueued(Float32Array.from(queue), Float32Array.from(keys), pointer, queueSize, dim)];

  const count = (length: number, from: number): number[] => Array.from({ length }, (_, i) => from + i);

  function check(queueSize: number, rows: number, dim: number, pointer: number, gate: number): Promise<void> {
    return withArrays(kernels, async (put) => {
      const [before, keys] = [count(queueSize * dim, 1), count(rows * dim, 10_000)];
      const queue = put(before);
      kernels.enqueue({ queue, keys: put(keys), pointer, queueSize, rows, dim, gate: put([gate]) });
      const want = gate ? ring(before, keys, pointer, queueSize, dim) : before;
      const where = `K=${queueSize} N=${rows} C=${dim} pointer=${pointer} gate=${gate}`;
      expect([...(await kernels.read(queue))], where).toEqual(want);
    });
  }

  describe('enqueue', () => {
    it('wraps around at every offset, for batches smaller than, equal to and larger than the queue', async () => {
      for (const dim of [1, 3, 4]) {
        for (const rows of [0, 1, 3, 4, 6, 7, 8, 14, 17, 30]) {
          for (let pointer = 0; pointer < 7; pointer++) await check(7, rows, dim, pointer, 1);
        }
      }
    });

    it('writes nothing while the gate is closed', () => check(7, 5, 3, 4, 0));

    it('is a plain ring buffer', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 20 }),
          fc.integer({ min: 1, max: 9 }),
          fc.array(fc.tuple(fc.integer({ min: 0, max: 45 }), fc.boolean()), { minLength: 1, maxLength: 8 }),
          fc.nat(),
          (queueSize, dim, batches, start) =>
            withArrays(kernels, async (put) => {
              let want = count(queueSize * dim, 1);
              let pointer = start % queueSize;
              const queue = put(want);
              for (const [i, [rows, open]] of batches.entries()) {
                const keys = count(rows * dim, 1000 * (i + 1));
                kernels.enqueue({
                  queue,
                  keys: put(keys),
                  pointer,
                  queueSize,
                  rows,
                  dim,
                  gate: put([open ? 1 : 0]),
                });
                if (!open) continue;
                want = ring(want, keys, pointer, queueSize, dim);
                pointer = (pointer + rows) % queueSize;
              }
              expect([...(await kernels.read(queue))]).toEqual(want);
            }),
        ),
        { numRuns: 100 / fewer },
      ));
  });
});
