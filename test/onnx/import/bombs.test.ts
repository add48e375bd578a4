/** Small files that ask for much are refused, or read, in time that grows no faster than they do. */
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { auditModel } from '../../../src/autodiff/audit.ts';
import { differentiate } from '../../../src/autodiff/differentiate.ts';
import { describeEncoder, importEncoder } from '../../../src/models/imported-encoder.ts';
import { type Graph, GraphBuilder } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { requirePreparable } from '../../../src/onnx/limits.ts';
import { encodeModel } from '../../../src/onnx/model.ts';
import { networkFromFile } from '../../../src/onnx/network-file.ts';
import { networkInFile } from '../../../src/search/model-network.ts';
import { doublingSizes, manyExpands, manyKnown, manyMuls, manyReshapes, oneName } from './bombs.ts';

const CONFIG = { dim: 4, mlp: true, imageSize: 8 };
/** Generous: a busy machine is ten times slower than an idle one, and what this is about took 10 s to minutes. */
const SECONDS = 20;

function within(task: () => unknown): void {
  const before = performance.now();
  task();
  expect(performance.now() - before).toBeLessThan(1000 * SECONDS);
}
const read = (graph: Graph) => importEncoder(encodeModel(graph), CONFIG);

describe('a bomb', () => {
  it.each([24, 40])('of sizes that are squared %d times is refused', (count) => {
    within(() =>
      expect(() => read(doublingSizes(count))).toThrow(expect.objectContaining({ code: 'model-invalid' })),
    );
  });

  it.each([20, 3000])('of %d Reshapes of a fixed batch is refused', (count) => {
    within(() => {
      expect(() => read(manyReshapes(count))).toThrow(
        expect.objectContaining({ code: 'operator-unsupported' }),
      );
    });
  });

  it('of values that are computed on the way is refused at its limit of memory', () => {
    const bytes = encodeModel(manyKnown(200));
    expect(() => importModel(bytes, { limits: { bytes: 2 ** 26 } })).toThrow(
      expect.objectContaining({
        code: 'model-invalid',
        message: expect.stringContaining('more than 64 MiB'),
      }),
    );
  });

  it('that takes longer than it may is refused at its limit of time', () => {
    expect(() => importModel(encodeModel(oneName(2000)), { limits: { seconds: 1e-6 } })).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining('limit of time') }),
    );
    expect(() => importModel(encodeModel(oneName(1)), { limits: { seconds: 0 } })).toThrow(
      /limits.seconds is 0/,
    );
  });

  it('that onnxruntime would take too long over is refused before anything is made of it', () => {
    expect(() => requirePreparable(20_000)).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining('limit of time') }),
    );
    requirePreparable(20_000, { seconds: 400 });
    requirePreparable(5_000);
    const long = encodeModel(manyMuls(20_000));
    const refused = expect.objectContaining({
      code: 'model-invalid',
      message: expect.stringContaining('20'),
    });
    for (const backend of ['wasm', 'native', 'webgpu'] as const) {
      expect(() => networkInFile(long, backend, undefined, { imageSize: 8 })).toThrow(refused);
    }
    expect(() => networkFromFile(encodeModel(manyMuls(50_000)))).toThrow(/onnxruntime takes about/);
  });

  it.each<[string, Graph]>([
    ['6,000 nodes of one name', oneName(6_000)],
    ['2,000 products in a chain', manyMuls(2_000)],
    ['2,000 Expands to the batch', manyExpands(2_000)],
  ])('of %s is read, audited and differentiated', (_, graph) => {
    within(() => {
      const { network } = read(graph);
      const wrt = network.parameters.map(({ name }) => name);
      for (const recompute of ['least', 'cheap'] as const) {
        differentiate(network.graph, { wrt, outputs: ['embedding'], provider: 'wasm', recompute });
      }
      auditModel(network.graph, 'webgpu', wrt);
    });
  });

  it('of 12,000 nodes, of which the last alone asks for a value, is computed again without recursion', () => {
    const g = new GraphBuilder('chain');
    g.input('image', ['n', 3]);
    g.input('w', [3]);
    let at = g.op('Mul', ['image', 'w'], {}, 'v0');
    for (let i = 1; i < 12_000; i++) at = g.op('Neg', [at], {}, `v${i}`);
    g.op('Mul', [at, at], {}, 'y');
    g.output('y', ['n', 3]);
    const options = { wrt: ['w'], outputs: ['y'], provider: 'wasm', recompute: 'cheap' } as const;
    within(() => expect(differentiate(g.build(), options).saved).toEqual([]));
  });

  it('of tensors that claim to lie in other files makes no room for them', () => {
    const g = new GraphBuilder('claims');
    g.input('image', ['n', 3, 8, 8]);
    g.op('Relu', ['image'], {}, 'y');
    g.output('y', ['n', 3, 8, 8]);
    const bytes = encodeModel(g.build());
    // initializer (5) of graph (7): 4 GB of float32 (dims 2³⁰), data_location (14) external.
    const tensor = Uint8Array.of(
      0x08,
      0x80,
      0x80,
      0x80,
      0x80,
      0x04,
      0x10,
      0x01,
      0x42,
      0x01,
      0x77,
      0x70,
      0x01,
    );
    const claim = Uint8Array.of(0x3a, tensor.length + 2, 0x2a, tensor.length, ...tensor);
    const before = process.memoryUsage().arrayBuffers;
    expect(describeEncoder(Uint8Array.of(...bytes, ...claim)).imageSize).toBe(8);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });
});
