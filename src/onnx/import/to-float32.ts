/** Everything is computed in float32: what a model holds or computes in float64 or half floats is made float32. */
import { intAttribute } from '../attributes.ts';
import type { Attribute, Attributes, Constant, ElementType, Graph, Node, Value } from '../graph.ts';
import { DATA_TYPES, TYPE_OF } from '../types.ts';

const OTHER_FLOATS: ReadonlySet<ElementType> = new Set(['float64', 'float16', 'bfloat16']);

/** The graph in float32; `notes` is told what was changed, for people. */
export function toFloat32(graph: Graph, notes: string[]): Graph {
  const changed = new Map<ElementType, number>();
  const converted = convertGraph(graph, (type) => changed.set(type, (changed.get(type) ?? 0) + 1));
  for (const [type, tensors] of changed) {
    notes.push(`${tensors} tensors of ${type} were made float32: all computation is in float32`);
  }
  return converted;
}

type Tell = (type: ElementType) => void;

function convertGraph(graph: Graph, tell: Tell): Graph {
  const value = (v: Value): Value => (OTHER_FLOATS.has(v.type) ? { ...v, type: 'float32' } : v);
  return {
    ...graph,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    constants: new Map([...graph.constants].map(([name, c]) => [name, convertConstant(c, tell)])),
    nodes: graph.nodes.map((node) => ({ ...node, attributes: convertAttributes(node, tell) })),
  };
}

function convertAttributes(node: Node, tell: Tell): Attributes {
  const entries = Object.entries(node.attributes).map(([name, value]): [string, Attribute] => {
    if (typeof value === 'object' && 'tensor' in value) {
      return [name, { tensor: convertConstant(value.tensor, tell) }];
    }
    if (typeof value === 'object' && 'graph' in value)
      return [name, { graph: convertGraph(value.graph, tell) }];
    return [name, value];
  });
  const attributes = Object.fromEntries(entries);
  const to = node.op === 'Cast' ? TYPE_OF.get(intAttribute(node, 'to', 1)) : undefined;
  return to && OTHER_FLOATS.has(to) ? { ...attributes, to: DATA_TYPES.float32 } : attributes;
}

function convertConstant(constant: Constant, tell: Tell): Constant {
  const { type, shape, data } = constant;
  if (!OTHER_FLOATS.has(type)) return constant;
  tell(type);
  const read = type === 'float16' ? fromHalf : type === 'bfloat16' ? fromBrainFloat : (x: number) => x;
  return { type: 'float32', shape, data: Float32Array.from(data as Float64Array | Uint16Array, read) };
}

/** IEEE 754 binary16: 1 sign bit, 5 of the exponent (bias 15), 10 of the fraction. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32. */
export function fromBrainFloat(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}
