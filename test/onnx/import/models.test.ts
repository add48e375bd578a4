import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runOnce, type Values } from '../../../src/encoder/run-gradient.ts';
import { MocoError } from '../../../src/errors.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import type { Graph, Node } from '../../../src/onnx/graph.ts';
import { type ImportedModel, importModel } from '../../../src/onnx/import/import-model.ts';
import { decodeModel } from '../../../src/onnx/model.ts';
import { inferShapes } from '../../../src/onnx/shapes.ts';
import { expectClose } from '../../compare.ts';
import { describeRecorded, FULL } from '../../golden.ts';
import { generator, normals } from '../../kernels/inputs.ts';

const REFERENCES = new URL('../../autodiff/references/', import.meta.url);

const modelsIn = (folder: URL) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => [name, new URL(name, folder)] as const);

/** The file's own graph for inference: batch normalization by its running statistics, no dropout. */
function forInference(graph: Graph): Graph {
  const nodes = graph.nodes.map((node): Node => {
    if (node.op === 'Dropout') {
      return {
        ...node,
        op: 'Identity',
        inputs: node.inputs.slice(0, 1),
        outputs: node.outputs.slice(0, 1),
        attributes: {},
      };
    }
    if (node.op !== 'BatchNormalization') return node;
    const { training_mode: _, ...attributes } = node.attributes;
    return { ...node, outputs: node.outputs.slice(0, 1), attributes };
  });
  return { ...graph, nodes };
}

/** Images of the model's shape, three where the batch is open. */
function imagesFor({ input }: ImportedModel): Values {
  const shape = input.shape.map((size) => (typeof size === 'number' ? size : 3));
  const length = shape.reduce((product, size) => product * size, 1);
  // Above 0: some of the operators are a logarithm, a root or a power.
  return { shape, data: normals(length, generator(7)).map((x) => 0.25 + 0.5 * Math.abs(Math.tanh(x))) };
}

/**
 * The imported graph and the file's own, run on the same images. Where operators were rewritten, sums are taken in
 * another order: 64 roundings of the largest value.
 */
async function expectSameOutputs(bytes: Uint8Array, imported: ImportedModel): Promise<void> {
  const images = imagesFor(imported);
  const original = await runOnce(
    forInference(decodeModel(bytes)),
    { provider: 'wasm' },
    new Map([[imported.input.name, images]]),
  );
  const values = new Map<string, Values>([[imported.input.name, images]]);
  for (const [name, { shape, data }] of [...imported.weights, ...imported.statistics]) {
    values.set(name, { shape, data: data as Float32Array });
  }
  const actual = await runOnce(imported.graph, { provider: 'wasm' }, values);
  for (const { name } of imported.outputs) {
    const want = original.get(name)!;
    const largest = want.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect(actual.get(name)!.shape).toEqual(want.shape);
    expectClose(name, actual.get(name)!.data, want.data, 64 * 2 ** -24 * largest, want.shape);
  }
}

/** Operators whose shapes or values depend on numbers that are computed when the graph runs are gone. */
function expectReady({ graph }: ImportedModel): void {
  const shapes = inferShapes(graph);
  for (const { name, shape } of graph.outputs) expect(shapes.get(name)).toEqual(shape);
  const ops = new Set(graph.nodes.map(({ op }) => op));
  for (const op of ['Constant', 'Shape', 'Size', 'ConstantOfShape', 'Range', 'If', 'Dropout', 'Einsum']) {
    expect(ops).not.toContain(op);
  }
  expect(graph.opset).toBe(17);
}

/** Names of the parameters whose gradients PyTorch recorded. */
function parametersOf(model: URL): { name: string; values: number }[] {
  const recorded = readSafetensors(readFileSync(new URL(model.href.replace(/onnx$/, 'safetensors'))));
  return [...recorded].flatMap(([key, { data }]) =>
    key.startsWith('grad.') && !/^grad\.x(\.\d+)?$/.test(key)
      ? [{ name: key.slice(5), values: data.length }]
      : [],
  );
}

/** What torch exports and we cannot differentiate. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'conv-3d.onnx': /3 dimensions of space/,
};

describe.each(['operators/', 'encoders/'])('torch’s exports of %s', (folder) => {
  it.each(modelsIn(new URL(folder, REFERENCES)))('%s computes what it did', async (name, url) => {
    const bytes = readFileSync(url);
    const refused = REFUSED[name];
    if (refused) {
      expect(() => importModel(bytes)).toThrow(MocoError);
      expect(() => importModel(bytes)).toThrow(refused);
      return;
    }
    const imported = importModel(bytes);
    expectReady(imported);
    const parameters = parametersOf(url);
    expect([...imported.weights.keys()].sort()).toEqual(parameters.map((p) => p.name).sort());
    await expectSameOutputs(bytes, imported);
  });
});

// A set that was made up for something else may hold none of them.
const EXPORTS = FULL && existsSync(new URL('tiny_basic_eval.onnx', FULL)) ? FULL : null;
describeRecorded('exports of MoCo’s encoders', EXPORTS, (folder) => {
  it.each(modelsIn(folder))('%s computes what it did', async (name, url) => {
    const bytes = readFileSync(url);
    const imported = importModel(bytes);
    expectReady(imported);
    expect(imported.foldedBatchNorm).toBe(name.endsWith('_eval.onnx'));
    expect(imported.notes.some((note) => note.includes('no BatchNorm'))).toBe(name.endsWith('_eval.onnx'));
    await expectSameOutputs(bytes, imported);
  });
});
