/**
 * PyTorch's own exports of single operators and layers, imported, differentiated and compared with the gradients that
 * PyTorch computes in float64 (scripts/references/README.md says what the files hold).
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { importModel } from '../../src/onnx/import/import-model.ts';
import { inEveryPlace, run } from './run.ts';

interface Reference {
  readonly name: string;
  readonly mode: 'eval' | 'preserve' | 'training';
  readonly operators: readonly string[];
  /** Gradients that are 0 but for rounding: they are measured against all gradients together. */
  readonly vanishing: readonly string[];
  /** ‖PyTorch's float32 − its float64‖ / ‖float64‖ of y and of each gradient. */
  readonly deviation: Readonly<Record<string, number>>;
}

const FOLDER = new URL('references/operators/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, FOLDER));
const manifest = JSON.parse(read('manifest.json').toString()) as readonly Reference[];

/** Rules that are not written yet; a reference with one of these operators is not replayed. */
const NOT_YET: readonly string[] = [
  'AveragePool',
  'BatchNormalization',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Cos',
  'DepthToSpace',
  'Dropout',
  'Einsum',
  'Expand',
  'Flatten',
  'Gather',
  'Gemm',
  'GlobalAveragePool',
  'InstanceNormalization',
  'LayerNormalization',
  'MatMul',
  'MaxPool',
  'Pad',
  'Range',
  'Reshape',
  'Resize',
  'Sin',
  'Slice',
  'Split',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
];

const REFERENCES = manifest.filter(
  ({ name, mode, operators }) =>
    // Batch statistics are for training alone; in inference BatchNormalization is folded away (onnx/fold.ts).
    (mode === 'training' || !operators.includes('BatchNormalization')) &&
    // The export holds its parameter twice, as a and as −a, and the record has the gradient of both together.
    name !== 'clamp-tensors' &&
    !operators.some((op) => NOT_YET.includes(op)),
);

/**
 * Of ‖reference‖: what PyTorch's own float32 is off by, eightfold for sums in another order, and so many roundings more,
 * as some of its results are right by chance; WGSL allows exponentials an error of 30.
 */
const LEEWAY = 8;
const ROUNDINGS = { wasm: 16, webgpu: 48 } as const;

const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, x) => sum + x * x, 0));

function expectNear(what: string, actual: Values | undefined, expected: Values, allowed: number): void {
  expect(actual, `${what} was not computed`).toBeDefined();
  expect([...actual!.shape], `shape of ${what}`).toEqual([...expected.shape]);
  const error = norm(expected.data.map((value, i) => actual!.data[i]! - value));
  expect(error, `error of ${what}, norm of ${expected.data.length} values`).toBeLessThanOrEqual(allowed);
}

inEveryPlace((place) => {
  it.each(REFERENCES)('$name', async ({ name, vanishing, deviation }) => {
    const { graph, input, weights, statistics } = importModel(read(`${name}.onnx`));
    const reference = readSafetensors(read(`${name}.safetensors`)) as ReadonlyMap<string, Values>;
    const inputs = new Map<string, Values>([[input.name, reference.get('x')!]]);
    for (const [weight, { shape, data }] of [...weights, ...statistics]) {
      inputs.set(weight, { shape, data: data as Float32Array });
    }
    const wanted = [...inputs.keys()].filter((key) => reference.has(`grad.${key}`));
    const dy = new Map([['y', reference.get('dy')!]]);
    const { outputs, gradients } = await run(graph, place, inputs, dy, wanted);

    const allowed = (what: string, size: number) =>
      size * (LEEWAY * (deviation[what] ?? 0) + ROUNDINGS[place.session.provider] * 2 ** -24);
    const y = reference.get('y')!;
    expectNear('y', outputs.get('y'), y, allowed('y', norm(y.data)));
    const all = norm(wanted.flatMap((key) => [...reference.get(`grad.${key}`)!.data]));
    for (const key of wanted) {
      const what = `grad.${key}`;
      const expected = reference.get(what)!;
      const size = vanishing.includes(what) ? all : norm(expected.data);
      expectNear(what, gradients.get(key), expected, allowed(what, size));
    }
    // A parameter of one number is a constant of the imported graph.
    const missing = [...reference.keys()].filter(
      (key) => /^grad\./.test(key) && !wanted.includes(key.slice(5)),
    );
    expect(missing.filter((key) => reference.get(key)!.data.length > 1)).toEqual([]);
  });
});
