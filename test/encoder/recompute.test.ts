import { describe, expect, it } from 'vitest';
import {
  graphsWithin,
  peakOf,
  RECOMPUTE_LEVELS,
  savedBytes,
  trainingGraphs,
} from '../../src/autodiff/training-graphs.ts';
import { ArrayEncoder } from '../../src/encoder/array-encoder.ts';
import { channelBlock } from '../../src/encoder/channel-block.ts';
import { makePlan, ON_WASM, onNative } from '../../src/encoder/make-plan.ts';
import { messageOf } from '../../src/errors.ts';
import { initialParameter } from '../../src/models/initial-values.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { buildResNet, type ResNetSpec, resnetSpec } from '../../src/onnx/resnet.ts';
import { WORKERS_ON } from '../backend.ts';
import { expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const PLACE = WORKERS_ON === 'native' ? onNative(2 ** 32, 2, await channelBlock()) : ON_WASM;
const GROUP = 3;
const SIZE = 32;

async function gradientsAt(spec: ResNetSpec, recompute: (typeof RECOMPUTE_LEVELS)[number]) {
  const plan = makePlan({ spec, groupSize: GROUP, imageSize: SIZE, recompute }, PLACE);
  const encoder = new ArrayEncoder(plan, WORKERS_ON);
  try {
    const { parameters } = encoderLayout(spec, SIZE);
    const weights = parameters.map((parameter, i) => initialParameter(parameter, i, 5));
    await encoder.setWeights('encoder_q', weights);
    const random = generator(3);
    const { embedding, statistics } = await encoder.trainingForward(
      'encoder_q',
      normals(GROUP * 3 * SIZE ** 2, random),
    );
    const kept = [embedding, ...statistics].map((values) => values.slice());
    return [...kept, ...(await encoder.backward(normals(GROUP * spec.dim, random)))];
  } finally {
    await encoder.dispose();
  }
}

describe('what the backward pass computes again', () => {
  it.each<[string, ResNetSpec]>([
    [
      'basic blocks',
      { block: 'basic', layers: [2, 1, 2], planes: [4, 6, 8], stem: 'cifar', dim: 5, mlp: true },
    ],
    [
      'bottlenecks',
      { block: 'bottleneck', layers: [2, 2], planes: [3, 4], stem: 'imagenet', dim: 4, mlp: false },
    ],
  ])('changes no bit of embeddings, statistics and gradients: %s', async (_, spec) => {
    const expected = await gradientsAt(spec, 'least');
    for (const level of ['cheap', 'segments'] as const) {
      const actual = await gradientsAt(spec, level);
      expect(actual.length).toBe(expected.length);
      for (const [i, values] of actual.entries()) {
        expectSameBits(`array ${i} at level ${level}`, values, expected[i]!);
      }
    }
  });

  it('of ResNet-50 at 224 px: at most 60 MB an image are kept without segments, and less memory is taken level by level', () => {
    const images = 8;
    const spec = resnetSpec({ arch: 'resnet50', width: 64, stem: 'imagenet', dim: 128, mlp: true });
    const { graph, parameters } = buildResNet(spec, images, 224);
    const measured = RECOMPUTE_LEVELS.map((level) => {
      const names = parameters.map(({ name }) => name);
      const graphs = trainingGraphs({ graph, parameters: names, provider: 'wasm', level });
      return { saved: savedBytes(graphs) / images / 1e6, peak: peakOf(graphs) };
    });
    const [least, cheap, segments] = measured;
    expect(cheap!.saved).toBeLessThanOrEqual(60);
    expect(cheap!.saved).toBeLessThan(least!.saved);
    expect(segments!.saved).toBeLessThan(cheap!.saved);
    expect(cheap!.peak).toBeLessThan(least!.peak);
    expect(segments!.peak).toBeLessThan(cheap!.peak);
  });

  it('is the least that the memory allows, and where nothing fits it says what would', () => {
    const spec: ResNetSpec = {
      block: 'bottleneck',
      layers: [2, 2],
      planes: [4, 8],
      stem: 'imagenet',
      dim: 8,
      mlp: true,
    };
    const images = 16;
    const { graph, parameters } = buildResNet(spec, images, 64);
    const training = { graph, parameters: parameters.map(({ name }) => name), provider: 'wasm' } as const;
    const peaks = RECOMPUTE_LEVELS.map((level) => peakOf(trainingGraphs({ ...training, level })));
    RECOMPUTE_LEVELS.forEach((level, i) => {
      expect(graphsWithin(training, peaks[i]!).level).toBe(level);
    });
    const least = peaks.at(-1)!;
    // Between what fits well and what cannot fit, the last level is tried.
    expect(graphsWithin(training, least / 2, least).level).toBe('segments');
    const attempt = () => graphsWithin(training, least / 2);
    expect(attempt).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    const [, fitting] =
      /raise groups until a group has (\d+) or fewer/.exec(messageOf(catchError(attempt))) ?? [];
    expect(Number(fitting)).toBeLessThan(images);
    // What it says would fit does.
    const smaller = { ...training, graph: buildResNet(spec, Number(fitting), 64).graph };
    expect(() => graphsWithin(smaller, least / 2)).not.toThrow();
  });
});

function catchError(task: () => unknown): unknown {
  try {
    task();
  } catch (error) {
    return error;
  }
  return null;
}
