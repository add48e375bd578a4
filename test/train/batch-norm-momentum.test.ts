/** BatchNorm's own momentum, 0.01 in torchvision's MobileNetV3, against PyTorch over 5 batches. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { openKernels } from '../../src/kernels/open.ts';
import { encoderState } from '../../src/models/encoder-state.ts';
import { importEncoder } from '../../src/models/imported-encoder.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { RunningStatistics } from '../../src/train/running-statistics.ts';
import { TrainState } from '../../src/train/state.ts';
import { expectClose } from '../compare.ts';

const at = (path: string) => readFileSync(new URL(path, import.meta.url));

it('of a narrow mobilenet_v3_small is that of the file', async () => {
  const folder = '../autodiff/references/encoders';
  const bytes = at(`${folder}/mobilenet_v3_small-training-opset14.onnx`);
  const { network, values } = importEncoder(bytes, { dim: 4, mlp: false, imageSize: 64 });
  const layout = encoderLayout(network, 64);
  expect(new Set(layout.layers.map(({ momentum }) => momentum))).toEqual(new Set([0.01]));

  const weights = layout.parameters.map(({ name }) => name).filter((name) => !name.startsWith('fc.'));
  const { forward, statistics } = differentiate(network.graph, {
    wrt: weights.slice(0, 1),
    outputs: ['features'],
    provider: 'wasm',
  });
  const inputs = new Map<string, Values>(
    forward.inputs.flatMap(({ name, shape }): [string, Values][] => {
      const sizes = shape.map(Number);
      const length = sizes.reduce((product, size) => product * size, 1);
      return name === 'image'
        ? []
        : [[name, { shape: sizes, data: values.get(name) ?? new Float32Array(length) }]];
    }),
  );
  const image = readSafetensors(at(`${folder}/input-64.safetensors`)).get('x')!;
  const [images = 0] = image.shape;

  const kernels = await openKernels('wasm');
  const state = new TrainState(kernels, encoderState('x', layout, { seed: 0, given: values }), null);
  const running = new RunningStatistics(kernels, layout.layers, state, 'x');
  const gate = kernels.allocate(1);
  kernels.write(gate, Float32Array.of(1));
  const sums = running.lengths.map((length) => kernels.allocate(length));
  const expected = readSafetensors(at('references/batch-norm-momentum.safetensors'));
  for (let step = 0; step < 5; step++) {
    const data = Float32Array.from(image.data as Float32Array, (x) => x * (1 - step / 10));
    const run = await runOnce(
      forward,
      { provider: 'wasm' },
      new Map(inputs).set('image', { shape: image.shape, data }),
    );
    const found = statistics.flatMap(({ mean, variance }) => [run.get(mean)!.data, run.get(variance)!.data]);
    for (const [i, values] of found.entries()) kernels.write(sums[i]!, values);
    running.update(sums, 1, images, gate);
    const kept = await running.named();
    for (const [name, { data: want, shape }] of expected) {
      const [prefix = '', ...rest] = name.split('.');
      if (prefix !== `step${step}`) continue;
      // Each is 0.99 · r + 0.01 · s: what float32 makes of s in 50 layers, a hundredth of it, five times.
      const largest = Math.max(...Array.from(want as Float32Array, Math.abs));
      expectClose(name, kept.get(rest.join('.'))!, want as Float32Array, 1e-5 * largest, shape);
    }
  }
  for (const array of [gate, ...sums]) kernels.free(array);
  state.dispose();
});
