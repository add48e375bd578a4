import accumulate from '../../shaders/accumulate.wgsl';
import copy from '../../shaders/copy.wgsl';
import ema from '../../shaders/ema.wgsl';
import enqueue from '../../shaders/enqueue.wgsl';
import exactSign from '../../shaders/exact-sign.wgsl';
import finite from '../../shaders/finite.wgsl';
import gatherRows from '../../shaders/gather-rows.wgsl';
import infoNce from '../../shaders/infonce.wgsl';
import infoNceCombine from '../../shaders/infonce-combine.wgsl';
import infoNceRank from '../../shaders/infonce-rank.wgsl';
import knnSelect from '../../shaders/knn-select.wgsl';
import knnSimilarities from '../../shaders/knn-similarities.wgsl';
import l2Norm from '../../shaders/l2norm.wgsl';
import l2NormBackward from '../../shaders/l2norm-backward.wgsl';
import scatterRows from '../../shaders/scatter-rows.wgsl';
import sgd from '../../shaders/sgd.wgsl';
import summary from '../../shaders/summary.wgsl';

/** How a shader uses the buffer of a binding: `read`, or `write` (which may read too). */
export type Access = 'read' | 'write';

export interface Shader {
  readonly source: string;
  readonly entryPoint: string;
  /** Access of bindings 1, 2, …; binding 0 is the uniform block of parameters. */
  readonly bindings: readonly Access[];
}

const main = (source: string, ...bindings: Access[]): Shader => ({ source, entryPoint: 'main', bindings });

/** Every kernel, with its bindings in the order that its file declares them. */
export const SHADERS = {
  accumulate: main(accumulate, 'write', 'read'),
  copy: main(copy, 'write', 'read', 'read'),
  enqueue: main(enqueue, 'write', 'read', 'read'),
  finite: main(finite, 'write', 'read'),
  gatherRows: main(gatherRows, 'write', 'read', 'read'),
  infoNce: main(infoNce + infoNceRank + exactSign, 'read', 'read', 'read', 'write', 'write'),
  infoNceCombine: main(infoNceCombine, 'read', 'read', 'read', 'write', 'write', 'write'),
  knnSimilarities: main(knnSimilarities, 'read', 'read', 'write'),
  knnSelect: main(knnSelect, 'read', 'write', 'write'),
  l2Norm: main(l2Norm, 'read', 'write', 'write'),
  l2NormBackward: main(l2NormBackward, 'read', 'read', 'read', 'write'),
  ema: main(ema, 'write', 'read', 'read'),
  scatterRows: main(scatterRows, 'write', 'read', 'read'),
  sgd: main(sgd, 'write', 'write', 'read', 'read'),
  summary: main(summary, 'read', 'read', 'read', 'read', 'write'),
} as const satisfies Record<string, Shader>;

export type ShaderName = keyof typeof SHADERS;
