/** One-dimensional images are images of height 1: rules of windows are written for two dimensions. */
import { MocoError } from '../errors.ts';
import type { Window } from '../onnx/attributes.ts';
import { windowOutput } from '../onnx/attributes.ts';
import type { Attributes, Dim, GraphBuilder, Node, Shape } from '../onnx/graph.ts';

/** The sizes of a convolution over images. */
export interface Convolution {
  readonly window: Window;
  readonly batch: Dim;
  /** [channels, height, width] of the input. */
  readonly x: readonly [number, number, number];
  readonly outChannels: number;
  readonly groups: number;
}

/** [N, C, L] → [N, C, 1, L], weights too. */
export function toImage(g: GraphBuilder, x: string, shape: Shape): string {
  return shape.length === 3 ? g.op('Unsqueeze', [x, g.ints([2])]) : x;
}

/** What toImage does, undone: `shape` is the shape to come back to. */
export function fromImage(g: GraphBuilder, x: string, shape: Shape): string {
  return shape.length === 3 ? g.op('Squeeze', [x, g.ints([2])]) : x;
}

/** Rows, or columns, that a window covers along an axis: its taps with what lies between them. */
export function extent({ kernel, dilations }: Window, axis: 0 | 1): number {
  return (kernel[axis] - 1) * dilations[axis] + 1;
}

/** The attributes of a window over images of so many dimensions. Dilations of 1 are left out. */
export function windowAttributes({ kernel, strides, pads, dilations }: Window, rank = 4): Attributes {
  const last = (values: readonly number[]) => (rank === 3 ? values.slice(1) : values);
  return {
    kernel_shape: last(kernel),
    strides: last(strides),
    pads: [...last(pads.slice(0, 2)), ...last(pads.slice(2))],
    ...(dilations.every((d) => d === 1) ? {} : { dilations: last(dilations) }),
  };
}

/**
 * How a ConvTranspose with this window gives an image of `size` from one of the window's outputs: rows and columns that
 * no window reached are added at the end; where the last window sticks out (ceil_mode), the pads at the end grow.
 */
export function wayBack(
  window: Window,
  size: readonly [number, number],
): { pads: Window['pads']; outputPadding: readonly [number, number] } {
  const outputs = windowOutput(window, size[0], size[1]);
  const [top, left, ...ends] = window.pads;
  const missing = ([0, 1] as const).map((axis) => {
    const reach = (outputs[axis] - 1) * window.strides[axis] + extent(window, axis);
    return size[axis] - (reach - window.pads[axis] - ends[axis]!);
  });
  const [bottom, right] = ends.map((pad, axis) => pad + Math.max(0, -missing[axis]!));
  return {
    pads: [top, left, bottom!, right!],
    outputPadding: [Math.max(0, missing[0]!), Math.max(0, missing[1]!)],
  };
}

/** The window with ceil_mode written out: pads at the end with which the same number of windows fits exactly. */
export function withoutCeil(window: Window, size: readonly [number, number]): Window {
  if (!window.ceil) return window;
  const outputs = windowOutput(window, size[0], size[1]);
  const end = (axis: 0 | 1) =>
    Math.max(
      0,
      (outputs[axis] - 1) * window.strides[axis] + extent(window, axis) - size[axis] - window.pads[axis],
    );
  return { ...window, pads: [window.pads[0], window.pads[1], end(0), end(1)], ceil: false };
}

export function unsupported(node: Node, what: string): MocoError {
  return new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what}`);
}
