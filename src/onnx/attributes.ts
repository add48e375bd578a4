/** Typed reading of a node's attributes, with the defaults of the ONNX specification given by the caller. */
import { MocoError } from '../errors.ts';
import type { Node } from './graph.ts';

export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'number') return value;
  throw wrong(node, name, 'a whole number');
}

export function intsAttribute(node: Node, name: string, fallback: readonly number[]): readonly number[] {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (Array.isArray(value)) return value as readonly number[];
  throw wrong(node, name, 'a list of whole numbers');
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'object' && 'float' in value) return value.float;
  throw wrong(node, name, 'a float');
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'string') return value;
  throw wrong(node, name, 'a string');
}

function wrong(node: Node, name: string, what: string): MocoError {
  return new MocoError('model-invalid', `node ${node.name} (${node.op}): attribute ${name} is not ${what}`);
}

/** Geometry of a 2-D sliding window (Conv, MaxPool), all attributes resolved. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number];
}

/** @throws MocoError operator-unsupported for what has no gradient rule yet: auto_pad, dilation, 1-D or 3-D windows */
export function windowOf(node: Node, kernelFallback?: readonly number[]): Window {
  const kernel = intsAttribute(node, 'kernel_shape', kernelFallback ?? []);
  const strides = intsAttribute(node, 'strides', [1, 1]);
  const pads = intsAttribute(node, 'pads', [0, 0, 0, 0]);
  const dilations = intsAttribute(node, 'dilations', [1, 1]);
  const refuse = (what: string) =>
    new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what} is not supported`);
  if (kernel.length !== 2 || strides.length !== 2 || pads.length !== 4)
    throw refuse('a window that is not 2-D');
  if (dilations.some((d) => d !== 1)) throw refuse('dilation');
  if (stringAttribute(node, 'auto_pad', 'NOTSET') !== 'NOTSET') throw refuse('auto_pad');
  return {
    kernel: kernel as [number, number],
    strides: strides as [number, number],
    pads: pads as [number, number, number, number],
  };
}

/** Output height and width of a window over an input of height and width. */
export function windowOutput(window: Window, height: number, width: number): [number, number] {
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [top, left, bottom, right] = window.pads;
  return [
    Math.floor((height + top + bottom - kh) / sh) + 1,
    Math.floor((width + left + right - kw) / sw) + 1,
  ];
}
