import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArrayEncoder, type ForwardArrays } from '../../src/encoder/array-encoder.ts';
import { channelBlock } from '../../src/encoder/channel-block.ts';
import { makePlan, ON_WASM, onNative } from '../../src/encoder/make-plan.ts';
import { runGradient, type Values } from '../../src/encoder/run-gradient.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { inferenceWeights } from '../../src/models/choose-network.ts';
import { initialParameter } from '../../src/models/initial-values.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { buildResNet, type ResNetSpec } from '../../src/onnx/resnet.ts';
import { WORKERS_ON } from '../backend.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const SPEC: ResNetSpec = { block: 'basic', layers: [1, 1], planes: [3, 4], stem: 'cifar', dim: 5, mlp: true };
const SIZE = 8;
const GROUP = 3;
const LAYOUT = encoderLayout(SPEC, SIZE);
const PLACE = WORKERS_ON === 'native' ? onNative(2 ** 32, 2, await channelBlock()) : ON_WASM;
const PLAN = makePlan({ spec: SPEC, groupSize: GROUP, imageSize: SIZE }, PLACE);
const WEIGHTS = LAYOUT.parameters.map((parameter, i) => initialParameter(parameter, i, 2));

const images = (count: number, seed = 1) => normals(count * 3 * SIZE * SIZE, generator(seed));
const gradientOfEmbedding = () => normals(GROUP * SPEC.dim, generator(7));

/** Native sessions write the next results to the same arrays. */
const keep = ({ embedding, statistics }: ForwardArrays): ForwardArrays => ({
  embedding: embedding.slice(),
  statistics: statistics.map((values) => values.slice()),
});

let encoder: ArrayEncoder;
beforeAll(async () => {
  encoder = new ArrayEncoder(PLAN, WORKERS_ON);
  await encoder.setWeights('encoder_q', WEIGHTS);
  await encoder.setWeights('encoder_k', WEIGHTS);
  const values = new Map(LAYOUT.parameters.map(({ name }, i) => [name, WEIGHTS[i]!]));
  const random = generator(4);
  for (const { name, channels } of LAYOUT.layers) {
    values.set(`${name}.running_mean`, normals(channels, random, 0.3));
    values.set(
      `${name}.running_var`,
      Float32Array.from({ length: channels }, () => 0.5 + random()),
    );
  }
  await encoder.setInferenceWeights(inferenceWeights(SPEC, SIZE, values));
});
afterAll(() => encoder.dispose());

