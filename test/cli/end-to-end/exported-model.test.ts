import { readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as ort from 'onnxruntime-web/wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GradientManifest } from '../../../src/autodiff/differentiate-model.ts';
import { type NamedTensor, readSafetensors } from '../../../src/formats/safetensors.ts';
import { decodeModel } from '../../../src/onnx/model.ts';
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../../../src/onnx/onnx_pb.ts';
import { REFERENCES } from '../../autodiff/pytorch.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { plainViews } from './plain-views.ts';
import { BATCH, CIFAR, CIFAR_TEST, CIFAR_TRAIN, lossesOf, succeed } from './tiny-run.ts';

const reference = (name: string) => `${REFERENCES}/encoders/${name}`;
const RESNET = reference('resnet18-training-opset13.onnx');

beforeAll(() => {
  ort.env.wasm.numThreads = 1;
});

const float = (tensor: NamedTensor | undefined) => {
  if (tensor?.dtype !== 'F32') throw new Error('no such float32 tensor');
  return new ort.Tensor('float32', tensor.data, tensor.shape);
};

/** The model with all raw data in one file of a folder; null: only said to be there. */
async function withExternalData(file: string, location: string, folder: string | null): Promise<Uint8Array> {
  const model = fromBinary(ModelProtoSchema, await readFile(file));
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const tensor of model.graph?.initializer ?? []) {
    if (tensor.rawData.length === 0) continue;
    parts.push(tensor.rawData);
    const place = { location, offset: String(offset), length: String(tensor.rawData.length) };
    tensor.externalData = Object.entries(place).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    );
    tensor.dataLocation = 1;
    offset += tensor.rawData.length;
    tensor.rawData = new Uint8Array();
  }
  if (folder !== null) await writeFile(`${folder}/${location}`, Buffer.concat(parts));
  return toBinary(ModelProtoSchema, model);
}

