import { describe, expect, it } from 'vitest';
import { equal, sum } from '../../../src/onnx/dims.ts';
import type { Attributes, Dim, ElementType, Node } from '../../../src/onnx/graph.ts';
import { evaluate, evaluateRange } from '../../../src/onnx/import/evaluate.ts';
import { fromConstant, type Known, toConstant } from '../../../src/onnx/import/known.ts';
import { fromBrainFloat, fromHalf } from '../../../src/onnx/import/to-float32.ts';
import { inferNode } from '../../../src/onnx/shapes.ts';

const known = (
  data: readonly Dim[],
  shape: readonly number[] = [data.length],
  type: ElementType = 'int64',
): Known => ({
  type,
  shape,
  data,
});

/** The elements that an operator gives, null where it gives none that are known. */
function compute(op: string, inputs: readonly Known[], attributes: Attributes = {}): readonly Dim[] | null {
  const names = inputs.map((_, i) => `${i}`);
  const node: Node = { name: 'n', op, domain: '', inputs: names, outputs: ['y'], attributes };
  const scope = {
    ints: (name: string | undefined) => inputs[Number(name)]?.data as readonly number[] | undefined,
  };
  const shapes = new Map(inputs.map((input, i) => [`${i}`, input.shape]));
  const [shape] = inferNode(node, shapes, scope);
  const type = op === 'Cast' ? 'int64' : (inputs[op === 'Where' ? 1 : 0]?.type ?? 'int64');
  return evaluate({ node, inputs, shape: shape as readonly number[], type, scope })?.data ?? null;
}

const grid = known([0, 1, 2, 3, 4, 5], [2, 3]);

describe('values that are known at import', () => {
  // By the ONNX specification, worked out by hand.
  it.each<[string, readonly Known[], Attributes, readonly Dim[] | null]>([
    ['Transpose', [grid], { perm: [1, 0] }, [0, 3, 1, 4, 2, 5]],
    ['Slice', [grid, known([-1]), known([-9]), known([1]), known([-2])], {}, [2, 0, 5, 3]],
    ['Slice', [grid, known([1]), known([2]), known([0])], {}, [3, 4, 5]],
    ['Gather', [grid, known([-1, 0])], { axis: 1 }, [2, 0, 5, 3]],
    ['Gather', [grid, known([3])], { axis: 1 }, null],
    ['Gather', [known(['n', 3, 8]), known([0], [])], {}, ['n']],
    ['Concat', [grid, known([6, 7], [2, 1])], { axis: 1 }, [0, 1, 2, 6, 3, 4, 5, 7]],
    ['Expand', [known([1, 2], [2, 1]), known([1, 3])], {}, [1, 1, 1, 2, 2, 2]],
    ['Add', [grid, known([10, 20], [2, 1])], {}, [10, 11, 12, 23, 24, 25]],
    ['Div', [known([7, -7, 7, -7]), known([2, 2, -2, -2])], {}, [3, -3, -3, 3]],
    ['Div', [known([7]), known([0])], {}, null],
    ['Mod', [known([7, -7, 7, -7]), known([3, 3, -3, -3])], {}, [1, 2, -2, -1]],
    ['Mod', [known([7, -7]), known([3, 3])], { fmod: 1 }, [1, -1]],
    ['Round', [known([0.5, 1.5, 2.5, -0.5, -1.5, 2.6], [6], 'float32')], {}, [0, 2, 2, -0, -2, 3]],
    ['Cast', [known([1.9, -1.9], [2], 'float32')], { to: 7 }, [1, -1]],
    ['ReduceProd', [grid], { axes: [1], keepdims: 0 }, [0, 60]],
    ['ReduceSum', [grid, known([0])], {}, [3, 5, 7]],
    ['Where', [known([1, 0], [2], 'bool'), known(['n']), known([3, 4])], {}, ['n', 4]],
    ['Mul', [known(['n']), known([6])], {}, ['6*n']],
    ['Div', [known(['6*n']), known([3])], {}, ['2*n']],
    ['Div', [known(['n']), known([2])], {}, null],
    ['Mod', [known(['6*n']), known([3])], {}, [0]],
    ['Add', [known(['n']), known([0])], {}, ['n']],
    ['Add', [known(['n']), known([1])], {}, null],
    ['Sub', [known(['n', 'n']), known(['n', 0])], {}, [0, 'n']],
    ['Mul', [known(['n']), known([-1])], {}, null],
    ['Equal', [known(['n', 'n', 3]), known([-1, 'n', 3])], {}, [0, 1, 1]],
    ['Equal', [known(['n']), known([1])], {}, null],
  ])('%s of %j, %j', (op, inputs, attributes, expected) => {
    expect(compute(op, inputs, attributes)).toEqual(expected);
  });

  it('Range has ⌈(limit − start) / delta⌉ numbers', () => {
    const range = (...numbers: Dim[]) => evaluateRange(numbers.map((n) => known([n], [])))?.data ?? null;
    expect(range(0, 5, 2)).toEqual([0, 2, 4]);
    expect(range(3, 0, -1)).toEqual([3, 2, 1]);
    expect(range(3, 0, 1)).toEqual([]);
    expect(range(0, 'n', 1)).toBeNull();
    expect(range(0, 5, 0)).toBeNull();
  });

  it('the largest int64 stays "to the end"', () => {
    const end = { type: 'int64', shape: [2], data: BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)) } as const;
    expect(toConstant(fromConstant(end))).toEqual(end);
    expect(toConstant(known(['n']))).toBeNull();
  });
});

describe('sizes', () => {
  it('add up where the sum has a name', () => {
    expect(sum('n', 'n')).toBe('2*n');
    expect(sum('a*b', '2*b*a')).toBe('3*a*b');
    expect(sum('n', 'm')).toBeNull();
    expect(sum(-3, 1)).toBe(-2);
  });

  it('are the same, or not, or it depends', () => {
    expect([
      equal(2, 2),
      equal(2, 3),
      equal('n', 'n'),
      equal('n', 0),
      equal('n', 'm'),
      equal(4, 'n'),
    ]).toEqual([...[true, false, true, false, null, null]]);
  });
});

describe('half floats', () => {
  it.each([
    [0x3c00, 1],
    [0xc100, -2.5],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x8000, -0],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfe00, Number.NaN],
  ])('binary16 %i is %f', (bits, value) => {
    expect(fromHalf(bits)).toBe(value);
  });

  it('bfloat16 is the upper half of a float32', () => {
    expect([0x3f80, 0xc020, 0x7f80].map(fromBrainFloat)).toEqual([1, -2.5, Number.POSITIVE_INFINITY]);
  });
});
