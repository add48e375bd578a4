import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type ConformanceResult,
  countResults,
  formatReport,
  runConformance,
  summarizeKernels,
} from '../../src/conformance/index.ts';
import { CASE_NAMES, KERNEL_NAMES } from '../../src/conformance/suite.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { onEveryBackend } from '../kernels/backends.ts';
import { changed } from './changed.ts';

async function run(kernels: Kernels, only?: string): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  const device = 'device' in kernels ? { device: kernels.device as GPUDevice } : {};
  for await (const result of runConformance(kernels, {
    ...device,
    ...(only === undefined ? {} : { only }),
  })) {
    results.push(result);
  }
  return results;
}

describe('the cases', () => {
  it('have names unlike each other, each alone under its own name', () => {
    expect(new Set(CASE_NAMES).size).toBe(CASE_NAMES.length);
    expect(CASE_NAMES.length).toBeGreaterThan(250);
  });

  it.each(KERNEL_NAMES)(
    'of %s stand in files of its name, and so do its reference and its mutants',
    (name) => {
      expect(CASE_NAMES.some((given) => given.startsWith(`${name}/`))).toBe(true);
      for (const folder of [
        'src/kernels',
        'src/conformance/cases',
        'src/conformance/references',
        'test/mutation',
      ]) {
        const file = new URL(`../../${folder}/${name}.ts`, import.meta.url);
        expect(existsSync(file), `${folder}/${name}.ts`).toBe(true);
      }
    },
  );
});

onEveryBackend(({ kernels }) => {
  // On WebGPU all cases run without the compiler's checks (test/gpu/bounds.test.ts) and in Chromium (test/runtimes/conformance.test.ts).
  it('all kernels are right', async () => {
    const first = (kernel: string) => CASE_NAMES.find((name) => name.startsWith(`${kernel}/`))!;
    const cases = kernels.backend === 'webgpu' ? KERNEL_NAMES.map(first) : null;
    const results: ConformanceResult[] = [];
    for (const only of cases ?? [undefined]) results.push(...(await run(kernels, only)));
    console.log(formatReport(results));
    expect(results.filter(({ status }) => status === 'FAIL')).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual((cases ?? CASE_NAMES).length);
    for (const result of results) {
      if (result.status === 'ok') expect(result.worst).toBeLessThanOrEqual(1);
    }
  }, 300_000);

  it('no case keeps an array', async () => {
    const before = kernels.heapBytes;
    await run(kernels, 'infonce/C');
    expect(kernels.heapBytes).toBe(before);
  });

  it('one case alone, by its name; more by a prefix; none is an error', async () => {
    expect((await run(kernels, 'ema/length 1')).map((result) => result.case)).toEqual(['ema/length 1']);
    expect((await run(kernels, 'ema/length 12')).map((result) => result.case)).toEqual([
      'ema/length 127',
      'ema/length 128',
      'ema/length 129',
    ]);
    await expect(run(kernels, 'no such kernel')).rejects.toMatchObject({ code: 'usage' });
  });

  const wrong: [string, string, (real: Kernels) => Partial<Kernels>][] = [
    [
      'ema/length 25',
      'the factors in the wrong order',
      (real) => ({ ema: (args) => real.ema({ ...args, keep: 1 - args.keep, scale: args.keep }) }),
    ],
    ['ema/gates', 'a gate that is not asked', (real) => ({ ema: ({ gate: _, ...args }) => real.ema(args) })],
    ['finite/length 6', 'a gate that opens again', (real) => ({ finite: reopening(real) })],
    ['enqueue/N = 1', 'a pointer one too far', (real) => ({ enqueue: shifted(real) })],
    [
      'infonce/C = 6',
      'a temperature that is off by 0.1 %',
      (real) => ({ infonce: (args) => real.infonce({ ...args, temperature: args.temperature * 1.001 }) }),
    ],
    [
      'sgd/length 6',
      'weight decay that is left out',
      (real) => ({
        sgd: (args) => real.sgd({ ...args, weightDecay: 0 }),
      }),
    ],
    ['scatter-rows/R', 'rows gathered instead', (real) => ({ scatterRows: (args) => real.gatherRows(args) })],
    ['l2norm/C = 6', 'nothing written', () => ({ l2norm: () => {} })],
    ['topk/ties', 'a row of the bank left out', (real) => ({ topk: leavingOut(real) })],
  ];

  it.each(wrong)('%s catches a wrong kernel: %s', async (only, _, methods) => {
    const results = await run(changed(kernels, methods(kernels)), only);
    expect(countResults(results).FAIL).toBeGreaterThan(0);
    expect(summarizeKernels(results).map(({ failed }) => failed > 0)).toEqual([true]);
  });

  it('says what is wrong, where, by how much, and how to see it again', async () => {
    const real = kernels;
    const bad = changed(kernels, {
      ema: (args) => real.ema({ ...args, keep: 1 - args.keep, scale: args.keep }),
    });
    const [result] = await run(bad, 'ema/length 257');
    expect(result).toMatchObject({
      status: 'FAIL',
      failure: { what: expect.stringMatching(/^key, m = /), bound: expect.any(Number) },
    });
    const text = formatReport([result!]);
    expect(text).toMatch(/^FAIL {2}ema\/length 257$/m);
    expect(text).toMatch(/^ +key, m = .* \[\d+\]: expected -?[\d.e-]+, actual -?[\d.e-]+$/m);
    expect(text).toMatch(/^ +error \d.*, bound \d.*; \d+ beyond their bounds$/m);
    expect(text).toContain(`moco-web doctor --kernels --backend ${kernels.backend} --only 'ema/length 257'`);
    expect(text).toMatch(/^0 ok, 1 FAIL, 0 skipped$/m);
  });

  it('what a kernel throws is a FAIL of its case, and the others go on', async () => {
    const bad = changed(kernels, {
      accumulate: () => {
        throw new Error('it fell over');
      },
    });
    const results = await run(bad, 'accumulate/length 6');
    expect(results.map(({ status, reason }) => [status, reason])).toEqual(
      ['63', '64', '65'].map(() => ['FAIL', 'it fell over']),
    );
  });
});

function reopening(real: Kernels): Kernels['finite'] {
  return (args) => {
    real.write(args.gate, Float32Array.of(1));
    real.finite(args);
  };
}

function shifted(real: Kernels): Kernels['enqueue'] {
  return (args) => real.enqueue({ ...args, pointer: (args.pointer + 1) % args.queueSize });
}

function leavingOut(real: Kernels): Kernels['topk'] {
  return async (args) => {
    const found = await real.topk(args);
    return { ...found, indices: found.indices.map((row) => (row === 0 ? args.bankRows - 1 : row)) };
  };
}
