import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import type { CaseFamily, GoldenCase } from '../../src/golden/case.ts';
import { createContext } from '../../src/golden/context.ts';
import { familyOf } from '../../src/golden/families.ts';
import { countResults, formatCounts, formatResult, resultsAsJson } from '../../src/golden/report.ts';
import { type CaseResult, type GoldenOptions, runGolden } from '../../src/golden/run-golden.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const f32 = (...values: number[]): NamedTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

/** A set of one case, double_a: y = 2x, z = x + 1. */
async function goldenFolder(
  change: {
    manifest?: (listed: Record<string, unknown>) => void;
    file?: (t: Map<string, NamedTensor>) => void;
  } = {},
): Promise<string> {
  const folder = await temporaryFolder();
  const out = (atol: number) => ({ dtype: 'F32', shape: [3], role: 'out', atol });
  const listed: Record<string, unknown> = {
    name: 'double_a',
    file: 'double_a.safetensors',
    params: {},
    rtol: 0,
    atol: 0.1,
    tensors: {
      x: { dtype: 'F32', shape: [3], role: 'in' },
      y: out(0.5),
      z: out(0),
      logits: { dtype: 'F32', shape: [3], role: 'info' },
    },
  };
  change.manifest?.(listed);
  const tensors = new Map([
    ['x', f32(1, 2, 3)],
    ['y', f32(2, 4, 6.25)],
    ['z', f32(2, 3, 4)],
    ['logits', f32(7, 7, 7)],
  ]);
  change.file?.(tensors);
  await writeFile(`${folder}/manifest.json`, JSON.stringify({ format: 1, cases: [listed] }));
  await writeFile(`${folder}/double_a.safetensors`, writeSafetensors(tensors));
  return folder;
}

const seen: GoldenCase[] = [];
const doubles: CaseFamily = {
  runners: {
    double: async (goldenCase) => {
      seen.push(goldenCase);
      const x = [...((goldenCase.inputs.get('x')?.data ?? []) as Float32Array)];
      return new Map([
        ['y', f32(...x.map((v) => 2 * v))],
        ['z', f32(...x.map((v) => v + 1))],
        ['extra', f32(0)],
      ]);
    },
  },
};

async function run(folder: string, more: Partial<GoldenOptions> = {}): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const options = { store: await openFolder(folder), context: await createContext('wasm'), ...more };
  for await (const result of runGolden({ families: [doubles], ...options })) results.push(result);
  return results;
}

