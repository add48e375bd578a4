/** Weight gradients that graphs leave to a kernel: which ones, and that they are those of the graph. */
import { expect, it } from 'vitest';
import { cutGraph } from '../../src/autodiff/cut.ts';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { leftGradients, runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { expectSameBits } from '../compare.ts';
import { convBackward, type Geometry } from './reference.ts';
import { exact, expectSum, inEveryPlace, type Place, random, run } from './run.ts';

const X = [2, 4, 6, 5];
const PADDED = { pads: [1, 1, 1, 1] };
const GEOMETRY: Geometry = { strides: [1, 1], pads: [1, 1, 1, 1] };

/** x → a 3×3 convolution, by `w` or what is made of it, → y. */
function convolution(weight: (g: GraphBuilder) => string, more: (g: GraphBuilder, y: string) => void): Graph {
  const g = new GraphBuilder('convolution', 'e');
  g.input('x', X);
  g.input('w', [4, 4, 3, 3]);
  more(g, g.op('Conv', ['x', weight(g)], PADDED));
  g.output('y', X);
  return g.build();
}

/** A chain of convolutions and activations, whose activations are computed again. */
function chain(length: number): Graph {
  const g = new GraphBuilder('chain', 'e');
  let value = g.input('x', X);
  for (let i = 0; i < length; i++) {
    const y = g.op('Conv', [value, g.input(`w${i}`, [4, 4, 3, 3])], PADDED);
    value = i === length - 1 ? g.op('Identity', [y], {}, 'y') : g.op('Relu', [y]);
  }
  g.output('y', X);
  return g.build();
}

const LEFT = { weightGradients: 'kernel' } as const;

async function left(
  { kernels }: Place,
  { gradient }: Awaited<ReturnType<typeof run>>,
  values: Map<string, Values>,
) {
  return leftGradients(gradient.left, values, values, kernels);
}

inEveryPlace((place) => {
  const isNative = place.lowering === 'native';

  it('is that of a weight that one convolution reads', async () => {
    const graph = convolution(
      () => 'w',
      (g, y) => g.op('Identity', [y], {}, 'y'),
    );
    const [x, w, dy] = [random(X, 1), random([4, 4, 3, 3], 2, 0.3), random(X, 3)];
    const inputs = new Map([
      ['x', x],
      ['w', w],
    ]);
    const made = await run(graph, place, inputs, new Map([['y', dy]]), ['x', 'w'], LEFT);
    expect(made.gradient.left.map(({ weight }) => weight)).toEqual(isNative ? [] : ['w']);
    const values = new Map([...inputs, [made.gradient.outputGradients.get('y')!, dy]]);
    const gradients = new Map([...made.gradients, ...(await left(place, made, values))]);
    const { dw } = convBackward(exact(x), exact(w), exact(dy), GEOMETRY);
    expectSum('dw', gradients.get('w'), dw, X[0]! * X[2]! * X[3]!);
  });

  it('stays in the graph for a weight that two convolutions read, and for one that is computed', () => {
    const twice = convolution(
      () => 'w',
      (g, y) => g.op('Conv', [y, 'w'], PADDED, 'y'),
    );
    const computed = convolution(
      (g) => g.op('Mul', ['w', 'w']),
      (g, y) => g.op('Identity', [y], {}, 'y'),
    );
    for (const graph of [twice, computed]) {
      const options = { wrt: ['w'], outputs: ['y'], provider: place.lowering, ...LEFT };
      const { left, gradients } = differentiate(graph, options);
      expect(left).toEqual([]);
      expect(gradients.has('w')).toBe(true);
    }
  });

  it('is left only where it is asked for', () => {
    const { left, gradients } = differentiate(chain(2), {
      ...{ wrt: ['w0', 'w1'], outputs: ['y'], provider: place.lowering },
    });
    expect(left).toEqual([]);
    expect([...gradients.keys()]).toEqual(['w0', 'w1']);
  });

  // Natively nothing is left to kernels.
  if (isNative) return;
  it('a backward graph in pieces gives the bits of the whole one', async () => {
    const graph = chain(4);
    const weights = [0, 1, 2, 3].map((i) => [`w${i}`, random([4, 4, 3, 3], i, 0.3)] as const);
    const inputs = new Map<string, Values>([['x', random(X, 9)], ...weights]);
    const wrt = ['x', ...weights.map(([name]) => name)];
    const dy = random(X, 8);
    const whole = await run(graph, place, inputs, new Map([['y', dy]]), wrt, LEFT);
    const { backward, left: kept, outputGradients } = whole.gradient;
    const given = new Set(kept.flatMap(({ x, dy }) => [x.name, dy.name]));
    const pieces = cutGraph(backward, given, 2 * 4 * 2 * 4 * 6 * 5);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.flatMap(({ nodes }) => nodes)).toEqual(backward.nodes);
    const values = new Map([...inputs, ...whole.outputs, [outputGradients.get('y')!, dy]]);
    for (const piece of pieces) {
      // Nothing but what the forward pass has saved, and pieces before it have given.
      for (const [name, value] of await runOnce(piece, place.session, values)) values.set(name, value);
    }
    const found = await leftGradients(kept, values, inputs, place.kernels);
    expect([...found.keys()].sort()).toEqual(['w0', 'w1', 'w2', 'w3']);
    expectSameBits(
      'dx',
      values.get(whole.gradient.gradients.get('x')!)!.data,
      whole.gradients.get('x')!.data,
    );
    const all = new Map([...inputs, ...whole.outputs, [outputGradients.get('y')!, dy]]);
    for (const [name, value] of await runOnce(backward, place.session, all)) all.set(name, value);
    const expected = await leftGradients(kept, all, inputs, place.kernels);
    for (const [name, { data }] of expected) expectSameBits(name, found.get(name)!.data, data);
  });
});
