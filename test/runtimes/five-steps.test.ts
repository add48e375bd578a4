/** The built package in every runtime: the same program, and on wasm the same bits. */
import { afterAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inEveryRuntime } from './in-every-runtime.ts';
import { type FiveSteps, type ProgramOptions, type Runtime, runIn } from './runtimes.ts';

const STEPS = 5;

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
});
