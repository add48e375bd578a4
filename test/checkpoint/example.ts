import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunState } from '../../src/checkpoint/state.ts';
import { DRAWN } from '../../src/cli/data.ts';
import type { NamedTensor } from '../../src/formats/safetensors.ts';
import { GENERATOR } from '../../src/random.ts';
import { resolveConfig } from '../../src/train/configure.ts';

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A run of the smallest kind, at a step. */
export function exampleState(step: number): RunState {
  const config = resolveConfig('moco-cifar', {
    width: 1,
    dim: 2,
    batchSize: 4,
    groups: 2,
    queueSize: 6,
    epochs: 3,
    seed: 5,
  });
  return {
    config,
    step,
    epoch: Math.floor(step / 10),
    sampler: { dataset: 'drawn', path: null, images: DRAWN.train, stepInEpoch: step % 10, digest: null },
    generator: { algorithm: GENERATOR, seed: 5 },
  };
}

/** Tensors that differ from step to step. */
export function exampleTensors(step: number): Map<string, NamedTensor> {
  const f32 = (shape: number[], value: number): NamedTensor => ({
    dtype: 'F32',
    shape,
    data: new Float32Array(shape.reduce((p, d) => p * d, 1)).fill(value),
  });
  const whole = (value: number): NamedTensor => ({
    dtype: 'I64',
    shape: [1],
    data: BigInt64Array.of(BigInt(value)),
  });
  return new Map([
    ['encoder_q.fc.weight', f32([2, 3], step)],
    ['encoder_q.bn1.num_batches_tracked', { dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(step)) }],
    ['encoder_k.fc.weight', f32([2, 3], step / 2)],
    ['encoder_k.bn1.num_batches_tracked', { dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(step)) }],
    ['queue', f32([6, 2], -step)],
    ['momentum.fc.weight', f32([2, 3], step * 3)],
    ['queue_ptr', whole((step * 4) % 6)],
    ['updates', whole(step)],
  ]);
}
