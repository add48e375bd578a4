/**
 * Einsum of one or two operands as a batched matrix product. The labels of two operands fall into four kinds: `batch`
 * (in both and in the output), `summed` (in both, not in the output), and those that one operand alone has. With
 * a [batch, rows, summed] and b [batch, summed, columns], the product is MatMul(a, b), transposed into the output's order.
 */
import { MocoError } from '../../errors.ts';
import { stringAttribute } from '../attributes.ts';
import { product } from '../dims.ts';
import type { Dim, Node } from '../graph.ts';
import { type RewriteScope, type Rewriting, reshapeTo } from './rewriting.ts';

export const einsum: Rewriting = (node, scope) => {
  const { terms, output } = parse(node);
  const operands = terms.map((labels, i) =>
    only(
      node,
      scope,
      node.inputs[i]!,
      labels,
      (label) => output.includes(label) || terms.some((other, j) => j !== i && other.includes(label)),
    ),
  );
  const sizes = new Map<string, Dim>();
  terms.forEach((labels, i) => {
    for (const [axis, label] of labels.entries()) sizes.set(label, scope.shape(node.inputs[i]!)[axis]!);
  });
  const [a, b] = operands;
  if (!b) {
    turn(scope, a!.name, a!.labels, output, node.outputs[0]);
    return;
  }
  const shared = a!.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => output.includes(label));
  const summed = shared.filter((label) => !output.includes(label));
  const rows = a!.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const shape = (labels: readonly string[]) => labels.map((label) => sizes.get(label)!);
  const merged = (operand: Operand, first: readonly string[], second: readonly string[]) => {
    const turned = turn(scope, operand.name, operand.labels, [...batch, ...first, ...second]);
    return reshapeTo(node, scope, turned, [...shape(batch), product(shape(first)), product(shape(second))]);
  };
  const result = scope.g.op('MatMul', [merged(a!, rows, summed), merged(b, summed, columns)]);
  const labels = [...batch, ...rows, ...columns];
  turn(scope, reshapeTo(node, scope, result, shape(labels)), labels, output, node.outputs[0]);
};

interface Operand {
  readonly name: string;
  readonly labels: readonly string[];
}

/** `bij,jk->bki`; without `->`, the output has the labels that occur once, in alphabetical order. */
function parse(node: Node): { terms: string[][]; output: string[] } {
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',').map((term) => [...term]);
  const all = terms.flat();
  const output =
    right === undefined ? all.filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort() : [...right];
  const plain =
    /^[A-Za-z,]+$/.test(left) &&
    terms.length === node.inputs.length &&
    terms.length <= 2 &&
    [...terms, output].every((labels) => new Set(labels).size === labels.length) &&
    output.every((label) => all.includes(label));
  if (plain) return { terms, output };
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (Einsum): ${equation} is not supported, only one or two operands of plain labels`,
  );
}

/** Sums over the axes that nothing else has. */
function only(
  node: Node,
  scope: RewriteScope,
  name: string,
  labels: readonly string[],
  needed: (label: string) => boolean,
): Operand {
  if (scope.shape(name).length !== labels.length) {
    throw new MocoError(
      'model-invalid',
      `node ${node.name} (Einsum): [${scope.shape(name)}] is not ${labels.join('')}`,
    );
  }
  const gone = [...labels.keys()].filter((axis) => !needed(labels[axis]!));
  if (gone.length === 0) return { name, labels };
  const sum = scope.g.op('ReduceSum', [name, scope.g.ints(gone)], { keepdims: 0 });
  return { name: sum, labels: labels.filter(needed) };
}

function turn(
  { g }: RewriteScope,
  x: string,
  from: readonly string[],
  to: readonly string[],
  output?: string,
): string {
  const perm = to.map((label) => from.indexOf(label));
  if (perm.every((axis, i) => axis === i)) return output ? g.op('Identity', [x], {}, output) : x;
  return g.op('Transpose', [x], { perm }, output);
}
