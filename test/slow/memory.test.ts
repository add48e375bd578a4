import { expect, it } from 'vitest';
import { BATCH, input, openTiny, SIZE } from '../train/tiny.ts';

/** By then every session has run and V8 has compiled all of onnxruntime's WebAssembly a second time, optimized. */
const WARM_UP = 200;
const MEASURED = 300;
const SAMPLE = 10;
const EMBED = 50;

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
    if (step % EMBED === 0) {
      // A monitor between epochs embeds on the same workers; its sessions must not pile up either.
      await trainer.prepareEmbedding();
      await trainer.embed(async () => new Float32Array(BATCH * 3 * SIZE * SIZE).fill(0.5));
    }
    if (step <= WARM_UP || step % SAMPLE !== 0) continue;
    collectGarbage();
    // Memory that was freed goes back to the system on threads of V8's own.
    await new Promise((resolve) => setTimeout(resolve, 20));
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
  const shown = samples.filter(({ step }) => step % EMBED === 0);
  console.table(
    shown.map(({ heap, rss, ...rest }) => ({ ...rest, heap: heap.toFixed(1), rss: rss.toFixed(1) })),
  );

  const { kernelBytes, liveArrays } = samples[0]!;
  for (const { heap, rss, ...counts } of samples) {
    expect(counts).toEqual({ step: counts.step, kernelBytes, liveArrays, workers: 2 });
  }
  const [heap, rss] = [growth(samples, 'heap'), growth(samples, 'rss')];
  console.log(
    `from the first third of ${MEASURED} steps to the last the heap grew by ${heap.toFixed(2)} MiB, ` +
      `the process by ${rss.toFixed(2)} MiB`,
  );
  // Two thirds of what is leaked show. Images and activations of one group are 8 kB here: a worker that kept them once a
  // step would grow by 2.7 MiB. Gradients of a group are 6 kB, and come to this thread's heap: 2 MiB; one record of 1 kB a
  // call of a worker (8 a step), as a promise that is raced again and again keeps, would be 2.6 MiB.
  expect(heap).toBeLessThan(0.5);
  expect(rss).toBeLessThan(2);
});

/** Median of the last third less that of the first: no single sample counts, and a leak shows, however slow. */
function growth(samples: readonly Sample[], what: 'heap' | 'rss'): number {
  const third = Math.floor(samples.length / 3);
  const medianOf = (some: readonly Sample[]) =>
    some.map((sample) => sample[what]).sort((a, b) => a - b)[third >> 1]!;
  return medianOf(samples.slice(-third)) - medianOf(samples.slice(0, third));
}
