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
import reduce from '../../shaders/reduce.wgsl';
import reducePlain from '../../shaders/reduce-plain.wgsl';
import reduceSubgroups from '../../shaders/reduce-subgroups.wgsl';
import scatterRows from '../../shaders/scatter-rows.wgsl';
import sgd from '../../shaders/sgd.wgsl';
import summary from '../../shaders/summary.wgsl';
import { MocoError } from '../errors.ts';

/** The text of every file of shaders/. */
const FILES = {
  'accumulate.wgsl': accumulate,
  'copy.wgsl': copy,
  'ema.wgsl': ema,
  'enqueue.wgsl': enqueue,
  'exact-sign.wgsl': exactSign,
  'finite.wgsl': finite,
  'gather-rows.wgsl': gatherRows,
  'infonce.wgsl': infoNce,
  'infonce-combine.wgsl': infoNceCombine,
  'infonce-rank.wgsl': infoNceRank,
  'knn-select.wgsl': knnSelect,
  'knn-similarities.wgsl': knnSimilarities,
  'l2norm.wgsl': l2Norm,
  'l2norm-backward.wgsl': l2NormBackward,
  'reduce.wgsl': reduce,
  'reduce-plain.wgsl': reducePlain,
  'reduce-subgroups.wgsl': reduceSubgroups,
  'scatter-rows.wgsl': scatterRows,
  'sgd.wgsl': sgd,
  'summary.wgsl': summary,
} as const;

export type ShaderFile = keyof typeof FILES;
export const SHADER_FILES = Object.keys(FILES) as readonly ShaderFile[];

/** Other texts for some of the files, to see what a changed shader does. */
export type ShaderTexts = Readonly<Partial<Record<ShaderFile, string>>>;

/** How a shader uses the buffer of a binding: `read`, or `write` (which may read too). */
export type Access = 'read' | 'write';

export interface Shader {
  /** Joined in this order: WGSL has no include. */
  readonly files: readonly ShaderFile[];
  readonly entryPoint: string;
  /** Access of bindings 1, 2, …; binding 0 is the uniform block of parameters. */
  readonly bindings: readonly Access[];
  /** Invocations of a workgroup that suit it; null where the shader itself says how many. */
  readonly workgroupSize: number | null;
}

const main = (file: ShaderFile, ...bindings: Access[]): Shader => ({
  files: [file],
  entryPoint: 'main',
  bindings,
  workgroupSize: 64,
});

/** With reduce.wgsl. Where there are subgroups, another file takes the place of reduce-plain.wgsl. */
const reducing = (file: ShaderFile, ...bindings: Access[]): Shader => ({
  ...main(file, ...bindings),
  files: ['reduce-plain.wgsl', 'reduce.wgsl', file],
});

/** Every kernel, with its bindings in the order that its file declares them. */
export const SHADERS = {
  accumulate: main('accumulate.wgsl', 'write', 'read'),
  copy: main('copy.wgsl', 'write', 'read', 'read'),
  enqueue: main('enqueue.wgsl', 'write', 'read', 'read'),
  finite: main('finite.wgsl', 'write', 'read'),
  gatherRows: main('gather-rows.wgsl', 'write', 'read', 'read'),
  infoNce: {
    ...main('infonce.wgsl', 'read', 'read', 'read', 'write', 'write'),
    files: ['infonce.wgsl', 'infonce-rank.wgsl', 'exact-sign.wgsl'],
    workgroupSize: null,
  },
  infoNceCombine: reducing('infonce-combine.wgsl', 'read', 'read', 'read', 'write', 'write', 'write'),
  knnSimilarities: { ...main('knn-similarities.wgsl', 'read', 'read', 'write'), workgroupSize: null },
  knnSelect: main('knn-select.wgsl', 'read', 'write', 'write'),
  l2Norm: reducing('l2norm.wgsl', 'read', 'write', 'write'),
  l2NormBackward: main('l2norm-backward.wgsl', 'read', 'read', 'read', 'write'),
  ema: main('ema.wgsl', 'write', 'read', 'read'),
  scatterRows: main('scatter-rows.wgsl', 'write', 'read', 'read'),
  sgd: main('sgd.wgsl', 'write', 'write', 'read', 'read'),
  summary: { ...reducing('summary.wgsl', 'read', 'read', 'read', 'read', 'write'), workgroupSize: 256 },
} as const satisfies Record<string, Shader>;

export type ShaderName = keyof typeof SHADERS;

/** @throws MocoError usage — a text is given for a file that there is not */
export function expectShaderFiles(texts: ShaderTexts): void {
  const unknown = Object.keys(texts).find((file) => !Object.hasOwn(FILES, file));
  if (unknown !== undefined) {
    throw new MocoError('usage', `${unknown} is no shader of moco-web: there are ${SHADER_FILES.join(', ')}`);
  }
}

/** The files whose texts are compiled for a kernel. */
export function filesOf(name: ShaderName, subgroups: boolean): ShaderFile[] {
  return SHADERS[name].files.map((file) =>
    subgroups && file === 'reduce-plain.wgsl' ? 'reduce-subgroups.wgsl' : file,
  );
}

export function joinTexts(files: readonly ShaderFile[], texts: ShaderTexts): string {
  return files.map((file) => texts[file] ?? FILES[file]).join('');
}