describe('golden runner', () => {
  it('grades with the tolerance of each tensor and shows the worst', async () => {
    const [result] = await run(await goldenFolder());
    expect(result).toMatchObject({ name: 'double_a', status: 'ok', fraction: 0.5, tensor: 'y' });
    expect(formatResult(result as CaseResult)).toMatch(/^double_a {29,}0.5000 {2}ok {11}y$/);
  });

  it('hands a runner the inputs and nothing recorded', async () => {
    seen.length = 0;
    await run(await goldenFolder());
    expect([...(seen[0]?.inputs.keys() ?? [])]).toEqual(['x']);
    expect([...(seen[0]?.outputs.keys() ?? [])]).toEqual(['y', 'z']);
  });

  it('fails a value beyond tolerance, with a table of what differs', async () => {
    const [result] = await run(await goldenFolder({ file: (t) => t.set('z', f32(2, 3.5, 4)) }));
    expect(result).toMatchObject({ status: 'FAIL', fraction: Number.POSITIVE_INFINITY, tensor: 'z' });
    const text = formatResult(result as CaseResult);
    expect(text).toContain('z: 1 beyond tolerance');
    expect(text).toMatch(/\[1\] {2}3.50000000 {2}3.00000000 {9}Infinity/);
    expect(JSON.parse(resultsAsJson('wasm', [result as CaseResult]))).toMatchObject({
      counts: { ok: 0, FAIL: 1 },
      cases: [{ name: 'double_a', status: 'FAIL', fraction: null }],
    });
  });

  it.each<[string, Parameters<typeof goldenFolder>[0], RegExp]>([
    ['a missing input', { file: (t) => t.delete('x') }, /input x is missing/],
    ['some recorded outputs missing', { file: (t) => t.delete('y') }, /only 1 of 2 recorded outputs/],
    [
      'an output nobody computes',
      {
        manifest: (listed) =>
          Object.assign(listed.tensors as object, { w: { dtype: 'F32', shape: [1], role: 'out', atol: 1 } }),
      },
      /1 of 3 outputs were not computed: w/,
    ],
  ])('fails %s', async (_, change, reason) => {
    const [result] = await run(await goldenFolder(change));
    expect(result?.status).toBe('FAIL');
    expect(result?.reason).toMatch(reason);
  });

  it('fails a case that throws and goes on with the next', async () => {
    const folder = await goldenFolder();
    const manifest = JSON.parse(await readFile(`${folder}/manifest.json`, 'utf8'));
    manifest.cases.push({ ...manifest.cases[0], name: 'other' }, { ...manifest.cases[0], name: 'double_b' });
    await writeFile(`${folder}/manifest.json`, JSON.stringify(manifest));
    const broken: CaseFamily = {
      runners: {
        double_a: async () => {
          throw new Error('kaboom\nat line 3');
        },
      },
    };
    const results = await run(folder, { families: [doubles, broken] });
    expect(results.map(({ status }) => status)).toEqual(['FAIL', 'unsupported', 'ok']);
    expect(results[0]?.reason).toBe('kaboom');
    expect(formatCounts(countResults(results))).toBe('1 ok, 1 FAIL, 1 unsupported');
    expect((await run(folder, { only: ['double_b'] })).map(({ name }) => name)).toEqual(['double_b']);
    await expect(run(folder, { only: ['double_b', 'nothing'] })).rejects.toMatchObject({ code: 'usage' });
  });

  it('writes under the names of the manifest, keeping other files, and gives the same numbers without outputs', async () => {
    const out = `${await temporaryFolder()}/made/here`;
    await mkdir(out, { recursive: true });
    await writeFile(`${out}/keep.txt`, '');
    const recorded = await run(await goldenFolder(), { write: await openFolder(out) });
    expect(recorded[0]?.status).toBe('ok');
    const first = await readFile(`${out}/double_a.safetensors`);
    expect(readSafetensors(first)).toEqual(
      new Map([
        ['y', f32(2, 4, 6)],
        ['z', f32(2, 3, 4)],
      ]),
    );
    expect(await readdir(out)).toEqual(['double_a.safetensors', 'keep.txt']);

    const strip = (t: Map<string, NamedTensor>) =>
      ['y', 'z', 'logits'].forEach((name) => void t.delete(name));
    const stripped = await run(await goldenFolder({ file: strip }), { write: await openFolder(out) });
    expect(stripped[0]).toMatchObject({ status: 'written', fraction: null });
    expect(await readFile(`${out}/double_a.safetensors`)).toEqual(first);

    const unlisted = await goldenFolder({
      file: strip,
      manifest: (listed) => {
        listed.tensors = { x: { dtype: 'F32', shape: [3], role: 'in' } };
      },
    });
    expect((await run(unlisted, { write: await openFolder(out) }))[0]?.status).toBe('written');
    const all = readSafetensors(await readFile(`${out}/double_a.safetensors`));
    expect(all.get('y')).toEqual(f32(2, 4, 6));
    expect((await run(unlisted))[0]?.status).toBe('ungraded');
  });

  it.each([
    [
      'a name that leaves the folder',
      '{"cases":[{"name":"../x","file":"a"}]}',
      /cases.0.name: is not a plain/,
    ],
    ['a file that leaves the folder', '{"cases":[{"name":"x","file":"a/../../b"}]}', /cases.0.file/],
    ['a case twice', '{"cases":[{"name":"x","file":"a"},{"name":"x","file":"a"}]}', /lists case x twice/],
    ['no JSON', '{', /cannot be read/],
    ['no cases', '{}', /cases/],
  ])('refuses a manifest with %s', async (_, text, message) => {
    const folder = await temporaryFolder();
    await writeFile(`${folder}/manifest.json`, text);
    await expect(run(folder)).rejects.toThrow(message);
    await expect(run(folder)).rejects.toMatchObject({ code: 'data-invalid' });
  });

  it('takes the family with the longest prefix', () => {
    const make = (prefix: string): CaseFamily => ({ runners: { [prefix]: async () => new Map() } });
    const [short, long] = [make('conv'), make('conv_k3')];
    expect(familyOf('conv_k3s1', [short, long])).toEqual({ run: long.runners?.conv_k3 });
    expect(familyOf('conv_k3s1', [long, short])).toEqual({ run: long.runners?.conv_k3 });
    expect(familyOf('conv_k1', [long, short])).toEqual({ run: short.runners?.conv });
    expect(familyOf('bn', [long, short])).toBeNull();
  });
});

describe('schedules', () => {
  const grade = async (name: string, recorded: object) => {
    const folder = await temporaryFolder();
    const listed = { name, file: `${name}.json`, rtol: 1e-12 };
    await writeFile(`${folder}/manifest.json`, JSON.stringify({ cases: [listed] }));
    await writeFile(`${folder}/${name}.json`, JSON.stringify(recorded));
    const store = await openFolder(folder);
    const results: CaseResult[] = [];
    for await (const result of runGolden({ store, context: await createContext('wasm') }))
      results.push(result);
    return results[0]?.status;
  };

  it('accepts right rates and fails wrong or missing ones', async () => {
    const steps = (lr: number[]) =>
      grade('schedules', {
        s: { kind: 'step', base_lr: 30, epochs: 3, milestones: [1, 2], factor: 0.1, lr },
      });
    expect(await steps([30, 3, 0.3])).toBe('ok');
    expect(await steps([30, 3, 0.3 * (1 + 3e-12)])).toBe('FAIL');
    expect(await steps([30, 3])).toBe('FAIL');
  });

  it('does so with a warm-up, whose first rate is 0', async () => {
    const warmup = (lr: number[]) =>
      grade('warmup_cosine', { base_lr: 0.3, epochs: 3, warmup_epochs: 1, steps_per_epoch: 2, lr });
    // ½(1 + cos(πt/4)) for t = 0…3
    const half = 0.3 * Math.SQRT1_2;
    const rates = [0, 0.15, 0.3, (0.3 + half) / 2, 0.15, (0.3 - half) / 2];
    expect(await warmup(rates)).toBe('ok');
    expect(await warmup([1e-300, ...rates.slice(1)])).toBe('FAIL');
    expect(await warmup(rates.with(1, 0.15 * (1 + 3e-12)))).toBe('FAIL');
    expect(await warmup(rates.with(5, rates[5]! * (1 - 3e-12)))).toBe('FAIL');
    expect(await warmup(rates.slice(0, 5))).toBe('FAIL');
  });
});
