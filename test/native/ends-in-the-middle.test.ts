/** A worker must not be ended in the middle of native code: Node would end the whole process with it (Napi::Error). */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openKernels } from '../../src/kernels/open.ts';
import { inferenceWeights } from '../../src/models/choose-network.ts';
import { initialParameter, initialStatistic } from '../../src/models/initial-values.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { resnetSpec } from '../../src/onnx/resnet.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';

const SIZE = 32;
const spec = resnetSpec({ arch: 'resnet18', width: 32, stem: 'cifar', dim: 8, mlp: false });

it('encoders that are disposed of while they run end when they have run', async () => {
  const { parameters, layers } = encoderLayout(spec, SIZE);
  const values = new Map(
    parameters.map((parameter, i) => [parameter.name, initialParameter(parameter, i, 0)]),
  );
  for (const { name, channels } of layers) {
    for (const part of [`${name}.running_mean`, `${name}.running_var`])
      values.set(part, initialStatistic(part, channels));
  }
  const kernels = await openKernels('native');
  const encoders = await startEncoders(
    kernels,
    { spec, groupSize: 2, imageSize: SIZE },
    { backend: 'native', workers: 1 },
  );
  await encoders.setInferenceWeights(inferenceWeights(spec, SIZE, values));
  const embed = () => encoders.embed(async () => new Float32Array(64 * 3 * SIZE * SIZE));
  await embed();
  const running = Promise.allSettled([embed(), embed()]);
  // In the middle of the first: it takes some 300 ms.
  await setTimeout(50);
  await encoders.dispose();
  const [first, second] = await running;
  expect(first.status).toBe('fulfilled');
  expect(second.status).toBe('rejected');
  kernels.dispose();
});
