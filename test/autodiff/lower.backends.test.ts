import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { lowerGraph } from '../../src/autodiff/lower.ts';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { foldBatchNorm } from '../../src/onnx/fold.ts';
import { type Graph, GraphBuilder, type Node } from '../../src/onnx/graph.ts';
import { buildResNet, type ResNetSpec } from '../../src/onnx/resnet.ts';
import { expectClose } from '../compare.ts';
import { inEveryPlace, random } from './run.ts';

/** x → y by one convolution, 3×3 and padded unless it says otherwise. */
function convolution(
  x: readonly (number | string)[],
  outChannels: number,
  { group = 1, kernel = 3 } = {},
): Graph {
  const g = new GraphBuilder('conv', 'e');
  g.input('x', x);
  g.input('w', [outChannels, Number(x[1]) / group, kernel, kernel]);
  const pad = (kernel - 1) / 2;
  const attributes = { kernel_shape: [kernel, kernel], strides: [1, 1], pads: [pad, pad, pad, pad], group };
  g.op('Conv', ['x', 'w'], attributes, 'y');
  g.output('y', [x[0]!, outChannels, ...x.slice(2)]);
  return g.build();
}

const ops = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

/** What the WebGPU provider computes wrong (test/gpu/provider-bugs.test.ts). */
const isTakenByThree = (channels: number, outChannels: number): boolean =>
  channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outChannels % 4 === 0;

const channels = fc.integer({ min: 1, max: 40 });

describe('channels of zeros', () => {
  it('are there where the WebGPU provider would take channels by three, and nowhere else', () => {
    fc.assert(
      fc.property(channels, channels, (from, to) => {
        const graph = convolution([1, from, 5, 5], to);
        const pads = isTakenByThree(from, to) ? ['Pad', 'Pad'] : [];
        expect(ops(lowerGraph(graph, 'webgpu'))).toEqual([...pads, 'Conv']);
        expect(ops(lowerGraph(graph, 'wasm'))).toEqual(['Conv']);
      }),
      {
        examples: [
          [6, 4],
          [3, 4],
          [9, 8],
          [12, 4],
          [15, 4],
          [18, 12],
          [6, 5],
        ],
      },
    );
  });

  it('are there in the forward graph and for the gradient of the input', () => {
    fc.assert(
      fc.property(channels, channels, (from, to) => {
        // 1×1: no other node pads.
        const graph = convolution([1, from, 5, 5], to, { kernel: 1 });
        const options = { wrt: ['x', 'w'], outputs: ['y'] };
        const { forward, backward } = differentiate(graph, { ...options, provider: 'webgpu' });
        const pads = (lowered: Graph) => ops(lowered).filter((op) => op === 'Pad').length;
        expect(pads(forward)).toBe(isTakenByThree(from, to) ? 2 : 0);
        expect(pads(backward)).toBe(isTakenByThree(to, from) ? 2 : 0);
      }),
      {
        examples: [
          [6, 4],
          [4, 6],
          [9, 8],
          [8, 9],
        ],
      },
    );
  });

  it('fill the channels up to a multiple of four, and leave groups alone', () => {
    const padded = lowerGraph(convolution([1, 6, 5, 5], 4), 'webgpu');
    const zeros = padded.nodes[0]!.inputs[1]!;
    expect(Array.from(padded.constants.get(zeros)!.data, Number)).toEqual([0, 0, 0, 0, 0, 2, 0, 0]);
    expect(ops(lowerGraph(convolution([1, 18, 5, 5], 4, { group: 2 }), 'webgpu'))).toEqual(['Conv']);
  });
});

/** Channels 6 → 12 at stride 2 by 3×3 and 1×1, 9 → 36 by 1×1: the inference graph of each has what is padded. */
const SPECS: readonly ResNetSpec[] = [
  { block: 'basic', layers: [1, 1], planes: [6, 12], stem: 'imagenet', dim: 5, mlp: true },
  { block: 'bottleneck', layers: [1], planes: [9], stem: 'cifar', dim: 5, mlp: false },
];

