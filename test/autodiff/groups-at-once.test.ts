/** Several groups in one run, compared with one run for each of them. */
import { describe, expect, it } from 'vitest';
import { whyImagesMix } from '../../src/autodiff/images-apart.ts';
import type { RecomputeLevel } from '../../src/autodiff/training-graphs.ts';
import { ArrayEncoder } from '../../src/encoder/array-encoder.ts';
import {
  chooseGroupsAtOnce,
  fewerAtOnce,
  requireGroupsAtOnce,
} from '../../src/encoder/choose-groups-at-once.ts';
import { makePlan, ON_WASM, type PlanPlace } from '../../src/encoder/make-plan.ts';
import { rowsOf } from '../../src/encoder/training-plan.ts';
import { initialParameter } from '../../src/models/initial-values.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { buildResNet, type ResNetSpec } from '../../src/onnx/resnet.ts';
import { expectClose } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const SPEC: ResNetSpec = {
  block: 'bottleneck',
  layers: [1, 1],
  planes: [3, 4],
  stem: 'cifar',
  dim: 4,
  mlp: true,
};
const SIZE = 8;
const GROUP = 3;
const GROUPS = 2;
const IMAGE = 3 * SIZE ** 2;

const LAYOUT = encoderLayout(SPEC, SIZE);
const WEIGHTS = LAYOUT.parameters.map((parameter, i) => {
  const values = initialParameter(parameter, i, 5);
  // γ and β that differ from channel to channel, so that it matters where they are repeated.
  return /bn|downsample\.1/.test(parameter.name) ? values.map((value, c) => value + 0.1 * (c + 1)) : values;
});
const ROWS = Array.from({ length: GROUPS * GROUP }, (_, i) => normals(IMAGE, generator(100 + i)));
const D_ROWS = Array.from({ length: GROUPS * GROUP }, (_, i) => normals(SPEC.dim, generator(200 + i)));
const joined = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((row) => [...row]));
const ofGroup = (rows: readonly Float32Array[], group: number) =>
  joined(rows.filter((_, row) => row % GROUPS === group));
const added = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + b[i]!);

/** What the runs over some batches give: embeddings of each, sums of statistics and of gradients. */
async function results(
  groupsAtOnce: number,
  provider: PlanPlace['provider'],
  recompute: RecomputeLevel,
  batches: readonly (readonly [images: Float32Array, dEmbedding: Float32Array])[],
) {
  const options = { spec: SPEC, groupSize: GROUP, groupsAtOnce, imageSize: SIZE, recompute };
  const plan = makePlan(options, { ...ON_WASM, provider });
  expect(rowsOf(plan)).toBe(GROUP * groupsAtOnce);
  const encoder = new ArrayEncoder(plan, 'wasm');
  const embeddings: Float32Array[] = [];
  let statistics: Float32Array[] = [];
  let gradients: Float32Array[] = [];
  const addTo = (sums: Float32Array[], values: readonly Float32Array[]) =>
    values.map((array, i) => (sums[i] ? added(sums[i], array) : array.slice()));
  const ofAllGroups = (values: Float32Array) => {
    const channels = values.length / groupsAtOnce;
    return values.subarray(0, channels).map((_, c) => {
      const groups = Array.from({ length: groupsAtOnce }, (_, group) => values[group * channels + c]!);
      return groups.reduce((sum, value) => sum + value, 0);
    });
  };
  try {
    await encoder.setWeights('encoder_q', WEIGHTS);
    for (const [images, dEmbedding] of batches) {
      const forward = await encoder.trainingForward('encoder_q', images);
      embeddings.push(forward.embedding.slice());
      statistics = addTo(statistics, forward.statistics.map(ofAllGroups));
      gradients = addTo(gradients, await encoder.backward(dEmbedding));
      // Without activations kept it is the same.
      const alone = await encoder.forward('encoder_q', images);
      expect([...alone.embedding]).toEqual([...embeddings.at(-1)!]);
    }
    return { embeddings, statistics, gradients };
  } finally {
    await encoder.dispose();
  }
}