describe('ArrayEncoder', () => {
  it('gives keys and queries of the same weights the same bits', async () => {
    const key = keep(await encoder.forward('encoder_k', images(GROUP)));
    const query = await encoder.trainingForward('encoder_q', images(GROUP));
    expectSameBits('embedding', key.embedding, query.embedding);
    // Mean and variance of every BatchNorm layer.
    expect(key.statistics.length).toBe(2 * LAYOUT.layers.length);
    for (const [i, values] of key.statistics.entries()) {
      expect(values.length).toBe(LAYOUT.layers[Math.floor(i / 2)]!.channels);
      expectSameBits(`statistics ${i}`, values, query.statistics[i]!);
    }
    const other = await encoder.forward('encoder_k', images(GROUP, 2));
    expect(other.embedding).not.toEqual(key.embedding);
  });

  it('gives the gradients of a graph that is differentiated and run on its own, in the order of the parameters', async () => {
    await encoder.trainingForward('encoder_q', images(GROUP));
    const gradients = await encoder.backward(gradientOfEmbedding());
    const { graph, parameters } = buildResNet(SPEC, GROUP, SIZE);
    const inputs = new Map<string, Values>(
      parameters.map(({ name, shape }, i) => [name, { shape, data: WEIGHTS[i]! }]),
    );
    inputs.set('image', { shape: [GROUP, 3, SIZE, SIZE], data: images(GROUP) });
    const alone = await runGradient(
      graph,
      { wrt: parameters.map(({ name }) => name), outputs: ['embedding'] },
      { provider: WORKERS_ON },
      inputs,
      new Map([['embedding', { shape: [GROUP, SPEC.dim], data: gradientOfEmbedding() }]]),
      await createWasmKernels(),
    );
    for (const [i, { name }] of parameters.entries()) {
      expectSameBits(name, gradients[i]!, alone.gradients.get(name)!.data);
    }
  });

  it('hides nothing that is not a number: the gate of a step looks at what it gives', async () => {
    const spoiled = images(GROUP).with(5, Number.NaN);
    const { embedding } = await encoder.trainingForward('encoder_q', spoiled);
    expect(embedding.every(Number.isNaN)).toBe(true);
    await encoder.trainingForward('encoder_q', images(GROUP));
    await encoder.backward(gradientOfEmbedding());
  });

  it('reads its weights at each run', async () => {
    const own = new ArrayEncoder(PLAN, WORKERS_ON);
    const weights = WEIGHTS.map((values) => values.slice());
    await own.setWeights('encoder_k', weights);
    const before = (await own.forward('encoder_k', images(GROUP))).embedding.slice();
    weights.at(-1)!.forEach((_, i, bias) => {
      bias[i]! += 1;
    });
    own.weightsChanged('encoder_k');
    const after = await own.forward('encoder_k', images(GROUP));
    const expected = before.map((value) => value + 1);
    // The bias is added last: one rounding each, of values below 8.
    expectClose('embedding', after.embedding, expected, 2 ** -20);
    await own.dispose();
  });

  it('refuses a backward without a forward, and a second one', async () => {
    const own = new ArrayEncoder(PLAN, WORKERS_ON);
    await own.setWeights('encoder_q', WEIGHTS);
    await own.setWeights('encoder_k', WEIGHTS);
    const usage = { code: 'usage', message: expect.stringContaining('without a training forward') };
    await expect(own.backward(gradientOfEmbedding())).rejects.toMatchObject(usage);
    await own.forward('encoder_k', images(GROUP)); // keeps nothing
    await expect(own.backward(gradientOfEmbedding())).rejects.toMatchObject(usage);
    await own.trainingForward('encoder_q', images(GROUP));
    await own.backward(gradientOfEmbedding());
    await expect(own.backward(gradientOfEmbedding())).rejects.toMatchObject(usage);
    await own.dispose();
  });

  it('a query forward that fails leaves nothing for a backward', async () => {
    await encoder.trainingForward('encoder_q', images(GROUP));
    await expect(encoder.trainingForward('encoder_q', images(GROUP + 1))).rejects.toMatchObject({
      code: 'shape-mismatch',
    });
    await expect(encoder.backward(gradientOfEmbedding())).rejects.toMatchObject({ code: 'usage' });
  });

  it('refuses another number of images than a group has, and a part of one', async () => {
    for (const count of [0, 1, GROUP - 1, GROUP + 1, 2 * GROUP]) {
      const expected = {
        code: 'shape-mismatch',
        message: `[${count},3,8,8] are no images [3, 3, 8, 8]`,
      };
      await expect(encoder.forward('encoder_k', images(count))).rejects.toMatchObject(expected);
      await expect(encoder.trainingForward('encoder_q', images(count))).rejects.toMatchObject(expected);
    }
    await expect(encoder.embed(images(2).subarray(1))).rejects.toMatchObject({ code: 'shape-mismatch' });
    await expect(encoder.embed(images(0))).rejects.toMatchObject({ code: 'shape-mismatch' });
  });

  it('embeds any number of images, each as it would alone', async () => {
    const count = 5;
    const all = await encoder.embed(images(count));
    const featureDim = SPEC.planes.at(-1)!;
    expect(all.embedding.length).toBe(count * SPEC.dim);
    expect(all.features.length).toBe(count * featureDim);
    const pixels = 3 * SIZE * SIZE;
    const largest = (values: Float32Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // A blocked product may sum in another order at another size: ten layers of sums of at most 36 terms, each off by
    // less than 36·2⁻²⁴ of what it adds up.
    const relative = 10 * 36 * 2 ** -24;
    for (let n = 1; n <= count; n++) {
      const some = await encoder.embed(images(count).subarray(0, n * pixels));
      const embedding = all.embedding.subarray(0, n * SPEC.dim);
      expectClose(`embedding of ${n}`, some.embedding, embedding, relative * largest(all.embedding));
      expectClose(
        `features of ${n}`,
        some.features,
        all.features.subarray(0, n * featureDim),
        relative * largest(all.features),
      );
      const one = await encoder.embed(images(count).subarray((n - 1) * pixels, n * pixels));
      expectClose(
        `image ${n} alone`,
        one.embedding,
        all.embedding.subarray((n - 1) * SPEC.dim, n * SPEC.dim),
        relative * largest(all.embedding),
      );
    }
  });

  it('has no weights before they are set, nor after dispose', async () => {
    const own = new ArrayEncoder(PLAN, WORKERS_ON);
    const none = (encoder: string) => ({ code: 'usage', message: `${encoder} has no weights yet` });
    await expect(own.forward('encoder_k', images(GROUP))).rejects.toMatchObject(none('encoder_k'));
    await expect(own.embed(images(1))).rejects.toMatchObject({
      code: 'usage',
      message: 'the encoder has no inference weights yet',
    });
    await own.setWeights('encoder_q', WEIGHTS);
    await own.trainingForward('encoder_q', images(GROUP));
    await own.dispose();
    await expect(own.backward(gradientOfEmbedding())).rejects.toMatchObject({ code: 'usage' });
    await expect(own.trainingForward('encoder_q', images(GROUP))).rejects.toMatchObject(none('encoder_q'));
    await own.dispose(); // twice is no error
  });
});
