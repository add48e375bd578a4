/** All nodes that importModel would stop at for their operator, not only the first. */
import type { Graph, Node } from '../graph.ts';
import { OPERATORS_WITH_SHAPES } from '../shapes.ts';
import { canEvaluate } from './evaluate.ts';
import { SIMPLER } from './simpler.ts';
import { SIZES } from './sizes.ts';
import { UPGRADES } from './upgrade.ts';

export interface UnreadNode {
  readonly node: string;
  /** With its domain, where it has one. */
  readonly op: string;
}

/** @param graph as decodeModel gives it */
export function unreadNodes(graph: Pick<Graph, 'nodes'>): UnreadNode[] {
  return graph.nodes
    .filter((node) => !isRead(node))
    .map(({ name, op, domain }) => ({ node: name, op: domain === '' ? op : `${domain}.${op}` }));
}

/** Constants and Ifs are resolved while the model is read. */
const RESOLVED: ReadonlySet<string> = new Set(['Constant', 'If']);

function isRead({ op, domain }: Node): boolean {
  if (domain !== '') return false;
  const isRewritten = [SIMPLER, UPGRADES, SIZES].some((table) => Object.hasOwn(table, op));
  return isRewritten || OPERATORS_WITH_SHAPES.has(op) || RESOLVED.has(op) || canEvaluate(op);
}
