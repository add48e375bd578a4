/** Replays what PyTorch recorded for an exported model (scripts/references): outputs and gradients. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { leftGradients, runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { type NamedTensor, readSafetensors } from '../../src/formats/safetensors.ts';
import { importModel } from '../../src/onnx/import/import-model.ts';
import type { Place } from './run.ts';

/** An entry of manifest.json: see scripts/references/README.md. */
export interface Recorded {
  readonly name: string;
  readonly mode: 'eval' | 'preserve' | 'training';
  readonly operators: readonly string[];
  /** The file that holds x, where cases share it. */
  readonly input?: string;
  readonly vanishing: readonly string[];
  readonly deviation: Readonly<Record<string, number>>;
}

export const REFERENCES = join(import.meta.dirname, 'references');

export async function recorded(folder: string): Promise<readonly Recorded[]> {
  return JSON.parse(await readFile(join(REFERENCES, folder, 'manifest.json'), 'utf8'));
}

/** ‖actual − expected‖ / ‖expected‖, or over `norm` where that is given. */
function deviation(actual: Float32Array, expected: Float32Array, norm?: number): number {
  let squares = 0;
  for (const [i, value] of expected.entries()) squares += (actual[i]! - value) ** 2;
  return Math.sqrt(squares) / (norm ?? lengthOf(expected));
}

function lengthOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

/**
 * Gradients of sum(y·dy) with respect to x and every weight, against PyTorch's in float64: relative norms within `least`,
 * or three times what PyTorch's own float32 deviates. A gradient that vanishes is compared on the scale of all of them.
 */
export async function replay(
  folder: string,
  entry: Recorded,
  { lowering: provider, session: place, kernels }: Place,
  least: number,
): Promise<void> {
  const file = (name: string) => readFile(join(REFERENCES, folder, name));
  const tensors = readSafetensors(await file(`${entry.name}.safetensors`));
  const shared = entry.input ? readSafetensors(await file(entry.input)) : tensors;
  const x = valuesOf(shared.get('x'));
  const model = importModel(await file(`${entry.name}.onnx`));
  const expected = new Map([...tensors].filter(([name]) => name.startsWith('grad.')));
  const wrt = ['x', ...model.weights.keys()];
  const gradient = differentiate(model.graph, {
    wrt,
    outputs: ['y'],
    provider,
    batchNorm: entry.mode === 'training' ? 'train' : 'eval',
    // Where there is a choice, as training does it; the graphs' own ones are held to float64 by conv.backends.test.ts.
    weightGradients: 'kernel',
  });
  const inputs = new Map<string, Values>([['x', x]]);
  for (const [name, { shape, data }] of [...model.weights, ...model.statistics])
    inputs.set(name, { shape, data: data as Float32Array });
  const outputs = await runOnce(gradient.forward, place, inputs);
  const available = new Map([
    ...inputs,
    ...outputs,
    [gradient.outputGradients.get('y')!, valuesOf(tensors.get('dy'))],
  ]);
  const found = await runOnce(gradient.backward, place, available);
  const gradients = new Map([...gradient.gradients].map(([name, output]) => [name, found.get(output)!]));
  const values = new Map([...available, ...found]);
  for (const [name, value] of await leftGradients(gradient.left, values, inputs, kernels))
    gradients.set(name, value);

  const all = Math.sqrt(
    [...expected.values()].reduce((sum, { data }) => sum + lengthOf(data as Float32Array) ** 2, 0),
  );
  const errors = new Map<string, { error: number; allowed: number }>();
  const compare = (name: string, actual: Float32Array, wanted: Float32Array, norm?: number) => {
    const allowed = Math.max(least, 3 * (entry.deviation[name] ?? 0));
    errors.set(name, { error: deviation(actual, wanted, norm), allowed });
  };
  compare('y', outputs.get('y')!.data, valuesOf(tensors.get('y')).data);
  for (const [name, tensor] of expected) {
    const { data } = valuesOf(tensor);
    // Of encoders only the first image's gradient is recorded.
    const source = name === 'grad.x.0' ? 'x' : name.slice('grad.'.length);
    const actual = gradients.get(source)!.data.subarray(0, data.length);
    compare(name, actual, data, entry.vanishing.includes(name) || lengthOf(data) === 0 ? all : undefined);
  }
  const wrong = [...errors].filter(([, { error, allowed }]) => !(error <= allowed));
  expect(wrong, `worst of ${errors.size} tensors`).toEqual([]);
}

function valuesOf(tensor: NamedTensor | undefined): Values {
  if (tensor?.dtype !== 'F32') throw new Error('the reference lacks a float32 tensor');
  return { shape: tensor.shape, data: tensor.data };
}
