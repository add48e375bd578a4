/** A run, or an encoder alone, from the file of another program: what `moco-web import` writes. */
import type { TensorSource } from '../checkpoint/save-piecewise.ts';
import type { RunState } from '../checkpoint/state.ts';
import { MocoError } from '../errors.ts';
import { counter, counterNames, type Fitting, fitEncoder, isHead, zeros } from '../models/pytorch/fit.ts';
import { type NamedSource, type Recognized, recognize } from '../models/pytorch/layouts.ts';
import { type NamedNetwork, nameNetwork, resnetOf } from '../models/pytorch/resnet-of.ts';
import { readSgd, type SgdState } from '../models/pytorch/sgd-state.ts';
import type { WeightsFile } from '../models/pytorch/weights-file.ts';
import { buildNetwork, type ImportedNetwork } from '../onnx/network.ts';
import type { ResNetSpec } from '../onnx/resnet.ts';
import { GENERATOR } from '../random.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import { type PretrainConfig, resolveConfig } from './configure.ts';
import { HEAD, unknownSettings } from './unknown-settings.ts';

export interface ImportedWeights {
  readonly state: RunState;
  /** All of a checkpoint's, with its names. Read when they are asked for, from the file, which is to stay open. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Of a ResNet that is none of the built-in ones. */
  readonly network: ImportedNetwork | null;
  /** What was recognized, in words. */
  readonly notes: readonly string[];
  /** What of the file is not in the checkpoint. */
  readonly left: readonly LeftTensor[];
}

export interface LeftTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Side of the images of which a stem was made. */
const USUAL_SIZE = { imagenet: 224, cifar: 32 } as const;

/**
 * @param given settings that the file does not say, so far as they are known: `preset`, `temperature`, …
 * @throws MocoError data-invalid or model-invalid where the file holds no ResNet; config-mismatch where a setting that was
 * given is not that of the file; usage for one that cannot be
 */
export async function importWeights(file: WeightsFile, given: ResumeOptions = {}): Promise<ImportedWeights> {
  const found = recognizeOrRefuse(file);
  const { spec } = found;
  const imageSize = given.imageSize ?? USUAL_SIZE[spec.stem];
  const names = nameNetwork(spec, imageSize);
  const fitting = fitEncoder(spec, imageSize, found.recognized.query);
  requireWhole(file, fitting);
  const run = await runOf(file, found, imageSize);
  const notes = [...wordsOf(file, found, fitting), ...run.notes];
  const tensors = new Map<string, TensorSource>();
  const used = new Set<string>(run.used);
  const take = (prefix: string, { taken }: Fitting) => {
    for (const [name, source] of taken) {
      tensors.set(`${prefix}.${name}`, source.tensor);
      used.add(source.name);
    }
    const counters = counterNames(spec, imageSize).filter((name) => !taken.has(name));
    for (const name of counters) tensors.set(`${prefix}.${name}`, counter(0));
    if (counters.length > 0)
      notes.push(`${prefix}: ${counters.length} layers have no num_batches_tracked: 0`);
  };
  take('encoder_q', fitting);
  if (run.follower) take('encoder_k', run.follower);
  if (!fitting.hasHead) {
    for (const { name, shape } of buildNetwork(spec, 1, imageSize).parameters) {
      if (isHead(name)) tensors.set(`encoder_q.${name}`, zeros(shape));
    }
  }
  for (const [name, tensor] of run.tensors) tensors.set(name, tensor);
  const { config, unknown } = settingsOf(names, spec, run, imageSize, given);
  const epoch = run.isMoco ? (file.epoch ?? 0) : 0;
  return {
    state: {
      config,
      step: 0,
      epoch,
      sampler: { dataset: 'unknown', path: null, images: 0, stepInEpoch: 0, digest: null },
      generator: { algorithm: GENERATOR, seed: config.seed },
      unknown: [...unknown, ...(fitting.hasHead ? [] : [HEAD])],
      imported: {
        layout: found.recognized.layout,
        epoch: file.epoch,
        learningRate: run.sgd?.learningRate ?? null,
        arch: file.arch,
      },
    },
    tensors,
    network: names.network,
    notes,
    left: [
      ...[...file.tensors].flatMap(([name, { shape }]) => (used.has(name) ? [] : [{ name, shape }])),
      ...file.unread,
    ],
  };
}

interface Found {
  readonly recognized: Recognized;
  readonly spec: ResNetSpec;
}

/** @throws MocoError model-invalid */
export function recognizeOrRefuse(file: WeightsFile): Found {
  const recognized = recognize(file.tensors);
  if (!recognized) {
    const some = [...file.tensors].slice(0, 3).map(([name, { shape }]) => `${name} [${shape}]`);
    throw new MocoError(
      'model-invalid',
      `no ResNet among the ${file.tensors.size} tensors of the file: none is the first convolution of one (${some.join(', ')}, …)`,
    );
  }
  const shapes = new Map([...recognized.query].map(([name, { tensor }]) => [name, tensor.shape]));
  return { recognized, spec: resnetOf(shapes).spec };
}

/** @throws MocoError model-invalid naming what is missing */
export function requireWhole(file: WeightsFile, { missing }: Fitting): void {
  if (missing.length === 0) return;
  const some = missing.slice(0, 4).join(', ');
  throw new MocoError(
    'model-invalid',
    `the ${file.tensors.size} tensors of the file are no ResNet of torchvision's kind: ${missing.length} of its own are missing or of another shape, ${some}`,
  );
}

/** What of a file belongs to a run rather than to its encoder. */
interface FoundRun {
  /** A run of MoCo that can go on, once what the file does not say is known. */
  readonly isMoco: boolean;
  readonly follower: Fitting | null;
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly queueSize: number | null;
  readonly sgd: SgdState | null;
  /** Names in the file. */
  readonly used: readonly string[];
  readonly notes: readonly string[];
}