inEveryPlace(({ lowering, session }) => {
  // A network has twenty shaders to compile: one is enough on a software GPU.
  it.each(session.provider === 'webgpu' ? SPECS.slice(0, 1) : SPECS)(
    'the inference graph of $block, $planes, gives what it gives unlowered',
    async (spec) => {
      const { graph } = foldBatchNorm(buildResNet(spec, 'batch', 32).graph);
      const lowered = lowerGraph(graph, lowering);
      expect(lowered.inputs).toEqual(graph.inputs);
      expect(lowered.outputs).toEqual(graph.outputs);
      expect(ops(lowered).includes('Pad')).toBe(lowering === 'webgpu');

      for (const batch of [1, 3]) {
        const values = new Map<string, Values>(
          graph.inputs.map(({ name, shape }, i) => [
            name,
            random(
              shape.map((size) => (typeof size === 'number' ? size : batch)),
              40 + i,
              name === 'image' ? 1 : 0.2,
            ),
          ]),
        );
        const expected = await runOnce(graph, { provider: 'wasm' }, values);
        const actual = await runOnce(lowered, session, values);
        expect([...actual.keys()]).toEqual([...expected.keys()]);
        for (const [name, { data, shape }] of expected) {
          // Seven sums, one after the other, of at most 147 terms in another order: each differs by about √147·u of its
          // size, together 5e-6. Twice that, of the largest value.
          const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
          expectClose(`${name} of ${batch}`, actual.get(name)!.data, data, 1e-5 * largest, shape);
        }
      }
    },
  );
});

describe('the pixels of a weight gradient on WebGPU', () => {
  const MOST = 2 ** 24;
  const small = fc.integer({ min: 1, max: 40 });
  const sizes = fc.record({
    batch: fc.integer({ min: 1, max: 300 }),
    height: small,
    width: small,
    from: fc.integer({ min: 1, max: 600 }),
    to: fc.integer({ min: 1, max: 600 }),
    kernel: fc.constantFrom(1, 3, 7),
  });

  it('are cut into parts that make up the batch, whose products stay below 2²⁴ values wherever they can', () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), ({ batch, height, width, from, to, kernel }, isDynamic) => {
        const graph = convolution([isDynamic ? 'batch' : batch, from, height, width], to, { kernel });
        const { pixels, columns } = partsOf(graph);
        const all = (isDynamic ? 1 : batch) * height * width;
        expect(columns).toBe(from * kernel * kernel);
        expect(all % pixels).toBe(0);
        // Whole rows of an image, or whole images.
        if (pixels < height * width) expect(pixels % width).toBe(0);
        else expect(pixels % (height * width)).toBe(0);
        const parts = all / pixels;
        if (parts > 1) expect(parts * to * columns).toBeLessThanOrEqual(MOST);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['all images', [7, 2, 5, 7], 245],
    ['half of the images', [6, 2, 8, 8], 192],
    ['an image, as 7 is prime', [7, 2, 8, 8], 64],
    ['an image of just so many', [3, 2, 16, 16], 256],
    ['half of an image', [3, 2, 20, 20], 200],
    ['a row, as 17 is prime', [2, 2, 17, 17], 17],
    ['an image, where the batch is dynamic', ['batch', 2, 5, 7], 35],
  ])('a part is %s: %j', (_, x, pixels) => {
    expect(partsOf(convolution(x, 3))).toEqual({ pixels, columns: 18 });
  });

  it('parts grow where there would be too many products', () => {
    // 512 × 4608 products a part: 7 parts fit. 14 · 14 pixels are 196, so 16 images a part and 4 parts.
    expect(partsOf(convolution([64, 512, 14, 14], 512)).pixels).toBe(16 * 196);
    // One part of 2048 × 18432 is more than fits.
    expect(partsOf(convolution([8, 2048, 7, 7], 2048)).pixels).toBe(8 * 49);
  });

  /** The matrices that are multiplied are [parts, O, pixels] and [parts, pixels, columns]. */
  function partsOf(graph: Graph): { pixels: number; columns: number } {
    const { backward } = differentiate(graph, { wrt: ['w'], outputs: ['y'], provider: 'webgpu' });
    const made = new Map<string, Node>(backward.nodes.map((node) => [node.outputs[0]!, node]));
    const matMul = backward.nodes.find(({ op }) => op === 'MatMul')!;
    const [left, right] = matMul.inputs.map((input) => {
      const { op, inputs } = made.get(input)!;
      expect(op).toBe('Reshape');
      return Array.from(backward.constants.get(inputs[1]!)!.data, Number);
    });
    const [, pixels = 0, columns = 0] = right!;
    expect(left).toEqual([-1, Number(graph.inputs[1]!.shape[0]), pixels]);
    return { pixels, columns };
  }
});
