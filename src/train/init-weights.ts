/** The backbone of another program's file, for a new run to begin with. */

import { MocoError } from '../errors.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import type { GivenValues } from '../models/initial-values.ts';
import { fitEncoder, isHead } from '../models/pytorch/fit.ts';
import { nameNetwork } from '../models/pytorch/resnet-of.ts';
import type { WeightsFile } from '../models/pytorch/weights-file.ts';
import { withNewHead } from '../onnx/imported-network.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { type PretrainConfig, resolveConfig } from './configure.ts';
import { recognizeOrRefuse, requireWhole } from './import-weights.ts';

/** What a run of `pretrain` begins with. */
export interface InitialWeights {
  readonly config: PretrainConfig;
  readonly init: GivenValues;
  /** Of a ResNet that is none of the built-in ones. */
  readonly encoder: ImportedEncoder | null;
  readonly notes: readonly string[];
}

/**
 * The network is that of the file. Its head is left out: the run's own is drawn from the seed.
 * @throws MocoError config-mismatch where `overrides` want another network, model-invalid, data-invalid, usage
 */
export async function initialWeights(
  file: WeightsFile,
  preset: string,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): Promise<InitialWeights> {
  const { recognized, spec } = recognizeOrRefuse(file);
  // Of a network with a graph of its own: the size is that of the run, which the preset has.
  const { imageSize } = resolveConfig(preset, { ...overrides, arch: 'resnet18' }, data);
  const { settings, network } = nameNetwork(spec, imageSize);
  for (const [name, own] of Object.entries(settings) as [keyof ConfigOverrides, unknown][]) {
    const wanted = overrides[name];
    if (wanted === undefined || wanted === own) continue;
    throw new MocoError(
      'config-mismatch',
      `${name} ${String(wanted)} is not that of the file (${String(own)}): leave it out`,
    );
  }
  const config = resolveConfig(preset, { ...overrides, ...settings }, data);
  const fitting = fitEncoder(spec, imageSize, recognized.query);
  requireWhole(file, fitting);
  const init = new Map<string, Float32Array>();
  for (const [name, { tensor }] of fitting.taken) {
    if (isHead(name) || tensor.dtype !== 'F32') continue;
    init.set(name, (await tensor.read()).data as Float32Array);
  }
  const notes = [
    `begins with ${init.size} tensors of a ${file.format} file with names of ${recognized.layout}: ` +
      `ResNet of ${spec.block} blocks [${spec.layers.join(', ')}], channels [${spec.planes.join(', ')}], ${spec.stem} stem; ` +
      `the head is new, ${file.tensors.size - init.size} tensors are left out`,
  ];
  if (!network) return { config, init, encoder: null, notes };
  const { network: headed, values } = withNewHead(network, withoutHead(init, network), config);
  return { config, init: new Map(), encoder: { network: headed, values, notes: [] }, notes };
}

/** Values for all inputs of a graph: those of its head, which is taken off, do not matter. */
function withoutHead(
  init: GivenValues,
  {
    parameters,
  }: { readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[] },
): GivenValues {
  const values = new Map(init);
  for (const { name, shape } of parameters) {
    if (!values.has(name))
      values.set(name, new Float32Array(shape.reduce((product, size) => product * size, 1)));
  }
  return values;
}
