import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryValues } from '../../src/checkpoint/contents.ts';
import { type LoadedCheckpoint, loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { type DatasetDescription, describeDrawn } from '../../src/data/dataset.ts';
import { importEncoder } from '../../src/models/imported-encoder.ts';
import { encodeModel } from '../../src/onnx/model.ts';
import { buildResNet, resnetSpec } from '../../src/onnx/resnet.ts';
import { factsOf } from '../../src/settings/resolve.ts';
import type { ConfigOverrides } from '../../src/settings/settings.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import type { PretrainEvent } from '../../src/train/events.ts';
import { finetuneFrom } from '../../src/train/finetune.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';
import { WORKERS_ON } from '../backend.ts';
import { expectSameBits } from '../compare.ts';

const data: DatasetDescription = await describeDrawn(40, 20, 8, 3);
const BACKEND = { backend: WORKERS_ON, adapter: null, reason: 'asked for' } as const;
const SMALL = { width: 1, imageSize: 8, batchSize: 8, groups: 2, epochs: 1 };
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-finetune-'));
  folders.push(folder);
  return folder;
}

async function run(options: Omit<PretrainOptions, 'data' | 'backend'>): Promise<PretrainEvent[]> {
  const events: PretrainEvent[] = [];
  for await (const event of pretrain({ data, backend: BACKEND, workers: 1, ...options })) events.push(event);
  return events;
}

async function learned(
  overrides: ConfigOverrides,
  encoder?: PretrainOptions['encoder'],
): Promise<LoadedCheckpoint> {
  const out = await newFolder();
  const config = resolveConfig('moco-cifar', { dim: 4, queueSize: 12, ...overrides }, factsOf(data));
  await run({ config, out, ...(encoder ? { encoder } : {}) });
  return loadCheckpoint(out);
}

/** The weights with which fine-tuning begins: those after one step of learning rate 0. */
async function begun(checkpoint: LoadedCheckpoint, overrides: ConfigOverrides = {}) {
  const out = await newFolder();
  const short = { batchSize: 8, groups: 2, epochs: 1, learningRate: 0, ...overrides };
  const start = finetuneFrom(checkpoint, short, factsOf(data));
  const events = await run({ ...start, out });
  return { start, events, values: queryValues((await loadCheckpoint(out)).tensors) };
}

describe('fine-tuning', () => {
  let checkpoint: LoadedCheckpoint;
  beforeAll(async () => {
    checkpoint = await learned({ ...SMALL, mlp: true });
  });

  it('begins with the backbone of the checkpoint and a head of one output a class', async () => {
    const { values, start } = await begun(checkpoint);
    const before = queryValues(checkpoint.tensors);
    const weights = [...before.keys()].filter((name) => /^(conv1|bn1|layer).*(weight|bias)$/.test(name));
    expect(weights.length).toBeGreaterThan(30);
    for (const name of weights) expectSameBits(name, values.get(name)!, before.get(name)!);
    expect(values.get('fc.weight')!.length).toBe(10 * 8);
    expect([...values.keys()].filter((name) => name.startsWith('fc.')).sort()).toEqual([
      'fc.bias',
      'fc.weight',
    ]);
    // Normalized as before.
    expect(start.config).toMatchObject({ method: 'supervised', dim: 10, augmentation: 'supervised-cifar' });
  });

  it('tells the accuracy on the test split at its end', async () => {
    const { events } = await begun(checkpoint, { learningRate: 0.1, epochs: 2 });
    const [test, ...more] = events.filter(({ type }) => type === 'test');
    expect(more).toEqual([]);
    expect(test).toEqual({ type: 'test', epoch: 2, top1: expect.any(Number), top5: expect.any(Number) });
  });

  it('puts a new head on an encoder from a file', async () => {
    const spec = resnetSpec({ arch: 'resnet18', width: 1, stem: 'cifar', dim: 6, mlp: false });
    const { graph, parameters } = buildResNet(spec, 1, 8);
    // As an export has it: weights are constants.
    const constants = new Map(graph.constants);
    for (const { name, shape } of graph.inputs.slice(1)) {
      const sizes = shape.map(Number);
      const length = sizes.reduce((product, size) => product * size, 1);
      const value = (i: number) =>
        /running_var$|bn\d?\.weight$/.test(name) ? 1 : 0.1 * Math.sin(i + length);
      constants.set(name, {
        type: 'float32',
        shape: sizes,
        data: Float32Array.from({ length }, (_, i) => value(i)),
      });
    }
    expect(parameters.length).toBeGreaterThan(30);
    const bytes = encodeModel({ ...graph, inputs: graph.inputs.slice(0, 1), constants });
    const { width: _width, ...small } = SMALL;
    const overrides: ConfigOverrides = { ...small, arch: 'tiny.onnx', dim: 4 };
    const config = resolveConfig('moco-cifar', { queueSize: 12, ...overrides }, factsOf(data));
    const imported = await learned(overrides, importEncoder(bytes, config));
    const before = queryValues(imported.tensors);
    const { values } = await begun(imported);
    const shared = [...values.keys()].filter((name) => before.get(name)?.length === values.get(name)!.length);
    const weights = shared.filter((name) => !/running_|^fc|^projection/.test(name));
    expect(weights.length).toBeGreaterThan(30);
    for (const name of weights) expectSameBits(name, values.get(name)!, before.get(name)!);
    const heads = [...values].filter(
      ([name]) => !before.has(name) || before.get(name)!.length !== values.get(name)!.length,
    );
    expect(heads.map(([, value]) => value.length).sort((a, b) => a - b)).toEqual([10, 10 * 8]);
  });

  it('refuses data without classes, and another number of classes, before it begins', async () => {
    const start = finetuneFrom(checkpoint, { batchSize: 8, groups: 2 }, factsOf(data));
    const unlabeled = { ...data, trainLabels: null, classes: [] };
    await expect(run({ ...start, data: unlabeled } as never)).rejects.toMatchObject({ code: 'data-invalid' });
    const other = finetuneFrom(checkpoint, { batchSize: 8, groups: 2, dim: 7 }, factsOf(data));
    await expect(run(other)).rejects.toThrow(
      'the data has 10 classes where the configuration has 7: leave dim out',
    );
  });
});
