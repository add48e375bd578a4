/** Gradients of operators that work element by element or along axes, against finite differences in float64. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { type Graph, GraphBuilder, type Shape } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { expectClose } from '../compare.ts';
import { generator } from '../kernels/inputs.ts';
import { type Array64, broadcastShape, CASES, jacobian, type OperatorCase } from './pointwise-reference.ts';
import { inEveryPlace, type Place, random, run } from './run.ts';

/** Unit roundoff of float32. */
const U = 2 ** -24;

/**
 * Error of an exponential, logarithm or the like for arguments of up to 6, in units of 2⁻²⁴: WGSL demands 3 + 2·|x| ulp
 * of exp (https://www.w3.org/TR/WGSL/#floating-point-accuracy), and an ulp is two of these units at most; onnxruntime's
 * polynomials on wasm are within 5.
 */
const FUNCTION_ERROR = { wasm: 5, native: 5, webgpu: 30 } as const;

interface Drawn {
  readonly shapes: readonly (readonly number[])[];
  readonly seed: number;
  readonly isDynamic: boolean;
}

/** Shapes that broadcast: of a full one, leading axes left out, and axes of size 1. */
function drawn({ operands, rank = 1 }: OperatorCase): fc.Arbitrary<Drawn> {
  const full = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: rank, maxLength: 4 });
  const small = full.filter((shape) => shape.reduce((product, n) => product * n, 1) <= 48);
  return small.chain((shape) => {
    const cut = fc
      .tuple(
        fc.integer({ min: 0, max: shape.length }),
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      )
      .map(([from, single]) => shape.map((n, axis) => (single[axis] ? 1 : n)).slice(from));
    const others = fc.tuple(...Array.from({ length: operands - 1 }, () => fc.oneof(cut, fc.constant(shape))));
    return fc.record({
      shapes: fc
        .tuple(others, fc.boolean())
        .map(([rest, last]) => (last ? [...rest, shape] : [shape, ...rest])),
      seed: fc.nat(),
      isDynamic: fc.boolean(),
    });
  });
}

/** Values of all operands, all different and away from kinks, in an order that depends on the seed. */
function valuesOf(shapes: Drawn['shapes'], seed: number, { range, kinks }: OperatorCase): Values[] {
  const [low, high] = range ?? [-4, 4];
  const sizes = shapes.map((shape) => shape.reduce((product, n) => product * n, 1));
  const count = sizes.reduce((sum, n) => sum + n, 0);
  const next = generator(seed);
  const grid = Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.5)) / count);
  const shuffled = grid
    .map((x) => (kinks?.some((kink) => Math.abs(x - kink) < 0.02) ? x + 0.05 : x))
    .map((x) => [next(), x] as const)
    .sort(([a], [b]) => a - b);
  return shapes.map((shape, i) => {
    const values = shuffled.splice(0, sizes[i]).map(([, x]) => x);
    return { shape, data: Float32Array.from(values) };
  });
}

/** A graph of the one operator; `isDynamic` leaves the first axis open where an operand has all of it. */
function graphOf({ build }: OperatorCase, { shapes, isDynamic }: Drawn): Graph {
  const full = broadcastShape(shapes);
  const g = new GraphBuilder('case', 'e');
  const names = shapes.map((shape, i): string => {
    const [first = 1, ...rest] = shape;
    const isOpen = isDynamic && shape.length === full.length && first === full[0] && first > 1;
    const open: Shape = isOpen ? ['batch', ...rest] : shape;
    return g.input(`x${i}`, open);
  });
  g.op('Identity', [build(g, names)], {}, 'y');
  g.output('y', inferShapes(g.build()).get('y')!);
  return g.build();
}

async function check(which: OperatorCase, drawing: Drawn, place: Place): Promise<void> {
  const { evaluate, roundings = 4, functions = 0, cancels = 0 } = which;
  const values = valuesOf(drawing.shapes, drawing.seed, which);
  const exact = values.map(({ shape, data }): Array64 => ({ shape, data: Float64Array.from(data) }));
  const y = evaluate(exact);
  const dy = random(y.shape, drawing.seed);
  const inputs = new Map(values.map((value, i) => [`x${i}`, value]));
  const { outputs, gradients } = await run(graphOf(which, drawing), place, inputs, new Map([['y', dy]]));
  const errors = roundings + functions * FUNCTION_ERROR[place.session.provider];
  const terms = exact.reduce((most, { data }) => Math.max(most, data.length), y.data.length);
  // Sums and differences of values of up to 4, each off by a rounding of its own size.
  const allowed = y.data.map((value) => (errors + terms) * U * (Math.abs(value) + 4));
  expectClose('y', outputs.get('y')!.data, y.data, allowed, y.shape);

  exact.forEach(({ shape }, k) => {
    const rows = jacobian(evaluate, exact, k);
    const expected = rows.map((row) => row.reduce((sum, d, i) => sum + d * dy.data[i]!, 0));
    const tolerance = rows.map((row) => {
      const reached = [...row.keys()].filter((i) => row[i] !== 0);
      const size = reached.reduce((sum, i) => sum + Math.abs(dy.data[i]!) * (Math.abs(row[i]!) + cancels), 0);
      // What a finite difference of 0 leaves is 0 or below 1e-10.
      return (errors + reached.length) * U * size + 1e-10;
    });
    expectClose(`gradient of operand ${k}`, gradients.get(`x${k}`)!.data, expected, tolerance, shape);
  });
}

inEveryPlace((place) => {
  const onGpu = place.session.provider === 'webgpu';
  describe('against finite differences', () => {
    const cases = CASES.filter(({ onlyWasm }) => !(onlyWasm && place.lowering === 'webgpu'));
    it.each(cases)('$name', async (which) => {
      await fc.assert(
        fc.asyncProperty(drawn(which), (drawing) => check(which, drawing, place)),
        { numRuns: onGpu ? 2 : 8, seed: 17 },
      );
    });
  });
});
