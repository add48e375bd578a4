/** Shape inference: the shape of every value of a graph from those of its inputs. */
import { MocoError } from '../errors.ts';
import type { Constant, Graph, Node, Shape } from './graph.ts';
import { KERNEL_DOMAIN, kernelNodes } from './shape-rules/kernel-nodes.ts';
import { layout } from './shape-rules/layout.ts';
import { linear } from './shape-rules/linear.ts';
import { normalization } from './shape-rules/normalization.ts';
import { pointwise } from './shape-rules/pointwise.ts';
import { reduction } from './shape-rules/reduction.ts';
import type { ShapeRules, ShapeScope } from './shape-rules/rule.ts';
import { windows } from './shape-rules/windows.ts';

/** One file of shape-rules/ an operator family. */
const RULES: ShapeRules = { ...pointwise, ...windows, ...linear, ...normalization, ...reduction, ...layout };

export const OPERATORS_WITH_SHAPES: ReadonlySet<string> = new Set(Object.keys(RULES));

/**
 * The shape of every value.
 * @throws MocoError operator-unsupported for an operator without a shape rule, shape-mismatch for inputs that do not fit
 */
export function inferShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>(graph.inputs.map(({ name, shape }) => [name, shape]));
  for (const [name, { shape }] of graph.constants) shapes.set(name, shape);
  const scope: ShapeScope = { ints: (name) => constantInts(graph.constants.get(name ?? '')) };
  for (const node of graph.nodes) {
    inferNode(node, shapes, scope).forEach((shape, i) => {
      shapes.set(node.outputs[i]!, shape);
    });
  }
  return shapes;
}

/** The shapes of one node's outputs, where those of its inputs are known. Throws as inferShapes does. */
export function inferNode(
  node: Node,
  shapes: Pick<ReadonlyMap<string, Shape>, 'get'>,
  scope: ShapeScope,
): readonly Shape[] {
  const rules = node.domain === KERNEL_DOMAIN ? kernelNodes : RULES;
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
  if (!rule) {
    const known = Object.keys(RULES).sort().join(', ');
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name}: operator ${node.op} has no shape rule. Supported: ${known}`,
    );
  }
  const inputs = node.inputs.map((name) => {
    const shape = shapes.get(name);
    if (!shape && name !== '') {
      throw new MocoError(
        'model-invalid',
        `node ${node.name} (${node.op}) reads ${name}, which nothing has written`,
      );
    }
    return shape ?? [];
  });
  return rule(node, inputs, scope);
}

/** The values of a constant of whole numbers. */
export function constantInts(constant: Constant | undefined): readonly number[] | undefined {
  const whole = constant?.type === 'int64' || constant?.type === 'int32';
  return whole ? Array.from(constant.data, Number) : undefined;
}
