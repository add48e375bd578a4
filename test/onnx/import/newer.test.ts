/** Operators of newer opsets, and LRN, against their definitions in plain numbers. */
import { describe, expect, it } from 'vitest';
import { runOnce } from '../../../src/encoder/run-gradient.ts';
import { type Attributes, type Constant, GraphBuilder } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { encodeModel } from '../../../src/onnx/model.ts';
import { expectClose } from '../../compare.ts';
import { generator, normals } from '../../kernels/inputs.ts';

const floats = (shape: readonly number[], seed: number): Constant => ({
  type: 'float32',
  shape,
  data: normals(
    shape.reduce((product, size) => product * size, 1),
    generator(seed),
  ),
});

/** What the imported graph gives for x, and x itself. */
async function run(
  op: string,
  opset: number,
  shape: readonly number[],
  attributes: Attributes,
  constants: readonly Constant[] = [],
) {
  const g = new GraphBuilder('one');
  g.input('x', ['n', ...shape.slice(1)]);
  const names = constants.map((constant, i) => g.constant(`p${i}`, constant));
  g.op(op, ['x', ...names], attributes, 'y');
  g.output('y', ['n', ...shape.slice(1)]);
  const { graph, weights } = importModel(encodeModel({ ...g.build(), opset }));
  const x = { shape, data: floats(shape, 7).data as Float32Array };
  const inputs = new Map([['x', x]]);
  for (const [name, { shape: sizes, data }] of weights)
    inputs.set(name, { shape: sizes, data: data as Float32Array });
  const y = (await runOnce(graph, { provider: 'wasm' }, inputs)).get('y')!;
  return { x: Array.from(x.data), y: y.data };
}

const erf = (x: number): number => {
  let [sum, term] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};

describe('an operator in simpler ones', () => {
  it('Gelu, exact and by tanh', async () => {
    const exact = await run('Gelu', 20, [2, 8], {});
    expectClose(
      'exact',
      exact.y,
      exact.x.map((x) => (x / 2) * (1 + erf(x / Math.SQRT2))),
      2e-6,
    );
    const approximate = await run('Gelu', 20, [2, 8], { approximate: 'tanh' });
    const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
    expectClose(
      'tanh',
      approximate.y,
      approximate.x.map((x) => (x / 2) * (1 + Math.tanh(inner(x)))),
      2e-6,
    );
  });

  it('LRN over neighboring channels', async () => {
    const { x, y } = await run('LRN', 13, [1, 6, 1, 2], {
      size: 3,
      alpha: { float: 0.5 },
      beta: { float: 0.75 },
      bias: { float: 2 },
    });
    const expected = x.map((value, i) => {
      const channel = Math.floor(i / 2);
      const near = [channel - 1, channel, channel + 1].filter((c) => c >= 0 && c < 6);
      const sum = near.reduce((total, c) => total + x[2 * c + (i % 2)]! ** 2, 0);
      return value / (2 + (0.5 / 3) * sum) ** 0.75;
    });
    expectClose('LRN', y, expected, 2e-6);
  });

  it('RMSNormalization', async () => {
    const scale = floats([4], 3);
    const { x, y } = await run('RMSNormalization', 23, [3, 4], { epsilon: { float: 0.5 } }, [scale]);
    const expected = x.map((value, i) => {
      const row = x.slice(i - (i % 4), i - (i % 4) + 4);
      const mean = row.reduce((sum, v) => sum + v * v, 0) / 4;
      return (value / Math.sqrt(mean + 0.5)) * Number(scale.data[i % 4]);
    });
    expectClose('RMS', y, expected, 2e-6);
  });

  it('GroupNormalization of opset 21, with a scale and a shift a channel', async () => {
    const [scale, shift] = [floats([4], 3), floats([4], 5)];
    const { x, y } = await run('GroupNormalization', 21, [1, 4, 1, 3], { num_groups: 2 }, [scale, shift]);
    const expected = x.map((value, i) => {
      const group = x.slice(i - (i % 6), i - (i % 6) + 6);
      const mean = group.reduce((sum, v) => sum + v, 0) / 6;
      const variance = group.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 6;
      const channel = Math.floor(i / 3);
      return (
        ((value - mean) / Math.sqrt(variance + 1e-5)) * Number(scale.data[channel]) +
        Number(shift.data[channel])
      );
    });
    expectClose('groups', y, expected, 5e-6);
  });

  it('Attention of opset 23 in heads', async () => {
    const [key, value] = [floats([1, 3, 4], 3), floats([1, 3, 4], 5)];
    const { x, y } = await run('Attention', 23, [2, 3, 4], { q_num_heads: 2, kv_num_heads: 2 }, [key, value]);
    const expected = x.map((_, i) => {
      const [batch, token, head, at] = [
        Math.floor(i / 12),
        Math.floor(i / 4) % 3,
        Math.floor((i % 4) / 2),
        i % 2,
      ];
      const of = (data: ArrayLike<number | bigint>, t: number, j: number) =>
        Number(data[4 * t + 2 * head + j]);
      const query = (j: number) => x[12 * batch + 4 * token + 2 * head + j]!;
      const scores = [0, 1, 2].map((t) =>
        Math.exp((query(0) * of(key.data, t, 0) + query(1) * of(key.data, t, 1)) / Math.SQRT2),
      );
      const total = scores.reduce((sum, score) => sum + score, 0);
      return scores.reduce((sum, score, t) => sum + (score / total) * of(value.data, t, at), 0);
    });
    expectClose('attention', y, expected, 3e-6);
  });

  it('of a quantized model is refused, with advice', () => {
    const g = new GraphBuilder('quantized');
    g.input('x', ['n', 3, 4, 4]);
    g.op('QuantizeLinear', ['x', g.scalar(0.1)], {}, 'y');
    g.output('y', ['n', 3, 4, 4]);
    expect(() => importModel(encodeModel(g.build()))).toThrow(/the model is quantized.*float model/);
  });
});
