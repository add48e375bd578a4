/** Gradients of windows, matrix products, normalization and layout, against finite differences in float64. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { expectClose } from '../compare.ts';
import { jacobian } from './pointwise-reference.ts';
import { inEveryPlace, type Place, random, run } from './run.ts';
import { drawnWindow, STRUCTURE_CASES, type StructureCase } from './structure-cases.ts';

/** Unit roundoff of float32. */
const U = 2 ** -24;

async function check(which: StructureCase, place: Place, isDynamic: boolean): Promise<void> {
  const names = which.shapes.map((_, i) => `x${i}`);
  const inputs = new Map<string, Values>(
    which.shapes.map((shape, i) => {
      const values = random(shape, 50 + i);
      // All different by 0.05 and more: a step of a finite difference changes no maximum.
      const order = [...values.data.keys()].sort((a, b) => values.data[a]! - values.data[b]!);
      const data = which.distinct
        ? values.data.map((_, k) => 0.05 * (order.indexOf(k) + 1) - 1)
        : values.data;
      return [
        names[i]!,
        { shape, data: which.positive?.includes(i) ? data.map((x) => Math.abs(x) + 0.5) : data },
      ];
    }),
  );
  const g = new GraphBuilder(which.name, 'e');
  which.shapes.forEach((shape, i) => {
    const open = isDynamic && (which.batched ?? [0]).includes(i);
    g.input(names[i]!, open ? ['batch', ...shape.slice(1)] : shape);
  });
  g.op('Identity', [which.build(g, names)], {}, 'y');
  g.output('y', inferShapes(g.build()).get('y')!);
  const exact = [...inputs.values()].map(({ shape, data }) => ({ shape, data: Float64Array.from(data) }));
  const y = which.evaluate(exact);
  const dy = random(y.shape, 60);
  const wrt = names.filter((_, i) => !which.constant?.includes(i));
  const found = await run(g.build(), place, inputs, new Map([['y', dy]]), wrt, which.options);

  expect(found.outputs.get('y')!.shape).toEqual(y.shape);
  const { roundings = 4, cancels = 0 } = which;
  wrt.forEach((name) => {
    const k = names.indexOf(name);
    const rows = jacobian(which.evaluate, exact, k);
    const expected = rows.map((row) => row.reduce((sum, d, i) => sum + d * dy.data[i]!, 0));
    const tolerance = rows.map((row) => {
      const reached = [...row.keys()].filter((i) => Math.abs(row[i]!) > 1e-9);
      const size = reached.reduce((sum, i) => sum + Math.abs(dy.data[i]!) * (Math.abs(row[i]!) + cancels), 0);
      // What a finite difference of 0 leaves is below 1e-10 each.
      return (roundings + reached.length) * U * size + 1e-9;
    });
    const gradient = found.gradients.get(name)!;
    expect(gradient.shape).toEqual(exact[k]!.shape);
    expectClose(`gradient of ${name}`, gradient.data, expected, tolerance, exact[k]!.shape);
  });
  // A value has at most 60 terms of about 1 here; the gradients above are held more tightly.
  const allowed = y.data.map((value) => 100 * U * (Math.abs(value) + 4));
  expectClose('y', found.outputs.get('y')!.data, y.data, allowed, y.shape);
}

inEveryPlace((place) => {
  const onGpu = place.session.provider === 'webgpu';
  describe.each(place.lowering === 'webgpu' ? [true] : [false, true])('dynamic batch: %s', (isDynamic) => {
    it.each(STRUCTURE_CASES)('$name', (which) => check(which, place, isDynamic));
  });

  it.each(['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool'] as const)(
    '%s over drawn windows',
    async (op) => {
      await fc.assert(
        fc.asyncProperty(drawnWindow(op), (which) => check(which, place, true)),
        { numRuns: onGpu ? 5 : 25, seed: 23 },
      );
    },
  );
});
