/** Matrix products. */
import { intAttribute } from '../attributes.ts';
import type { Shape } from '../graph.ts';
import { broadcast, misfit, onto, type ShapeRules } from './rule.ts';

export const linear: ShapeRules = {
  Gemm: (node, [a, b, c = []]) => {
    const [rows, inner] = intAttribute(node, 'transA', 0) ? [a?.[1], a?.[0]] : [a?.[0], a?.[1]];
    const [columns, terms] = intAttribute(node, 'transB', 0) ? [b?.[0], b?.[1]] : [b?.[1], b?.[0]];
    if (a?.length !== 2 || b?.length !== 2 || inner !== terms) {
      throw misfit(node, `[${a}] and [${b}] do not multiply`);
    }
    return [onto(node, [rows!, columns!], c)];
  },
  /** numpy.matmul: a vector counts as a row on the left and as a column on the right. */
  MatMul: (node, [a = [], b = []]) => {
    const left: Shape = a.length === 1 ? [1, ...a] : a;
    const right: Shape = b.length === 1 ? [...b, 1] : b;
    if (a.length === 0 || b.length === 0 || left.at(-1) !== right.at(-2)) {
      throw misfit(node, `[${a}] and [${b}] do not multiply`);
    }
    const batch = broadcast(node, left.slice(0, -2), right.slice(0, -2));
    const rows = a.length === 1 ? [] : left.slice(-2, -1);
    const columns = b.length === 1 ? [] : right.slice(-1);
    return [[...batch, ...rows, ...columns]];
  },
};
