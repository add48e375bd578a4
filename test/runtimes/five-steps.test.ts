/** The built package in every runtime: the same program; on wasm the same bits, on WebGPU the same within rounding. */
import { afterAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inEveryRuntime } from './in-every-runtime.ts';
import { type FiveSteps, type ProgramOptions, type Runtime, runIn } from './runtimes.ts';

const STEPS = 5;

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

afterAll(async () => {
  await closeChromium();
  console.log(['', ...table, ''].join('\n'));
});

function note(runtime: Runtime, { workers }: ProgramOptions, result: FiveSteps): void {
  const { backend, adapter, isolated, losses } = result;
  const shared = isolated === false ? 'copied' : 'shared';
  const cells = [runtime.padEnd(17), backend.padEnd(6), (adapter ?? '–').padEnd(12), `${workers} workers`];
  table.push(`${cells.join('  ')}  weights ${shared}  ${losses.map((loss) => loss.toFixed(6)).join(' ')}`);
}

await inEveryRuntime((runtime) => {
  it.each([1, 2])('wasm, %i workers: the same losses to the last bit', async (workers) => {
    const options: ProgramOptions = { backend: 'wasm', workers };
    const result = await runIn(runtime, options);
    note(runtime, options, result);
    expect(result).toMatchObject({ backend: 'wasm', adapter: null });
    expect(Object.keys(result.versions)).toContain('onnxruntime-web');
    if (runtime.startsWith('chromium')) expect(result.isolated).toBe(runtime === 'chromium isolated');
    expect(result.losses).toHaveLength(STEPS);
    expect(result.losses.every(Number.isFinite)).toBe(true);
    reference ??= result.losses;
    // Doubles go through JSON and back without a change.
    expect(result.losses).toEqual(reference);
  });

  // With headers or without makes no difference to a GPU.
  if (runtime === 'chromium isolated') return;
  it('webgpu, on a software adapter: the losses of wasm within rounding', async () => {
    const options: ProgramOptions = { backend: 'webgpu', workers: 1 };
    const result = await runIn(runtime, options);
    note(runtime, options, result);
    expect(result).toMatchObject({ backend: 'webgpu', adapter: expect.stringMatching(/swiftshader/i) });
    const expected = reference ?? (await runIn('node', { backend: 'wasm', workers: 1 })).losses;
    const fractions = tolerances(expected).map(
      (tolerance, i) => Math.abs(result.losses[i]! - expected[i]!) / tolerance,
    );
    console.log(`${runtime}: differences ${fractions.map((x) => x.toFixed(3)).join(', ')} of tolerance`);
    expect(result.losses).toHaveLength(STEPS);
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
  });
});
