/** What is written for native code alone: convolutions on blocks of channels, and what weights decide once a step. */
import { describe, expect, it } from 'vitest';
import { BLOCKED_DOMAIN, withBlockedConvolutions } from '../../src/autodiff/blocked.ts';
import { prepareWeights } from '../../src/autodiff/prepare.ts';
import { channelBlock } from '../../src/encoder/channel-block.ts';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { type Attributes, type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const NATIVE = { provider: 'native' } as const;
const BLOCK = await channelBlock();

const values = (shape: readonly number[], seed: number): Values => ({
  shape,
  data: normals(
    shape.reduce((product, size) => product * size, 1),
    generator(seed),
  ),
});

interface Case {
  readonly what: string;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attributes?: Attributes;
  readonly bias?: boolean;
  readonly isBlocked: boolean;
}

const [B, TWO] = [BLOCK, 2 * BLOCK];
const CASES: readonly Case[] = [
  {
    what: '3×3, padded',
    x: [3, B, 7, 9],
    w: [TWO, B, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
    isBlocked: true,
  },
  { what: '3×3 with a bias, uneven pads', x: [2, TWO, 6, 6], w: [B, TWO, 3, 3], bias: true, isBlocked: true },
  {
    what: '3×3, dilated',
    x: [2, B, 9, 9],
    w: [B, B, 3, 3],
    attributes: { dilations: [2, 2], pads: [2, 2, 2, 2] },
    isBlocked: true,
  },
  { what: '1×1, many channels', x: [2, 512, 4, 4], w: [B, 512, 1, 1], isBlocked: true },
  { what: '1×1, few channels', x: [2, B, 4, 4], w: [B, B, 1, 1], isBlocked: false },
  { what: 'stride 2', x: [2, B, 8, 8], w: [B, B, 3, 3], attributes: { strides: [2, 2] }, isBlocked: false },
  { what: 'channels of no whole block', x: [2, B + 1, 8, 8], w: [B, B + 1, 3, 3], isBlocked: false },
  {
    what: 'groups',
    x: [2, TWO, 8, 8],
    w: [TWO, B, 3, 3],
    attributes: { group: 2 },
    isBlocked: false,
  },
];

function graphOf({ x, w, bias, attributes = {} }: Case): Graph {
  const g = new GraphBuilder('conv');
  const inputs = [g.input('x', x), g.input('w', w), ...(bias ? [g.input('b', [w[0]!])] : [])];
  // Read twice, and by another operator: x comes into blocks once, and stays as it is for others.
  const y = g.op('Conv', inputs, attributes);
  const again = g.op('Conv', inputs, attributes);
  g.op('Add', [y, again], {}, 'twice');
  g.op('Relu', ['x'], {}, 'relu');
  const shape = ['n', w[0]!, 'height', 'width'];
  g.output('twice', shape);
  g.output('relu', x);
  return g.build();
}

describe('convolutions on blocks of channels', () => {
  it('the processor has blocks', () => {
    expect([1, 8, 16]).toContain(BLOCK);
    // Else nothing below would be about blocks.
    if (process.arch === 'x64') expect(BLOCK).toBeGreaterThan(1);
  });

  it.each(CASES)('$what', async (given) => {
    const graph = graphOf(given);
    const blocked = withBlockedConvolutions(graph, BLOCK);
    const count = blocked.nodes.filter(({ domain }) => domain === BLOCKED_DOMAIN).length;
    // One reordering of x, and a convolution and a reordering for each of the two.
    expect(count).toBe(given.isBlocked ? 5 : 0);
    const inputs = new Map([
      ['x', values(given.x, 1)],
      ['w', values(given.w, 2)],
      ['b', values([given.w[0]!], 3)],
    ]);
    const expected = await runOnce(graph, NATIVE, inputs);
    const actual = await runOnce(blocked, NATIVE, inputs);
    expectSameBits('relu', actual.get('relu')!.data, expected.get('relu')!.data);
    // Two orders of a sum: each within (terms + 2)·2⁻²⁴ of the sum of the sizes, here of the mean one with room for all.
    const terms = given.w.slice(1).reduce((product, size) => product * size, 1);
    const [y, z] = [actual.get('twice')!.data, expected.get('twice')!.data];
    const worst = y.reduce((most, value, i) => Math.max(most, Math.abs(value - z[i]!)), 0);
    expect(actual.get('twice')!.shape).toEqual(expected.get('twice')!.shape);
    expect(worst).toBeLessThanOrEqual(4 * (terms + 2) * terms * 2 ** -24);
    expect(worst > 0 || !given.isBlocked || terms < 600).toBe(true);
  });
});

describe('what weights alone decide', () => {
  it('is computed apart, with the same bits', async () => {
    const g = new GraphBuilder('whole');
    g.input('x', [2, 3]);
    g.input('w', [3, 3]);
    const turned = g.op('Transpose', ['w'], { perm: [1, 0] });
    const doubled = g.op('Mul', [turned, g.scalar(2)]);
    const y = g.op('MatMul', ['x', doubled]);
    g.op('Add', [y, g.op('MatMul', ['x', 'w'])], {}, 'y');
    // An output is the graph's own, even if it is of weights alone.
    g.op('Neg', ['w'], {}, 'negative');
    g.output('y', [2, 3]);
    g.output('negative', [3, 3]);
    const graph = g.build();
    const { prepare, rest } = prepareWeights(graph, new Set(['w']));
    expect(prepare?.nodes.map(({ op }) => op)).toEqual(['Transpose', 'Mul']);
    expect(prepare?.inputs.map(({ name }) => name)).toEqual(['w']);
    expect(rest.inputs.map(({ name }) => name)).toEqual(['x', 'w', doubled]);
    const inputs = new Map([
      ['x', values([2, 3], 1)],
      ['w', values([3, 3], 2)],
    ]);
    const expected = await runOnce(graph, NATIVE, inputs);
    const actual = await runOnce(
      rest,
      NATIVE,
      new Map([...inputs, ...(await runOnce(prepare!, NATIVE, inputs))]),
    );
    for (const [name, { data }] of expected) expectSameBits(name, actual.get(name)!.data, data);
  });

  it('leaves a graph as it is that reads all weights themselves', () => {
    const g = new GraphBuilder('whole');
    g.input('x', [2, 3]);
    g.input('w', [3, 3]);
    g.op('MatMul', ['x', 'w'], {}, 'y');
    g.output('y', [2, 3]);
    const graph = g.build();
    expect(prepareWeights(graph, new Set(['w']))).toEqual({ prepare: null, rest: graph });
  });
});
