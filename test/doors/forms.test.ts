/** What callers have is taken in the forms that they have it in, and mistakes that people made are answered. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  chooseBackend,
  describeDataset,
  describeEncoder,
  type ErrorCode,
  exportOnnx,
  importEncoder,
  knnOfCheckpoint,
  loadCheckpoint,
  type MocoError,
  type PretrainEvent,
  pretrain,
  readSafetensors,
  resolveConfig,
  writeSafetensors,
} from '../../src/index.ts';
import { buildResNet, decodeModel, differentiate, encodeModel, resnetSpec } from '../../src/onnx.ts';
import { WORKERS_ON } from '../backend.ts';
import { PHOTOS, photosRun } from '../search/photos-run.ts';

const model = (() => {
  const spec = resnetSpec({ arch: 'resnet18', width: 2, stem: 'cifar', dim: 4, mlp: false });
  const { graph, parameters, batchNorms } = buildResNet(spec, 'batch', 8);
  const values = [
    ...parameters.map(({ name, shape }) => ({ name, shape })),
    ...batchNorms.flatMap(({ name, channels }) =>
      ['running_mean', 'running_var'].map((of) => ({ name: `${name}.${of}`, shape: [channels] })),
    ),
  ].map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
    return [name, { type: 'float32' as const, shape, data }] as const;
  });
  const inputs = graph.inputs.filter(({ name }) => name === 'image');
  return encodeModel({ ...graph, inputs, constants: new Map([...graph.constants, ...values]) });
})();

let folder = '';
let run = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moco-web-forms-'));
  await writeFile(join(folder, 'encoder.onnx'), model);
  run = await photosRun();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(run, { recursive: true });
});

const refused = (code: ErrorCode, message: RegExp) =>
  expect.objectContaining({ name: 'MocoError', code, message: expect.stringMatching(message) }) as MocoError;

test.each<[string, () => string | URL | Blob | ArrayBuffer | Uint8Array]>([
  ['a path', () => join(folder, 'encoder.onnx')],
  ['a file: URL', () => pathToFileURL(join(folder, 'encoder.onnx'))],
  ['a File', () => new File([model], 'encoder.onnx')],
  ['a Blob', () => new Blob([model])],
  ['an ArrayBuffer', () => model.slice().buffer],
  ['a Uint8Array', () => model],
  ["Node's Buffer", () => Buffer.from(model)],
])('an ONNX file as %s', async (_, source) => {
  expect(await describeEncoder(source())).toEqual({ imageSize: 8 });
  const { values } = await importEncoder(source(), { dim: 4, mlp: false, imageSize: 8 });
  expect(values.has('conv1.weight')).toBe(true);
});

test('bytes as an ArrayBuffer or a view on one', () => {
  const file = writeSafetensors(new Map([['x', { dtype: 'F32', shape: [1], data: Float32Array.of(7) }]]));
  for (const bytes of [
    file,
    file.slice().buffer,
    new DataView(file.slice().buffer) as unknown as Uint8Array,
  ]) {
    expect(readSafetensors(bytes).get('x')?.data).toEqual(Float32Array.of(7));
  }
  expect(decodeModel(model.slice().buffer).name).toBe(decodeModel(model).name);
  expect(differentiate(model.slice().buffer).manifest.inputs).toEqual(['image']);
});

test('folders by file: URL', async () => {
  expect((await describeDataset(pathToFileURL(PHOTOS))).trainLength).toBe(6);
  expect((await loadCheckpoint(pathToFileURL(run))).state.step).toBe(2);
});

test('a missing file is told by its place and the cause', () =>
  expect(importEncoder('nowhere/encoder.onnx', { dim: 4, mlp: false, imageSize: 8 })).rejects.toEqual(
    refused('data-missing', /nowhere\/encoder\.onnx: ENOENT/),
  ));

describe('mistakes that people made', () => {
  test("exportOnnx(checkpoint, 'embedding') gave the backbone", async () => {
    const checkpoint = await loadCheckpoint(run);
    await expect(exportOnnx(checkpoint, 'embedding' as never)).rejects.toEqual(
      refused('usage', /^exportOnnx: features is 'embedding': choose one of backbone, head$/),
    );
  });

  test('knnOfCheckpoint without k and t told t: undefined', async () => {
    const [checkpoint, data] = [await loadCheckpoint(run), await describeDataset(PHOTOS)];
    const job = { checkpoint, data, features: 'backbone', backend: WORKERS_ON, workers: 1 } as const;
    expect(await knnOfCheckpoint(job)).toMatchObject({ k: 5, t: 0.1 });
  });

  test('what resolveConfig was told was not looked at', () => {
    expect(() => resolveConfig('moco-v3')).toThrow(refused('usage', /did you mean 'moco-v[12]'/));
    expect(() => resolveConfig('moco-v2', { epoch: 3 } as never)).toThrow(
      refused('usage', /there is no setting 'epoch' \(did you mean 'epochs'\?\)/),
    );
    expect(() => resolveConfig('moco-v2', {}, { image: 3 } as never)).toThrow(
      refused('usage', /there is no option 'data\.image' \(did you mean 'images'\?\)/),
    );
  });

  test('unknown backends were taken, and users of the library were told of flags', async () => {
    await expect(chooseBackend('wgpu' as never)).rejects.toEqual(
      refused(
        'usage',
        /request is 'wgpu' \(did you mean 'webgpu'\?\): choose one of auto, webgpu, native, wasm/,
      ),
    );
    expect((await chooseBackend()).reason).not.toMatch(/--/);
  });

  test('describeDataset in a page named node:fs', async () => {
    // A page's process has no versions.
    vi.stubGlobal('process', { env: {} });
    const asked = describeDataset('photos');
    vi.unstubAllGlobals();
    await expect(asked).rejects.toEqual(refused('usage', /a page has no folders by path: .*describeFiles/));
  });

  test("pretrain({ backend: 'wasm' }), and whether a run ended or was ended", async () => {
    const ends: PretrainEvent[] = [];
    const data = await describeDataset(PHOTOS);
    const { config } = (await loadCheckpoint(run)).state;
    for (const signal of [new AbortController().signal, AbortSignal.abort()]) {
      let last: PretrainEvent | null = null;
      for await (const event of pretrain({ config, data, backend: WORKERS_ON, workers: 1, signal }))
        last = event;
      ends.push(last!);
    }
    expect(ends).toEqual([
      { type: 'end', reason: 'done', step: 2 },
      { type: 'end', reason: 'aborted', step: 0 },
    ]);
  });
});
