/**
 * Runs handed over and back: begun in PyTorch and continued here, begun here and continued in PyTorch (reference.py), to the same
 * losses. What torch gave is recorded; where python3-torch is installed it is asked anew.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/checkpoint/digest.ts';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { savePiecewise } from '../../src/checkpoint/save-piecewise.ts';
import { openKernels } from '../../src/kernels/open.ts';
import { methodNamed } from '../../src/methods/registry.ts';
import { networkOf } from '../../src/models/choose-network.ts';
import { nameNetwork } from '../../src/models/pytorch/resnet-of.ts';
import { openWeights } from '../../src/models/pytorch/weights-file.ts';
import type { ImportedNetwork } from '../../src/onnx/network.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';
import { optimizerNamed } from '../../src/optimizers/registry.ts';
import { GENERATOR, STREAMS } from '../../src/random.ts';
import { openSource } from '../../src/runtime/byte-source.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { continueImport } from '../../src/train/continue-import.ts';
import { exportWeights } from '../../src/train/export-weights.ts';
import { importWeights } from '../../src/train/import-weights.ts';
import type { SavedState } from '../../src/train/state.ts';
import type { StepInput } from '../../src/train/step.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { hasTorch, python, RECORDED } from './torch.ts';

const SPEC = {
  ...{ block: 'basic', layers: [1, 1, 1, 1], planes: [4, 8, 16, 32], stem: 'cifar', dim: 8, mlp: true },
  ...{
    queue: 32,
    batch: 8,
    groups: 2,
    image: 16,
    momentum: 0.99,
    temperature: 0.2,
    lr: 0.03,
    weightDecay: 1e-4,
  },
} as const;
/** As the golden cases of whole training steps have it: rtol, and the largest atol of their losses. */
const TOLERANCE = { relative: 1e-5, absolute: 8e-5 };

/** What reference.py needs beside SPEC to name a run of two steps. An epoch here is a step, so the next is of epoch 2 or later. */
const GIVEN = {
  ...{ preset: 'moco-v2', batchSize: SPEC.batch, groups: SPEC.groups, imageSize: SPEC.image },
  ...{ momentum: SPEC.momentum, temperature: SPEC.temperature, learningRate: SPEC.lr },
};
const DATA = { kind: 'drawn', path: null, images: 16 };

/** Losses and files of torch: begun here and there, by their names. */
interface Recorded {
  /** Of a run that torch began, steps 1 to 4; its file is of after 2. */
  readonly begunThere: readonly number[];
  /** sha256 of the file that we write after step 2, and what torch made of steps 3 and 4. */
  readonly begunHere: { readonly sha256: string; readonly losses: readonly number[] };
}
const recordedPath = new URL('losses.json', RECORDED);
const folder = mkdtempSync(join(tmpdir(), 'moco-torch-'));

describe('a run is handed over', () => {
  let kernels: Awaited<ReturnType<typeof openKernels>>;
  beforeAll(async () => {
    kernels = await openKernels('wasm');
  });
  afterAll(() => kernels.dispose());

  /** Steps of a state, and the state after them. */
  async function train(
    config: ReturnType<typeof resolveConfig>,
    network: ImportedNetwork | null,
    saved: SavedState | null,
    first: number,
    last: number,
    init = new Map<string, Float32Array>(),
  ) {
    const spec = networkOf(config, network);
    const options = { spec, groupSize: SPEC.batch / SPEC.groups, imageSize: SPEC.image };
    const encoders = await startEncoders(kernels, options, { backend: 'wasm', workers: 1 });
    const trainer = await Trainer.create({
      ...{ settings: config, method: methodNamed('moco'), optimizer: optimizerNamed('sgd') },
      ...{ spec, given: init, saved, kernels, encoders },
    });
    const losses: number[] = [];
    for (let step = first; step <= last; step++) {
      losses.push((await (await trainer.step(inputOf(step))).result).loss);
    }
    const state = await trainer.state();
    trainer.dispose();
    await encoders.dispose();
    return { losses, state };
  }

  it('begun in PyTorch, continued here', async () => {
    const name = 'begun-legacy.pth';
    const path = fileURLToPath(new URL(name, RECORDED));
    let { begunThere } = recorded();
    let file = path;
    if (hasTorch) {
      file = join(folder, name);
      begunThere = JSON.parse(python('reference.py', 'begin', JSON.stringify(SPEC), file, '2', '--legacy'));
      if (process.env.MOCO_RECORD) writeFileSync(path, readFileSync(file));
      record({ begunThere });
    }
    const source = await openSource(file);
    const imported = await importWeights(await openWeights(source));
    expect(imported.left).toEqual([]);
    const out = await openFolder(join(folder, `${name}-run`));
    await savePiecewise(out, imported.state, imported.tensors, imported.network);
    await source.close();
    const loaded = await loadCheckpoint(out.root);
    const { checkpoint } = continueImport(loaded, GIVEN, DATA);
    const { losses } = await train(
      resolveConfig('moco-v2', { ...networkSettings(), ...GIVEN, preset: undefined } as never),
      checkpoint.network,
      checkpoint.tensors,
      3,
      4,
    );
    expectClose(losses, begunThere.slice(2));
  });

  it('begun here, continued in PyTorch', async () => {
    const { network } = nameNetwork(SPEC as unknown as ResNetSpec, SPEC.image);
    const config = resolveConfig('moco-v2', networkSettings());
    const init = drawn(network!);
    const { state } = await train(config, network, null, 1, 2, init);
    const { losses } = await train(config, network, state, 3, 4);
    const checkpoint = {
      ...{ directory: '', runDirectory: '', skipped: [], network, tensors: state },
      state: {
        ...{ config, step: 2, epoch: 1, generator: { algorithm: GENERATOR, seed: 0 } },
        sampler: { dataset: 'drawn', path: null, images: 16, stepInEpoch: 0, digest: null },
      },
    };
    const { pieces } = exportWeights(checkpoint, 'moco');
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const digest = await sha256(bytes);
    let { begunHere } = recorded();
    if (hasTorch) {
      const file = join(folder, 'ours.pth');
      writeFileSync(file, bytes);
      begunHere = {
        sha256: digest,
        losses: JSON.parse(python('reference.py', 'continue', JSON.stringify(SPEC), file, '2', '3')),
      };
      record({ begunHere });
    }
    // What was recorded is of this very file: wasm gives the same bits everywhere.
    expect(digest).toBe(begunHere.sha256);
    expectClose(losses, begunHere.losses);
  });
});