async function runOf(file: WeightsFile, { recognized, spec }: Found, imageSize: number): Promise<FoundRun> {
  const { key, queue, pointer } = recognized;
  const follower = key && fitEncoder(spec, imageSize, key);
  const [dim = 0, queueSize = 0] = queue?.tensor.shape ?? [];
  const hasQueue = queue?.tensor.dtype === 'F32' && queue.tensor.shape.length === 2 && dim === spec.dim;
  const isMoco = hasQueue && follower?.hasHead === true && follower.missing.length === 0;
  if (!isMoco || !queue) {
    const lacks = [!hasQueue && 'queue', !follower && 'key encoder'].filter(Boolean).join(' and ');
    const why = lacks === '' ? 'whose key encoder does not fit' : `without ${lacks}`;
    return {
      ...{ isMoco: false, follower: null, tensors: new Map(), queueSize: null, sgd: null, used: [] },
      notes: [`an encoder alone, ${why}: for knn, linear, embed, finetune, export and pretrain --init`],
    };
  }
  const sgd = await readSgd(file);
  const tensors = new Map<string, TensorSource>([['queue', transposed(queue.tensor)]]);
  const used = [queue.name];
  if (pointer?.tensor.dtype === 'I64' && String(pointer.tensor.shape) === '1') {
    tensors.set('queue_ptr', pointer.tensor);
    used.push(pointer.name);
  } else tensors.set('queue_ptr', counter(0));
  const notes = pointer ? [] : ['no queue_ptr: 0'];
  if (file.epoch === null) notes.push('no epoch: it goes on from epoch 0');
  if (typeof sgd === 'string') notes.push(`no momentum: ${sgd}`);
  else {
    const names = ownNames(recognized);
    for (const [name, { tensor }] of sgd.momentum) {
      const own = names.get(name);
      if (own !== undefined) tensors.set(`momentum.${own}`, tensor);
    }
  }
  notes.push(
    `queue of ${queueSize} keys, ${typeof sgd === 'string' ? 'no' : sgd.momentum.size} momentum buffers`,
  );
  return { isMoco, follower, tensors, queueSize, sgd: typeof sgd === 'string' ? null : sgd, used, notes };
}

/** Our names of the query encoder's tensors, by those of the file. */
function ownNames({ query }: Recognized): Map<string, string> {
  return new Map([...query].map(([own, { name }]: [string, NamedSource]) => [name, own]));
}

/** The reference keeps one key a column; here it is one a row. */
export function transposed(tensor: TensorSource): TensorSource {
  const [rows = 0, columns = 0] = tensor.shape;
  const shape = [columns, rows];
  return {
    dtype: 'F32',
    shape,
    async read() {
      const { data } = await tensor.read();
      const turned = new Float32Array(data.length);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++)
          turned[column * rows + row] = Number(data[row * columns + column]);
      }
      return { dtype: 'F32', shape, data: turned };
    },
  };
}

function settingsOf(
  { settings }: NamedNetwork,
  { dim, mlp, stem }: ResNetSpec,
  { isMoco, queueSize, sgd }: FoundRun,
  imageSize: number,
  { preset, ...given }: ResumeOptions,
): { config: PretrainConfig; unknown: string[] } {
  const guess = !isMoco ? 'supervised' : stem === 'cifar' ? 'moco-cifar' : mlp ? 'moco-v2' : 'moco-v1';
  const said: ConfigOverrides = {
    ...{ ...settings, dim, mlp },
    ...(isMoco && queueSize !== null ? { queueSize } : {}),
    ...(sgd?.weightDecay != null ? { weightDecay: sgd.weightDecay } : {}),
    ...(sgd?.sgdMomentum != null ? { sgdMomentum: sgd.sgdMomentum } : {}),
  };
  refuseOthers(said, given);
  // Of a small queue the usual batch would be none.
  const batchSize = Math.min(256, queueSize ?? 256);
  const batch =
    preset !== undefined || given.batchSize !== undefined
      ? {}
      : { batchSize, groups: batchSize % 8 === 0 && batchSize >= 16 ? 8 : 1 };
  const config = resolveConfig(preset ?? guess, { imageSize, ...batch, ...said, ...given });
  return {
    config,
    unknown: unknownSettings(config, { ...said, ...given, ...(preset === undefined ? {} : { preset }) }),
  };
}

/** @throws MocoError config-mismatch */
function refuseOthers(said: ConfigOverrides, given: ConfigOverrides): void {
  for (const [name, value] of Object.entries(given) as [keyof ConfigOverrides, unknown][]) {
    if (said[name] === undefined || said[name] === value) continue;
    throw new MocoError(
      'config-mismatch',
      `${name} ${String(value)} is not that of the file (${String(said[name])}): leave it out`,
    );
  }
}

function wordsOf(file: WeightsFile, { recognized, spec }: Found, { hasHead }: Fitting): string[] {
  const { block, layers, planes, stem, dim, mlp } = spec;
  const head = hasHead
    ? `${mlp ? 'two-layer' : 'linear'} head to ${dim}`
    : 'no head that fits: zeros in its place';
  return [
    `${file.format} file, names of ${recognized.layout}`,
    `ResNet of ${block} blocks [${layers.join(', ')}], channels [${planes.join(', ')}], ${stem} stem, ${head}`,
    ...(file.converted.length > 0
      ? [`${file.converted.join(', ')} values are held as float32 or int64`]
      : []),
    ...(file.epoch === null
      ? []
      : [`epoch ${file.epoch}${file.arch === null ? '' : `, which calls itself ${file.arch}`}`]),
  ];
}
