/** The branches of an If. */
import { MocoError } from '../../errors.ts';
import type { Constant, Node } from '../graph.ts';
import { hoistConstants } from './constants.ts';

export interface Branch {
  readonly constants: ReadonlyMap<string, Constant>;
  readonly nodes: readonly Node[];
  /** One for each output of the If. */
  readonly outputs: readonly string[];
}

/** A branch with names of its own for what it writes; it reads values of the graph around it as they are. */
export function inlineBranch(node: Node, condition: boolean): Branch {
  const attribute = node.attributes[condition ? 'then_branch' : 'else_branch'];
  if (typeof attribute !== 'object' || !('graph' in attribute)) {
    throw new MocoError('model-invalid', `node ${node.name} (If) has no branch for ${condition}`);
  }
  const branch = hoistConstants(attribute.graph);
  const own = new Set([...branch.constants.keys(), ...branch.nodes.flatMap(({ outputs }) => outputs)]);
  if (branch.inputs.length > 0 || branch.outputs.length !== node.outputs.length) {
    throw new MocoError('model-invalid', `node ${node.name} (If): its branch does not fit`);
  }
  const rename = (name: string) => (own.has(name) && name !== '' ? `${node.name}/${name}` : name);
  return {
    constants: new Map([...branch.constants].map(([name, constant]) => [rename(name), constant])),
    nodes: branch.nodes.map((inner) => ({
      ...inner,
      name: `${node.name}/${inner.name}`,
      inputs: inner.inputs.map(rename),
      outputs: inner.outputs.map(rename),
    })),
    outputs: branch.outputs.map(({ name }) => rename(name)),
  };
}