it('import, export, import is the identity', async () => {
  const runs: { tensors: Buffer; state: string }[] = [];
  let from = fileURLToPath(new URL('begun-legacy.pth', RECORDED));
  for (const turn of [1, 2]) {
    const source = await openSource(from);
    const imported = await importWeights(await openWeights(source));
    const out = join(folder, `identity-${turn}`);
    const directory = await savePiecewise(
      await openFolder(out),
      imported.state,
      imported.tensors,
      imported.network,
    );
    await source.close();
    runs.push({
      tensors: readFileSync(join(directory, 'model.safetensors')),
      state: readFileSync(join(directory, 'state.json'), 'utf8'),
    });
    from = join(folder, `identity-${turn}.pth`);
    writeFileSync(from, Buffer.concat(exportWeights(await loadCheckpoint(out), 'moco').pieces));
  }
  expect(runs[1]!.tensors.equals(runs[0]!.tensors)).toBe(true);
  expect(runs[1]!.state).toBe(runs[0]!.state);
});

function networkSettings() {
  const { settings } = nameNetwork(SPEC as unknown as ResNetSpec, SPEC.image);
  return {
    ...{ ...settings, dim: SPEC.dim, mlp: SPEC.mlp, queueSize: SPEC.queue, weightDecay: SPEC.weightDecay },
    ...{ batchSize: SPEC.batch, groups: SPEC.groups, imageSize: SPEC.image },
    ...{ momentum: SPEC.momentum, temperature: SPEC.temperature, learningRate: SPEC.lr },
  };
}

/** Values in −2 … 2 that reference.py makes alike. */
function hashed(first: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let x = Math.imul(first + i, 2654435761) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 73244475) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    return x / 2 ** 30 - 2;
  });
}

/** Weights of the size that networks begin with. */
function drawn({ parameters }: ImportedNetwork): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [i, { name, shape }] of parameters.entries()) {
    const count = shape.reduce((product, size) => product * size, 1);
    const fanIn = shape.length > 1 ? count / shape[0]! : 1;
    const isScale = /bn\d\.weight$|downsample\.1\.weight$/.test(name);
    values.set(
      name,
      hashed(1e6 * (i + 1), count).map((x) =>
        isScale ? 1 + x / 8 : shape.length > 1 ? x / Math.sqrt(fanIn) : x / 8,
      ),
    );
    const layer = name.replace(/\.weight$/, '');
    if (isScale)
      values
        .set(`${layer}.running_mean`, new Float32Array(count))
        .set(`${layer}.running_var`, new Float32Array(count).fill(1));
  }
  return values;
}

function inputOf(step: number): StepInput {
  const size = 3 * SPEC.image ** 2;
  const ranks = hashed(step * SPEC.batch, SPEC.batch);
  const order = Uint32Array.from([...ranks.keys()].sort((a, b) => ranks[a]! - ranks[b]!));
  return {
    ...{ step, learningRate: SPEC.lr, permutation: () => order },
    async views(stream, positions) {
      const view = stream === STREAMS.firstView ? 0 : 1;
      const all = hashed((2 * step + view) * SPEC.batch * size, SPEC.batch * size);
      const images = new Float32Array(positions.length * size);
      positions.forEach((position, row) => {
        images.set(all.subarray(position * size, (position + 1) * size), row * size);
      });
      return { images, labels: null };
    },
  };
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value), `step ${i}: ${actual[i]} here, ${value} there`).toBeLessThanOrEqual(
      TOLERANCE.absolute + TOLERANCE.relative * value,
    );
  }
}

function recorded(): Recorded {
  return JSON.parse(readFileSync(recordedPath, 'utf8'));
}

/** With MOCO_RECORD=1, which only a machine with torch can answer. */
function record(what: Partial<Recorded>): void {
  if (!process.env.MOCO_RECORD) return;
  let before = {};
  try {
    before = recorded();
  } catch {}
  writeFileSync(recordedPath, `${JSON.stringify({ ...before, ...what }, null, 2)}\n`);
}
