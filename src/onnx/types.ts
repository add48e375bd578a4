/** Type inference: the element type of every value of a graph. */
import { intAttribute } from './attributes.ts';
import type { ElementType, Graph, Node } from './graph.ts';

const TO_BOOL = new Set([
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'And',
  'Or',
  'Xor',
  'Not',
]);
const TO_INT64 = new Set(['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero']);

/** TensorProto.DataType of the specification. */
export const DATA_TYPES: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};
export const TYPE_OF: ReadonlyMap<number, ElementType> = new Map(
  Object.entries(DATA_TYPES).map(([type, id]) => [id, type as ElementType]),
);

export function inferTypes(graph: Graph): Map<string, ElementType> {
  const types = new Map<string, ElementType>(graph.inputs.map(({ name, type }) => [name, type]));
  for (const [name, { type }] of graph.constants) types.set(name, type);
  for (const node of graph.nodes) {
    for (const output of node.outputs) types.set(output, inferType(node, types));
  }
  return types;
}

/** The type of a node's outputs. Most operators keep that of their first input; a Where that of its second. */
export function inferType(node: Node, types: ReadonlyMap<string, ElementType>): ElementType {
  if (TO_BOOL.has(node.op)) return 'bool';
  if (TO_INT64.has(node.op)) return 'int64';
  if (node.op === 'Cast') return TYPE_OF.get(intAttribute(node, 'to', 1)) ?? 'float32';
  const input = node.inputs[node.op === 'Where' ? 1 : 0];
  return types.get(input ?? '') ?? 'float32';
}