describe('two groups in one run give what one run for each gives', () => {
  // On WebGPU itself: test/gpu/trainer.test.ts.
  it.each([
    ['wasm', 'least'],
    ['webgpu', 'segments'],
  ] as const)('in the lowering of %s at level %s', async (provider, level) => {
    const apart = await results(1, provider, level, [
      [ofGroup(ROWS, 0), ofGroup(D_ROWS, 0)],
      [ofGroup(ROWS, 1), ofGroup(D_ROWS, 1)],
    ]);
    const together = await results(GROUPS, provider, level, [[joined(ROWS), joined(D_ROWS)]]);
    // Sums of up to 2·3·64 terms in other orders.
    const close = (name: string, actual: Float32Array, expected: Float32Array) => {
      const largest = Math.max(...expected.map(Math.abs));
      expectClose(name, actual, expected, 1e-5 * largest + 1e-6);
    };
    const rows = Array.from({ length: GROUPS * GROUP }, (_, row) => {
      const at = Math.floor(row / GROUPS) * SPEC.dim;
      return apart.embeddings[row % GROUPS]!.subarray(at, at + SPEC.dim);
    });
    close('embedding', together.embeddings[0]!, joined(rows));
    expect(together.statistics.map(({ length }) => length)).toEqual(
      apart.statistics.map(({ length }) => length),
    );
    for (const [i, sum] of together.statistics.entries()) close(`statistic ${i}`, sum, apart.statistics[i]!);
    for (const [i, { name }] of LAYOUT.parameters.entries()) {
      close(`gradient of ${name}`, together.gradients[i]!, apart.gradients[i]!);
    }
  });
});

describe('whether images meet elsewhere than in BatchNorm', () => {
  /** y of an encoder whose middle is given: x is [batch, 4, 2, 2]. */
  function graphOf(
    middle: (g: GraphBuilder, x: string) => string,
    shape: Graph['outputs'][number]['shape'],
  ): Graph {
    const g = new GraphBuilder('encoder');
    for (const name of ['gamma', 'beta', 'mean', 'var']) g.input(name, [4]);
    g.output(middle(g, g.input('image', ['batch', 4, 2, 2])), shape);
    return g.build();
  }
  const normalized = (g: GraphBuilder, x: string) =>
    g.op('BatchNormalization', [x, 'gamma', 'beta', 'mean', 'var']);
  const tokens = (g: GraphBuilder, x: string) =>
    g.op('Reshape', [g.op('Transpose', [x], { perm: [0, 2, 3, 1] }), g.ints([-1, 4])]);

  it('not in a ResNet, nor in tokens that are transposed and multiplied image by image', () => {
    expect(whyImagesMix(buildResNet(SPEC, 'batch', SIZE).graph)).toBeNull();
    const attention = graphOf(
      (g, x) => {
        const rows = g.op('Reshape', [normalized(g, x), g.ints([0, 4, 4])]);
        const scores = g.op('MatMul', [rows, g.op('Transpose', [rows], { perm: [0, 2, 1] })]);
        return g.op('Softmax', [scores], { axis: -1 });
      },
      ['batch', 4, 4],
    );
    expect(whyImagesMix(attention)).toBeNull();
  });

  it.each<[string, (g: GraphBuilder, x: string) => string, RegExp]>([
    [
      'BatchNorm over tokens',
      (g, x) => normalized(g, tokens(g, x)),
      /BatchNormalization\).*4\*batch.*not the images alone/,
    ],
    [
      'Softmax over the batch',
      (g, x) => g.op('Softmax', [tokens(g, x)], { axis: 0 }),
      /along the axis of the images/,
    ],
    [
      'the same, counted from the end',
      (g, x) => g.op('Softmax', [x], { axis: -4 }),
      /along the axis of the images/,
    ],
    ['a mean over the batch', (g, x) => g.op('ReduceMean', [x], { axes: [0] }), /\[1,4,2,2\]/],
    [
      'a batch that is no longer first',
      (g, x) => g.op('Transpose', [x], { perm: [1, 0, 2, 3] }),
      /\[4,batch,2,2\]/,
    ],
    [
      'each image with each',
      (g, x) => g.op('Add', [x, g.op('Unsqueeze', [x, g.ints([1])])]),
      /\[batch,batch,4,2,2\]/,
    ],
    ['an operator without a gradient', (g, x) => g.op('ArgMax', [x], { axis: 1 }), /ArgMax\) is not known/],
  ])('%s', (_, middle, why) => {
    expect(whyImagesMix(graphOf(middle, ['batch', 4]))).toMatch(why);
  });
});

