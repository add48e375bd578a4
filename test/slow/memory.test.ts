import { expect, it } from 'vitest';
import { BATCH, input, openTiny, SIZE } from '../moco/tiny.ts';

/** By then every session has run and V8 has compiled all of onnxruntime's WebAssembly a second time, optimised. */
const WARM_UP = 200;
const MEASURED = 200;
const SAMPLE = 25;

/** Sizes in MiB. */
interface Sample {
  step: number;
  kernelBytes: number;
  liveArrays: number;
  workers: number;
  /** This thread's JavaScript heap and what it holds outside, after gc(). */
  heap: number;
  /** The whole process: the workers' heaps and WebAssembly memories too. */
  rss: number;
}

it(`memory stays the same for ${MEASURED} steps`, async () => {
  const collectGarbage = globalThis.gc;
  if (!collectGarbage) throw new Error('gc() is missing: run with node --expose-gc (npm run test:slow does)');
  const tiny = await openTiny(2);
  const trainer = await tiny.trainer();
  const samples: Sample[] = [];
  for (let step = 1; step <= WARM_UP + MEASURED; step++) {
    await (await trainer.step(input(step))).result;
    if (step % SAMPLE !== 0) continue;
    // A monitor between epochs embeds on the same workers; its sessions must not pile up either.
    await trainer.prepareEmbedding();
    await trainer.embed(async () => new Float32Array(BATCH * 3 * SIZE * SIZE).fill(0.5));
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { heapUsed, external, rss } = process.memoryUsage();
    samples.push({
      step,
      kernelBytes: tiny.kernels.heapBytes,
      liveArrays: tiny.kernels.liveArrays,
      workers: process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length,
      heap: (heapUsed + external) / 2 ** 20,
      rss: rss / 2 ** 20,
    });
  }
  await tiny.dispose();
  console.table(
    samples.map(({ heap, rss, ...rest }) => ({ ...rest, heap: heap.toFixed(1), rss: rss.toFixed(1) })),
  );

  const measured = samples.filter(({ step }) => step >= WARM_UP);
  const first = measured[0]!;
  const last = measured.at(-1)!;
  console.log(
    `in ${MEASURED} steps the heap grew by ${(last.heap - first.heap).toFixed(2)} MiB, ` +
      `the process by ${(last.rss - first.rss).toFixed(1)} MiB`,
  );
  for (const { step, kernelBytes, liveArrays, workers } of measured) {
    const { kernelBytes: bytes, liveArrays: arrays } = first;
    expect({ step, kernelBytes, liveArrays, workers }).toEqual({
      step,
      kernelBytes: bytes,
      liveArrays: arrays,
      workers: 2,
    });
  }
  // Images, activations and gradients of one group are 60 kB here: leaking them once a step would be 12 MiB. One record of
  // 1 kB a call of a worker (8 a step), as a promise that is raced again and again keeps, would be 1.6 MiB of heap.
  expect(last.heap - first.heap).toBeLessThan(1);
  expect(last.rss - first.rss).toBeLessThan(8);
});
