/** An imported run as one that goes on: with what its file did not say. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { networkOf } from '../models/choose-network.ts';
import { encoderLayout } from '../models/layout.ts';
import { withImageSize } from '../models/pytorch/resnet-of.ts';
import { count } from '../onnx/dims.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { learningRate } from '../optimizers/schedule.ts';
import type { DataFacts } from '../settings/resolve.ts';
import { stepsPerEpoch } from '../settings/run-length.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { type PretrainConfig, resolveConfig } from './configure.ts';
import { UPDATES } from './state-of.ts';
import { requireKnown, STEPS_AN_EPOCH, unknownSettings } from './unknown-settings.ts';

/** What a run is resumed on. */
export interface ContinuedData extends DataFacts {
  readonly kind: string;
  readonly path: string | null;
  readonly images: number;
}

export interface ContinuedImport {
  readonly checkpoint: LoadedCheckpoint;
  /** What people should hear of. */
  readonly notes: readonly string[];
}

/**
 * The checkpoint of an imported run as `pretrain` resumes it. One of any other run is given back as it is.
 * @param given the preset or the settings that the file did not say
 * @throws MocoError config-mismatch where some stay unknown, or one that was given is not that of the file; usage where they
 * cannot be
 */
export function continueImport(
  checkpoint: LoadedCheckpoint,
  given: ResumeOptions,
  data: ContinuedData,
): ContinuedImport {
  const { state, tensors } = checkpoint;
  if (state.unknown === undefined) return { checkpoint, notes: [] };
  if (!tensors.has('encoder_k.conv1.weight') || !tensors.has('queue')) {
    throw new MocoError(
      'config-mismatch',
      'the file that this encoder came from holds no run to go on with: begin one from it by pretrain --init FILE',
    );
  }
  const { preset, ...overrides } = given;
  const unknown = new Set(state.unknown);
  const said: ConfigOverrides = Object.fromEntries(
    Object.entries(state.config).filter(
      ([name, value]) => isSaid(name, value, state.config.arch) && !unknown.has(name),
    ),
  );
  for (const [name, value] of Object.entries(said)) {
    const other = overrides[name as keyof ConfigOverrides];
    if (other === undefined || other === value || name === 'epochs') continue;
    throw new MocoError(
      'config-mismatch',
      `${name} ${String(other)} is not that of the imported run (${String(value)}): leave it out`,
    );
  }
  if (preset === undefined)
    requireKnown({ unknown: left(state.unknown, unknownSettings(state.config, overrides)) });
  // Views as large as the preset's: images of this data may be smaller than those that the run began with.
  const { kind, path, images, imageSizeOfData: _size, ...facts } = data;
  const config = resolveConfig(
    preset ?? state.config.preset ?? DEFAULT_PRESET,
    { ...said, ...overrides },
    { ...facts, images },
  );
  const perEpoch = stepsPerEpoch(images, config.batchSize);
  const step = state.epoch * perEpoch;
  const completed = completedTensors(checkpoint, config, step);
  const { unknown: _unknown, ...rest } = state;
  return {
    checkpoint: {
      ...checkpoint,
      state: {
        ...rest,
        ...{ config, step, sampler: { dataset: kind, path, images, stepInEpoch: 0, digest: null } },
        generator: { ...state.generator, seed: config.seed },
      },
      tensors: completed.tensors,
      network: checkpoint.network && withImageSize(checkpoint.network, config.imageSize),
    },
    notes: [
      `${state.epoch} epochs of ${perEpoch} steps are done: the next step is ${step + 1}`,
      ...completed.notes,
      ...rateNotes(state.imported?.learningRate ?? null, config, step, perEpoch),
    ],
  };
}

function left(before: readonly string[], still: readonly string[]): string[] {
  return before.filter((name) => still.includes(name) && name !== STEPS_AN_EPOCH);
}

function isSaid(name: string, value: unknown, arch: string): boolean {
  if (name === 'preset' || value === undefined || value === null) return false;
  return !(arch.endsWith('.onnx') && (name === 'width' || name === 'stem'));
}

/** With what the optimizer counts, and zeros where the file had no momentum. */
function completedTensors(
  { state, tensors, network }: LoadedCheckpoint,
  { optimizer }: PretrainConfig,
  step: number,
) {
  const complete = new Map<string, NamedTensor>(tensors);
  complete.set(UPDATES, { dtype: 'I64', shape: [1], data: BigInt64Array.of(BigInt(step)) });
  const { parameters } = encoderLayout(networkOf(state.config, network), state.config.imageSize);
  let absent = 0;
  for (const slot of optimizerNamed(optimizer).slots) {
    for (const { name, shape } of parameters) {
      if (complete.has(`${slot}.${name}`)) continue;
      absent++;
      complete.set(`${slot}.${name}`, { dtype: 'F32', shape, data: new Float32Array(count(shape)) });
    }
  }
  const notes =
    absent > 0
      ? [`the file had no momentum for ${absent} of ${parameters.length} parameters: it begins at 0`]
      : [];
  return { tensors: complete, notes };
}

/** Whether the schedule gave the last epoch what the file says it had. */
function rateNotes(said: number | null, config: PretrainConfig, step: number, perEpoch: number): string[] {
  if (said === null || step === 0) return [];
  const now = learningRate(config, { step: step - 1, perEpoch });
  if (Math.abs(now - said) <= 1e-6 * said) return [];
  return [
    `the file's last learning rate was ${said}, this schedule's is ${now}: see --lr, --schedule, --epochs and --preset`,
  ];
}
