/**
 * Windows, matrix products, normalization and layout in float64, forwards only and straight from the ONNX specification:
 * their gradients are taken by finite differences.
 */
import type { Array64 } from './pointwise-reference.ts';

const count = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

function coordinates(at: number, shape: readonly number[]): number[] {
  const result: number[] = [];
  let rest = at;
  for (const n of shape.toReversed()) {
    result.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return result;
}

const flat = (at: readonly number[], shape: readonly number[]) =>
  shape.reduce((index, n, axis) => index * n + at[axis]!, 0);

/** An array whose values are a function of their place. */
export function make(shape: readonly number[], value: (at: number[]) => number): Array64 {
  return { shape, data: Float64Array.from({ length: count(shape) }, (_, i) => value(coordinates(i, shape))) };
}

export const at = ({ shape, data }: Array64, place: readonly number[]): number => data[flat(place, shape)]!;

/** y = x at another place for each place; null is 0. */
export function moved(
  x: Array64,
  shape: readonly number[],
  from: (place: number[]) => readonly number[] | null,
): Array64 {
  return make(shape, (place) => {
    const source = from(place);
    return source === null ? 0 : at(x, source);
  });
}

/** Every axis of space: kernel, stride, pads and dilation. */
export interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly begin: number;
  readonly end: number;
  readonly dilation: number;
}

export const extentOf = ({ kernel, dilation }: Axis) => (kernel - 1) * dilation + 1;

export function outputOf(size: number, axis: Axis, ceil = false): number {
  const room = size + axis.begin + axis.end - extentOf(axis);
  const windows = (ceil ? Math.ceil : Math.floor)(room / axis.stride) + 1;
  return ceil && (windows - 1) * axis.stride >= size + axis.begin ? windows - 1 : windows;
}

/** The places of the window at `output` (its offsets, where they lie in x), those outside of x left out. */
function places(output: readonly number[], axes: readonly Axis[], size: readonly number[]) {
  const offsets = coordinatesOf(axes.map(({ kernel }) => kernel));
  return offsets
    .map((tap) => ({
      tap,
      place: axes.map((axis, i) => output[i]! * axis.stride + tap[i]! * axis.dilation - axis.begin),
    }))
    .filter(({ place }) => place.every((p, i) => p >= 0 && p < size[i]!));
}

function coordinatesOf(shape: readonly number[]): number[][] {
  return Array.from({ length: count(shape) }, (_, i) => coordinates(i, shape));
}

export function convolution(
  x: Array64,
  w: Array64,
  bias: Array64 | undefined,
  axes: readonly Axis[],
  groups: number,
): Array64 {
  const [batch = 0, , ...size] = x.shape;
  const [outputs = 0, perGroup = 0] = w.shape;
  const space = axes.map((axis, i) => outputOf(size[i]!, axis));
  return make([batch, outputs, ...space], ([n = 0, o = 0, ...position]) => {
    const first = Math.floor(o / (outputs / groups)) * perGroup;
    let sum = bias?.data[o] ?? 0;
    for (const { tap, place } of places(position, axes, size))
      for (let c = 0; c < perGroup; c++) sum += at(w, [o, c, ...tap]) * at(x, [n, first + c, ...place]);
    return sum;
  });
}

/** Every pixel of x adds the kernel, times its value, to y. */
export function transposedConvolution(
  x: Array64,
  w: Array64,
  bias: Array64 | undefined,
  axes: readonly Axis[],
  groups: number,
  extra: readonly number[],
): Array64 {
  const [batch = 0, channels = 0, ...size] = x.shape;
  const perGroup = w.shape[1]!;
  const space = axes.map(
    (axis, i) => (size[i]! - 1) * axis.stride + extentOf(axis) - axis.begin - axis.end + extra[i]!,
  );
  const shape = [batch, perGroup * groups, ...space];
  const y = make(shape, ([, o = 0]) => bias?.data[o] ?? 0);
  for (const [n = 0, c = 0, ...position] of coordinatesOf(x.shape)) {
    const first = Math.floor(c / (channels / groups)) * perGroup;
    for (const { tap, place } of places(position, axes, space))
      for (let o = 0; o < perGroup; o++)
        y.data[flat([n, first + o, ...place], shape)]! += at(x, [n, c, ...position]) * at(w, [c, o, ...tap]);
  }
  return y;
}

