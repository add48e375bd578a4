/**
 * Which elements a gradient passes, as numbers. A step is a HardSigmoid with a huge slope: on wasm that is one vectorized
 * pass, where Greater + Cast takes two; on WebGPU onnxruntime's optimizer moves transpositions onto the booleans of
 * Greater, which the provider then leaves to the CPU. Steps are exact for |x| of 1e-30 and above, without overflow up
 * to 1e8 (and an overflow is clamped as it should be).
 */
import type { GraphBuilder } from '../onnx/graph.ts';

const SLOPE = 1e30;

function step(g: GraphBuilder, x: string, slope: number, atZero: number): string {
  return g.op('HardSigmoid', [x], { alpha: { float: slope }, beta: { float: atZero } });
}

/** 1 where x > 0, else 0. */
export function positive(g: GraphBuilder, x: string): string {
  return step(g, x, SLOPE, 0);
}

/** 1 where x < 0, else 0. */
export function negative(g: GraphBuilder, x: string): string {
  return step(g, x, -SLOPE, 0);
}

/** 1 where x = 0, else 0. */
export function isZero(g: GraphBuilder, x: string): string {
  return step(g, g.op('Abs', [x]), -SLOPE, 1);
}

/** 1 where x > 0, 0 at 0, −1 where x < 0. */
export function signOf(g: GraphBuilder, x: string, output?: string): string {
  const half = g.op('Sub', [step(g, x, SLOPE, 0.5), g.scalar(0.5)]);
  return g.op('Add', [half, half], {}, output);
}

/** 1 everywhere, in the shape of x, whose values must be finite. */
export function ones(g: GraphBuilder, x: string): string {
  return step(g, x, 0, 1);
}

/** 1 − x: of a mask, the other elements. */
export function complement(g: GraphBuilder, x: string): string {
  return g.op('Sub', [g.scalar(1), x]);
}
