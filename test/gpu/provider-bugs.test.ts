import { describe, expect, it } from 'vitest';
import type { SessionPlace } from '../../src/encoder/ort.ts';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { type Attributes, type Dim, type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { random } from '../autodiff/run.ts';
import { onWebGpu } from '../kernels/backends.ts';

/**
 * What the WebGPU provider of the pinned onnxruntime-web does wrong, and what here goes round it. A test fails when an
 * update has repaired something: then what goes round it can go.
 */
interface Bug {
  readonly what: string;
  readonly detour: string;
  readonly graph: Graph;
}

function single(
  op: string,
  inputs: Readonly<Record<string, readonly Dim[]>>,
  y: readonly Dim[],
  attributes: Attributes,
  extra: readonly string[] = [],
): Graph {
  const g = new GraphBuilder(op, 'e');
  for (const [name, shape] of Object.entries(inputs)) g.input(name, shape);
  const outputs = ['y', ...extra];
  g.node({ name: 'n', op, domain: '', inputs: Object.keys(inputs), outputs, attributes });
  g.output('y', y);
  return g.build();
}

/** x [6, 4] and b [6, 1] → y. */
function built(build: (g: GraphBuilder) => string): Graph {
  const g = new GraphBuilder('built', 'e');
  g.input('x', [6, 4]);
  g.input('b', [6, 1]);
  g.op('Mul', [build(g), g.scalar(1)], {}, 'y');
  g.output('y', inferShapes(g.build()).get('y')!);
  return g.build();
}

const window = (size: number, pad: number) => ({
  kernel_shape: [size, size],
  strides: [1, 1],
  pads: [pad, pad, pad, pad],
});

const WRONG: readonly Bug[] = [
  {
    what: 'Slice with a negative step that begins inside an axis',
    detour: "slice's lowering",
    graph: (() => {
      const g = new GraphBuilder('slice', 'e');
      g.input('x', [2, 5, 6]);
      const bounds = [
        [-1, 3],
        [-100, 0],
        [2, 1],
        [-2, -1],
      ].map((values) => g.ints(values));
      g.op('Slice', ['x', ...bounds], {}, 'y');
      g.output('y', [2, 3, 3]);
      return g.build();
    })(),
  },
  {
    what: 'Conv of more than three channels that it takes by three',
    detour: "convolve()'s padding",
    graph: single('Conv', { x: [1, 6, 5, 5], w: [4, 6, 3, 3] }, [1, 4, 5, 5], window(3, 1)),
  },
  {
    what: 'ConvTranspose in groups of an even number of channels in and one out',
    detour: 'nothing, but maxPool() need not shun groups any more',
    graph: single('ConvTranspose', { x: [1, 8, 3, 3], w: [8, 1, 2, 2] }, [1, 2, 4, 4], {
      ...window(2, 0),
      group: 2,
    }),
  },
  {
    what: 'ReduceLogSumExp of values from 89 on, which overflows',
    detour: "reduceLogSumExp's own form",
    graph: built((g) => g.op('ReduceLogSumExp', [g.op('Abs', [g.op('Mul', ['x', g.scalar(300)])])])),
  },
];

const channel = { gamma: [2], beta: [2], mean: [2], variance: [2] } as const;
const REFUSED: readonly Bug[] = [
  {
    what: 'BatchNormalization in training mode',
    detour: 'nothing, as batchNorm() is composed for its variance too',
    graph: single('BatchNormalization', { x: [2, 2, 3, 3], ...channel }, [2, 2, 3, 3], { training_mode: 1 }, [
      'newMean',
      'newVariance',
    ]),
  },
  {
    what: 'Indices of MaxPool',
    detour: "maxPool()'s search for the maximum",
    graph: single('MaxPool', { x: [1, 2, 4, 4] }, [1, 2, 3, 3], window(2, 0), ['indices']),
  },
  {
    what: 'Size, and whole numbers into float32',
    detour: "inverseCount()'s ones",
    graph: (() => {
      const g = new GraphBuilder('size', 'e');
      g.input('x', ['batch', 2]);
      g.op('Cast', [g.op('Size', ['x'])], { to: 1 }, 'y');
      g.output('y', []);
      return g.build();
    })(),
  },
  ...[
    ['Sum', "sum's additions"],
    ['Mean', "mean's additions"],
  ].map(([op = '', detour = '']) => ({ what: op, detour, graph: built((g) => g.op(op, ['x', 'b'])) })),
  ...[
    ['Round', "round's own form"],
    ['Sign', "sign's step"],
    ['Selu', "selu's Elu"],
    ['Celu', "celu's Elu"],
    ['LogSoftmax', "logSoftmax's own form"],
  ].map(([op = '', detour = '']) => ({ what: op, detour, graph: built((g) => g.op(op, ['x'])) })),
  {
    what: 'Or',
    detour: "or's And and Not",
    graph: built((g) => {
      const either = g.op('Or', [g.op('Less', ['x', 'b']), g.op('Greater', ['x', g.scalar(0)])]);
      return g.op('Cast', [either], { to: 1 });
    }),
  },
  {
    what: 'Pow that repeats an element of one operand four times',
    detour: 'powOperands()',
    graph: built((g) => g.op('Pow', [g.op('Abs', ['x']), 'b'])),
  },
];

onWebGpu((_, { device }) => {
  const place: SessionPlace = { provider: 'webgpu', device };
  const inputsOf = (graph: Graph): Map<string, Values> =>
    new Map(
      graph.inputs.map(({ name, shape }, i) => [
        name,
        random(
          shape.map((size) => (typeof size === 'number' ? size : 3)),
          60 + i,
          1,
          name === 'variance' ? 5 : 0,
        ),
      ]),
    );

  describe('onnxruntime-web on WebGPU still', () => {
    it.each(WRONG)('gives wrong values for $what', async ({ what, detour, graph }) => {
      const inputs = inputsOf(graph);
      const expected = (await runOnce(graph, { provider: 'wasm' }, inputs)).get('y')!.data;
      const actual = (await runOnce(graph, place, inputs)).get('y')!.data;
      const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - actual[i]!)), 0);
      // Off by as much as the values themselves, where rounding would be 1e-6 of them.
      expect(worst, `onnxruntime-web has fixed ${what}: drop ${detour}`).toBeGreaterThan(0.01);
    });

    it.each(REFUSED)('refuses $what', async ({ what, detour, graph }) => {
      const inputs = inputsOf(graph);
      await expect(runOnce(graph, { provider: 'wasm' }, inputs)).resolves.toBeDefined();
      // An invalid shader is reported to the device, too.
      device.pushErrorScope('validation');
      const attempt = runOnce(graph, place, inputs);
      await expect(attempt, `onnxruntime-web has fixed ${what}: drop ${detour}`).rejects.toThrow();
      await device.popErrorScope();
    });
  });
});