export function maximum(x: Array64, axes: readonly Axis[], ceil: boolean): Array64 {
  const [batch = 0, channels = 0, ...size] = x.shape;
  const space = axes.map((axis, i) => outputOf(size[i]!, axis, ceil));
  return make([batch, channels, ...space], ([n = 0, c = 0, ...position]) =>
    Math.max(...places(position, axes, size).map(({ place }) => at(x, [n, c, ...place]))),
  );
}

/** What lies in the padding counts where `padding`; what lies beyond it never does. */
export function average(x: Array64, axes: readonly Axis[], ceil: boolean, padding: boolean): Array64 {
  const [batch = 0, channels = 0, ...size] = x.shape;
  const space = axes.map((axis, i) => outputOf(size[i]!, axis, ceil));
  return make([batch, channels, ...space], ([n = 0, c = 0, ...position]) => {
    const inside = places(position, axes, size);
    const counted = axes.map((axis, i) => {
      const start = position[i]! * axis.stride - axis.begin;
      return Math.min(start + axis.kernel, size[i]! + axis.end) - start;
    });
    return (
      inside.reduce((sum, { place }) => sum + at(x, [n, c, ...place]), 0) /
      (padding ? count(counted) : inside.length)
    );
  });
}

/** numpy.matmul */
export function matmul(a: Array64, b: Array64): Array64 {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const rank = Math.max(left.length, right.length) - 2;
  const own = (shape: readonly number[], axis: number) => shape[shape.length - 2 - rank + axis] ?? 1;
  const batch = Array.from({ length: rank }, (_, axis) => Math.max(own(left, axis), own(right, axis)));
  const pick = (shape: readonly number[], place: readonly number[]) =>
    place.slice(rank - (shape.length - 2)).map((p, i) => (shape[i] === 1 ? 0 : p));
  const y = make([...batch, left.at(-2)!, right.at(-1)!], (place) => {
    const [row = 0, column = 0] = place.slice(-2);
    const above = place.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < left.at(-1)!; k++) {
      sum +=
        a.data[flat([...pick(left, above), row, k], left)]! *
        b.data[flat([...pick(right, above), k, column], right)]!;
    }
    return sum;
  });
  const kept = [...batch, ...(a.shape.length === 1 ? [] : [left.at(-2)!])];
  return { shape: b.shape.length === 1 ? kept : [...kept, right.at(-1)!], data: y.data };
}

/** (x − mean)/√(variance + ε) over the places that `group` puts together. */
export function standardized(x: Array64, epsilon: number, group: (place: number[]) => string): Array64 {
  const groups = new Map<string, number[]>();
  coordinatesOf(x.shape).forEach((place, i) => {
    const key = group(place);
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  const data = new Float64Array(x.data.length);
  for (const members of groups.values()) {
    const mean = members.reduce((sum, i) => sum + x.data[i]!, 0) / members.length;
    const variance = members.reduce((sum, i) => sum + (x.data[i]! - mean) ** 2, 0) / members.length;
    for (const i of members) data[i] = (x.data[i]! - mean) / Math.sqrt(variance + epsilon);
  }
  return { shape: x.shape, data };
}

/** γ·x + β, for γ and β that belong to some axes. */
export function affine(
  x: Array64,
  gamma: Array64,
  beta: Array64 | undefined,
  of: (place: number[]) => readonly number[],
): Array64 {
  return make(x.shape, (place) => at(x, place) * at(gamma, of(place)) + (beta ? at(beta, of(place)) : 0));
}
