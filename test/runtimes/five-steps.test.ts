/** The built package in every runtime: the same program; on wasm the same bits, on WebGPU the same within rounding. */
import { afterAll, expect, it } from 'vitest';
import { inEveryRuntime } from './in-every-runtime.ts';
import {
  closeBrowsers,
  type FiveSteps,
  isFirefox,
  isIsolated,
  type ProgramOptions,
  type Runtime,
  runIn,
} from './runtimes.ts';

const STEPS = 5;
/** A group for each of three workers; two workers have to share them unevenly, and one takes all. */
const WORKERS = [1, 2, 3];
const GROUPS = 3;

/**
 * How far losses on WebGPU may be from those on wasm (docs/numerics.md, "Five steps on two backends"). The first loss has
 * the rounding of two forward passes alone; later ones also what the gradients of the steps before differ by, in
 * proportion to how far these steps have moved the loss.
 */
const FORWARD = 5e-5;
const GRADIENT = 5e-3;
function tolerances(losses: readonly number[]): number[] {
  let moved = 0;
  return losses.map((loss, i) => {
    moved += i === 0 ? 0 : Math.abs(loss - losses[i - 1]!);
    return FORWARD + GRADIENT * moved;
  });
}

const table: string[] = [];
/** The losses that all runs on wasm have to give: those of the first one. */
let reference: number[] | null = null;
/** The losses that all runs on native code have to give, of this machine. */
let onNative: number[] | null = null;
/** What wasm gives for what runs on WebGPU, of two groups: a software GPU takes long enough for them. */
let onWasm: number[] | null = null;

afterAll(async () => {
  await closeBrowsers();
  console.log(['', ...table, ''].join('\n'));
});

function note(runtime: Runtime, { workers, groups = 2 }: ProgramOptions, result: FiveSteps): void {
  const { backend, adapter, sharedMemory, losses } = result;
  const weights = backend === 'webgpu' ? 'on the GPU' : sharedMemory ? 'shared' : 'copied';
  const cells = [
    ...[runtime.padEnd(17), backend.padEnd(6), (adapter ?? '–').padEnd(28)],
    ...[`${workers} workers, ${groups} groups`, `weights ${weights}`.padEnd(18)],
  ];
  table.push(`${cells.join('  ')}  ${losses.map((loss) => loss.toFixed(6)).join(' ')}`);
}

await inEveryRuntime((runtime) => {
  // A page has SharedArrayBuffer or not by its headers; Node and Deno have both rows.
  const inPage = runtime !== 'node' && runtime !== 'deno';
  const shared = WORKERS.map((workers) => [workers, true] as const);
  const copied = [1, 3].map((workers) => [workers, false] as const);
  const rows = inPage ? (isIsolated(runtime) ? shared : copied) : [...shared, copied[1]!];
  it.each(rows)('wasm, %i workers, shared memory %s: the same bits', async (workers, shared) => {
    const options: ProgramOptions = { backend: 'wasm', workers, groups: GROUPS };
    if (!shared) options.sharedMemory = false;
    const result = await runIn(runtime, options);
    note(runtime, options, result);
    expect(result).toMatchObject({ backend: 'wasm', adapter: null, sharedMemory: shared });
    expect(Object.keys(result.versions)).toContain('onnxruntime-web');
    if (inPage) expect(result.isolated).toBe(shared);
    expect(result.losses).toHaveLength(STEPS);
    expect(result.losses.every(Number.isFinite)).toBe(true);
    reference ??= result.losses;
    // Doubles go through JSON and back without a change.
    expect(result.losses).toEqual(reference);
  });

  if (!inPage) {
    it.each(rows)('native, %i workers, shared memory %s: the same bits', async (workers, shared) => {
      const options: ProgramOptions = { backend: 'native', workers, groups: GROUPS };
      if (!shared) options.sharedMemory = false;
      const result = await runIn(runtime, options);
      note(runtime, options, result);
      expect(result).toMatchObject({ backend: 'native', adapter: null, sharedMemory: shared });
      onNative ??= result.losses;
      expect(result.losses).toEqual(onNative);
      // As close to wasm as WebGPU has to be.
      const allowed = tolerances(reference ?? result.losses);
      for (const [i, loss] of result.losses.entries()) {
        expect(Math.abs(loss - (reference ?? [])[i]!)).toBeLessThanOrEqual(allowed[i]!);
      }
    });
  }

  // With headers or without makes no difference to a GPU. The tests of gpu train in Node.
  if (isFirefox(runtime) || isIsolated(runtime) || runtime === 'node') return;
  it('webgpu, on a software adapter: the losses of wasm within rounding', async () => {
    // In a page, called on its own thread.
    const options: ProgramOptions = { backend: 'webgpu', workers: 1, ownThread: true };
    const result = await runIn(runtime, options);
    note(runtime, options, result);
    expect(result).toMatchObject({ backend: 'webgpu', adapter: expect.stringMatching(/swiftshader/i) });
    onWasm ??= (await runIn('node', { backend: 'wasm', workers: 1 })).losses;
    const expected = onWasm;
    const fractions = tolerances(expected).map(
      (tolerance, i) => Math.abs(result.losses[i]! - expected[i]!) / tolerance,
    );
    console.log(`${runtime}: differences ${fractions.map((x) => x.toFixed(3)).join(', ')} of tolerance`);
    expect(result.losses).toHaveLength(STEPS);
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
  });
});
