import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../src/formats/safetensors.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { succeed, TINY } from './tiny-run.ts';

const GOLDEN = fileURLToPath(new URL('../../data/golden', import.meta.url));

interface Manifest {
  cases: { name: string; file: string; tensors: Record<string, { role: string }> }[];
}

async function manifest(): Promise<Manifest> {
  return JSON.parse(await readFile(`${GOLDEN}/manifest.json`, 'utf8'));
}

describe('moco-web bench', () => {
  it('measures the whole step and ends by itself', async () => {
    const stdout = await succeed(['bench', ...TINY, '--backend', 'wasm', '--repeat', '2', '--json']);
    const { imagesPerSecond, imagesPerSecondWithAugmentation, flopsPerImage, seconds, augmentation } =
      JSON.parse(stdout);
    expect(imagesPerSecond).toBeGreaterThan(0);
    expect(imagesPerSecondWithAugmentation).toBeGreaterThan(0);
    // The first convolution alone: 2·16²·4·27 operations, forward four times.
    expect(flopsPerImage).toBeGreaterThan(4 * 2 * 16 * 16 * 4 * 27);
    expect(Number.isInteger(flopsPerImage)).toBe(true);
    for (const value of Object.values(seconds)) expect(value).toBeGreaterThanOrEqual(0);
    expect(augmentation.decodeMicroseconds).toBeGreaterThan(0);
    expect(augmentation.viewMicroseconds).toBeGreaterThan(0);
  });
});

describe('moco-web golden', () => {
  it('is green on the carried cases, and writes the same numbers without having seen them', async () => {
    const { cases } = await manifest();
    const report = JSON.parse(await succeed(['golden', '--dir', GOLDEN, '--json']));
    expect(report.counts).toMatchObject({ ok: cases.length, FAIL: 0, unsupported: 0 });
    expect((await succeed(['golden', '--dir', GOLDEN])).trimEnd().split('\n')).toHaveLength(cases.length + 1);

    // Cases kept in JSON are graded where they stand, and never written.
    const computable = cases.filter(({ file }) => file.endsWith('.safetensors'));
    const folder = await temporaryFolder();
    await mkdir(`${folder}/inputs`);
    await cp(`${GOLDEN}/manifest.json`, `${folder}/inputs/manifest.json`);
    for (const { file } of cases) {
      if (file.endsWith('.json')) await cp(`${GOLDEN}/${file}`, `${folder}/inputs/${file}`);
    }
    for (const { file, tensors } of computable) {
      const all = readSafetensors(await readFile(`${GOLDEN}/${file}`));
      const inputs = new Map([...all].filter(([name]) => tensors[name]?.role === 'in'));
      expect(inputs.size).toBeLessThan(all.size);
      await writeFile(`${folder}/inputs/${file}`, writeSafetensors(inputs));
    }
    const written = `${folder}/new/written`;
    await succeed(['golden', '--dir', `${folder}/inputs`, '--write', written]);
    expect((await readdir(written)).sort()).toEqual(
      computable.map(({ name }) => `${name}.safetensors`).sort(),
    );

    // Computed once more where those outputs stand in the place of the recorded ones: not a bit differs.
    await cp(`${folder}/inputs`, `${folder}/check`, { recursive: true });
    for (const { name, file, tensors } of computable) {
      const recorded = readSafetensors(await readFile(`${GOLDEN}/${file}`));
      const computed = readSafetensors(await readFile(`${written}/${name}.safetensors`));
      const outputs = Object.keys(tensors).filter((tensor) => tensors[tensor]?.role === 'out');
      expect([...computed.keys()].sort()).toEqual(outputs.sort());
      await writeFile(`${folder}/check/${file}`, writeSafetensors(new Map([...recorded, ...computed])));
    }
    const again = JSON.parse(await succeed(['golden', '--dir', `${folder}/check`, '--json']));
    expect(again.counts).toMatchObject({ ok: cases.length, FAIL: 0, unsupported: 0 });
    for (const { name } of computable) {
      const { fraction } = again.cases.find((graded: { name: string }) => graded.name === name);
      expect([name, fraction]).toEqual([name, 0]);
    }
  });

  it('finds one tampered output', async () => {
    const folder = await temporaryFolder();
    await cp(GOLDEN, folder, { recursive: true });
    const listed = (await manifest()).cases.find(({ name }) => name === 'ema');
    const output = Object.keys(listed?.tensors ?? {}).find((name) => listed?.tensors[name]?.role === 'out');
    const tensors = readSafetensors(await readFile(`${folder}/${listed?.file}`));
    const values = tensors.get(output ?? '')?.data;
    if (!(values instanceof Float32Array)) throw new Error('the case ema has no float32 output');
    values[0] = values[0]! + 0.01;
    await writeFile(`${folder}/${listed?.file}`, writeSafetensors(tensors));
    const { code, stdout } = await mocoWeb(['golden', '--dir', folder]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ema +\S+ +FAIL /m);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/ 1 FAIL, 0 unsupported$/);
  });
});