describe('how many groups at once', () => {
  const options = { spec: SPEC, groupSize: GROUP, imageSize: SIZE };
  const place = (budget: number, largest = budget): PlanPlace => ({
    provider: 'webgpu',
    budget,
    most: budget,
    largest,
  });
  const one = makePlan(options, place(2 ** 30)).memory.peak;

  it('as many as fit, of those that divide them', () => {
    expect(chooseGroupsAtOnce(options, place(2 ** 30), 6)).toEqual({ groups: 6, why: null });
    expect(chooseGroupsAtOnce(options, place(5 * one), 6)).toEqual({ groups: 3, why: null });
    expect(chooseGroupsAtOnce(options, place(1.1 * one), 6)).toEqual({ groups: 1, why: null });
    // And they do, as is seen once their graphs are made.
    expect(makePlan({ ...options, groupsAtOnce: 3 }, place(2 ** 30)).memory.peak).toBeLessThanOrEqual(
      5 * one,
    );
    // One group's largest value are the 12 channels that the first block gives: 3·12·8·8 float32.
    expect(chooseGroupsAtOnce(options, place(2 ** 30, 2.1 * 3 * 12 * 64 * 4), 6)).toEqual({
      groups: 2,
      why: null,
    });
  });

  it('what is asked for, where it can be', () => {
    expect(chooseGroupsAtOnce(options, place(one), 6, 2).groups).toBe(2);
    for (const backend of ['webgpu', 'wasm'] as const) {
      expect(() => requireGroupsAtOnce(4, 6, backend)).toThrow(/give a number that divides 6/);
    }
    expect(() => requireGroupsAtOnce(2, 6, 'native')).toThrow(/for backend webgpu, and this is native/);
    requireGroupsAtOnce(3, 6, 'webgpu');
    requireGroupsAtOnce(1, 6, 'native');
  });

  it('one, with a word why, of a network that mixes images', () => {
    const g = new GraphBuilder('encoder');
    const rows = g.op('Reshape', [g.input('image', ['batch', 3, SIZE, SIZE]), g.ints([-1, SIZE])]);
    const normalized = ['gamma', 'beta', 'mean', 'var'].map((name) => g.input(name, [SIZE]));
    const y = g.op('BatchNormalization', [rows, ...normalized]);
    for (const name of ['features', 'embedding']) {
      g.op('Reshape', [y, g.ints([-1, IMAGE])], {}, name);
      g.output(name, ['batch', IMAGE]);
    }
    const mixing = { ...options, spec: { graph: g.build(), parameters: [] } };
    const { groups, why } = chooseGroupsAtOnce(mixing, place(2 ** 30), 6);
    expect([groups, why]).toEqual([1, expect.stringMatching(/only one group at a time.*\[24\*batch,8\]/)]);
    expect(() => chooseGroupsAtOnce(mixing, place(2 ** 30), 6, 2)).toThrow(
      /2 groups at once were asked for, but/,
    );
  });

  it('fewer, one divisor after the other', () => {
    expect([12, 6, 4, 3, 1].map(fewerAtOnce)).toEqual([6, 3, 2, 1, null]);
  });
});