describe('moco-web differentiate', () => {
  it('writes graphs that plain onnxruntime-web runs, fed as gradient.json says, to the gradients of PyTorch', async () => {
    const out = `${await temporaryFolder()}/gradient`;
    const stdout = await succeed(['differentiate', RESNET, '--out', out]);
    expect(stdout).toMatch(/gradients of 44 of 44 weights/);
    expect((await readdir(out)).sort()).toEqual([
      'backward.onnx',
      'forward.onnx',
      'gradient.json',
      'weights.safetensors',
    ]);
    const manifest: GradientManifest = JSON.parse(await readFile(`${out}/gradient.json`, 'utf8'));
    const weights = readSafetensors(await readFile(`${out}/weights.safetensors`));
    expect([...weights.keys()].sort()).toEqual(manifest.weights.map(({ name }) => name).sort());

    const recorded = readSafetensors(await readFile(reference('resnet18-training-opset13.safetensors')));
    const { x } = Object.fromEntries(readSafetensors(await readFile(reference('input-64.safetensors'))));
    const [input] = manifest.inputs;
    const feeds: Record<string, ort.Tensor> = { [input!]: float(x) };
    for (const { name, shape } of manifest.weights) {
      expect(weights.get(name)?.shape).toEqual(shape);
      feeds[name] = float(weights.get(name));
    }
    const forward = await ort.InferenceSession.create(await readFile(`${out}/forward.onnx`));
    const outputs = await forward.run(feeds);
    const available = { ...feeds, ...outputs, [manifest.outputGradients.y!]: float(recorded.get('dy')) };
    const backward = await ort.InferenceSession.create(await readFile(`${out}/backward.onnx`));
    expect([...backward.inputNames].sort()).toEqual([...manifest.backwardInputs].sort());
    const gradients = await backward.run(
      Object.fromEntries(manifest.backwardInputs.map((name) => [name, available[name]!])),
    );
    for (const [weight, output] of Object.entries(manifest.gradients)) {
      const expected = recorded.get(`grad.${weight}`)!.data as Float32Array;
      const actual = gradients[output]!.data as Float32Array;
      const square = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
      const error = Math.sqrt(square(actual.map((value, i) => value - expected[i]!)) / square(expected));
      // As in pytorch-encoders.backends.test.ts.
      expect(error, weight).toBeLessThan(1e-4);
    }
    expect(manifest.statistics).toHaveLength(14);
    for (const { mean, variance, channels } of manifest.statistics) {
      expect(outputs[mean]?.dims).toEqual([channels]);
      expect(Math.min(...(outputs[variance]!.data as Float32Array))).toBeGreaterThan(0);
    }
    // The file leaves the batch open, and so do these.
    const decoded = decodeModel(await readFile(`${out}/forward.onnx`));
    expect(typeof decoded.inputs.find(({ name }) => name === input)?.shape[0]).toBe('string');
    const two = await forward.run({
      ...feeds,
      [input!]: new ort.Tensor(
        'float32',
        (x!.data as Float32Array).slice(0, 2 * 3 * 64 * 64),
        [2, 3, 64, 64],
      ),
    });
    expect(two.y?.dims).toEqual([2, 10]);
  });

  it('takes some weights, and the image, and running statistics', async () => {
    const out = await temporaryFolder();
    const options = ['--wrt', 'fc.weight, x', '--batch-norm', 'eval', '--backend', 'webgpu'];
    await succeed(['differentiate', RESNET, '--out', out, ...options]);
    const manifest: GradientManifest = JSON.parse(await readFile(`${out}/gradient.json`, 'utf8'));
    expect(Object.keys(manifest.gradients)).toEqual(['fc.weight', 'x']);
    expect(manifest.statistics).toEqual([]);
  });

  it('reads weights that lie in a file beside the model, and no file that lies elsewhere', async () => {
    const folder = await temporaryFolder();
    const model = `${folder}/model.onnx`;
    await writeFile(model, await withExternalData(RESNET, 'weights.bin', folder));
    await succeed(['differentiate', model, '--out', `${folder}/external`]);
    await succeed(['differentiate', RESNET, '--out', `${folder}/inside`]);
    const weights = await Promise.all(
      ['external', 'inside'].map((name) => readFile(`${folder}/${name}/weights.safetensors`)),
    );
    expect(weights[0]).toEqual(weights[1]);

    await rename(`${folder}/weights.bin`, `${folder}/external/weights.bin`);
    await symlink(`${folder}/external/weights.bin`, `${folder}/inside/link.bin`);
    await writeFile(`${folder}/inside/model.onnx`, await withExternalData(RESNET, 'link.bin', null));
    const out = ['--out', `${folder}/never`];
    for (const [file, message] of [
      [model, /weights.bin/],
      [`${folder}/inside/model.onnx`, /link.bin: it lies outside/],
    ] as const) {
      const { code, stderr } = await mocoWeb(['differentiate', file, ...out]);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });

  it.each<[string, () => Promise<string[]>, RegExp]>([
    ['no such file', async () => ['nowhere.onnx'], /cannot read model nowhere.onnx/],
    ['no such weight', async () => [RESNET, '--wrt', 'fc.wait'], /fc.wait is not an input or initializer/],
    [
      'a truncated file',
      async () => {
        const file = `${await temporaryFolder()}/short.onnx`;
        const bytes = await readFile(RESNET);
        await writeFile(file, bytes.subarray(0, bytes.length - 1000));
        return [file];
      },
      /not an ONNX model, or a truncated one/,
    ],
  ])('%s: one line, exit code 2', async (_, args, message) => {
    const { code, stderr } = await mocoWeb([
      'differentiate',
      ...(await args()),
      '--out',
      await temporaryFolder(),
    ]);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});

describe('moco-web pretrain --arch FILE.onnx', () => {
  const SHAPE = ['--dim', '16', '--batch-size', String(BATCH), '--groups', '2', '--queue', '64'];
  const pretrain = (file: string) => [
    'pretrain',
    '--data',
    CIFAR,
    '--backend',
    'wasm',
    '--arch',
    file,
    ...SHAPE,
  ];

  it.each(['mobilenet_v2-training-opset13', 'vit_b_16-training-opset17', 'mobilenet_v2-eval-opset11'])(
    'trains %s, resumes to the same numbers, measures, embeds and exports it',
    async (name) => {
      const folder = await temporaryFolder();
      const train = pretrain(reference(`${name}.onnx`));
      const log = (file: string) => ['--log', `${folder}/${file}.jsonl`];
      await succeed([...train, '--steps', '3', '--out', `${folder}/whole`, ...log('whole')]);
      const losses = lossesOf(`${folder}/whole.jsonl`);
      expect(losses.size).toBe(3);
      await succeed([...train, '--steps', '2', '--epochs', '1', '--out', `${folder}/run`, ...log('begun')]);
      expect((await readdir(`${folder}/run/step-000002`)).sort()).toEqual([
        'encoder.onnx',
        'model.safetensors',
        'state.json',
      ]);
      // The run knows its network: the file is not read again.
      await succeed([
        'pretrain',
        '--resume',
        `${folder}/run`,
        '--backend',
        'wasm',
        '--steps',
        '3',
        ...log('rest'),
      ]);
      expect(lossesOf(`${folder}/begun.jsonl`, `${folder}/rest.jsonl`)).toEqual(losses);

      const knn = JSON.parse(
        await succeed(['knn', '--checkpoint', `${folder}/run`, '--backend', 'wasm', '--json']),
      );
      expect(knn).toMatchObject({ bank: CIFAR_TRAIN, queries: CIFAR_TEST, step: 3 });
      for (const features of ['backbone', 'head']) await checkExport(folder, features);
    },
    120_000,
  );

  it.each<[string, string[], RegExp]>([
    ['a width', ['--width', '4'], /width belongs to the built-in ResNets/],
    ['another image size', ['--image-size', '48'], /exported for 64 px/],
    [
      'a feature that does not exist',
      ['--feature', 'nothing'],
      /feature nothing does not exist; values of that shape: /,
    ],
  ])('%s: one line, exit code 2', async (_, options, message) => {
    const args = [...pretrain(reference('densenet121-training-opset13.onnx')), ...options];
    const { code, stderr } = await mocoWeb([...args, '--out', `${await temporaryFolder()}/run`]);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});

/** The exported file, run by onnxruntime-web on images prepared as its metadata says, against what `embed` gives. */
async function checkExport(folder: string, features: string): Promise<void> {
  const checkpoint = ['--checkpoint', `${folder}/run`, '--features', features];
  await succeed(['embed', ...checkpoint, '--backend', 'wasm', '--out', `${folder}/e.safetensors`]);
  await succeed(['export', ...checkpoint, '--format', 'onnx', '--out', `${folder}/encoder.onnx`]);
  const bytes = await readFile(`${folder}/encoder.onnx`);
  const { inputs, nodes } = decodeModel(bytes);
  expect(inputs.map(({ name }) => name)).toEqual(['image']);
  expect(nodes.some(({ op }) => op === 'BatchNormalization')).toBe(false);
  const session = await ort.InferenceSession.create(bytes);
  const size = Number(inputs[0]!.shape[2]);
  const images = await plainViews(CIFAR, 2, size);
  const { [features === 'head' ? 'embedding' : 'features']: output } = await session.run({
    image: new ort.Tensor('float32', images, [2, 3, size, size]),
  });
  const embedded = readSafetensors(await readFile(`${folder}/e.safetensors`)).get('embeddings')!;
  const dim = embedded.shape[1]!;
  expect(output?.dims).toEqual([2, dim]);
  const expected = (embedded.data as Float32Array).subarray(0, 2 * dim);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  (output!.data as Float32Array).forEach((value, i) => {
    // The same sums, but in a graph whose weights are constants, which onnxruntime may arrange in another order.
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5 * largest);
  });
}
