import {
  callback,
  either,
  type Forms,
  instance,
  made,
  oneOf,
  optional,
  options,
  record,
  text,
  whole,
  yesNo,
} from '../arguments.ts';
import { CHECKPOINT } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { DATASET } from '../data/dataset-form.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import type { GivenValues } from '../models/initial-values.ts';
import { BACKENDS, type BackendChoice, type BackendRequest } from '../runtime/backend.ts';
import { WORKER_COUNTS, type WorkerCounts } from '../scheduler/worker-counts.ts';
import type { Settings } from '../settings/settings.ts';
import { CONFIGURATION } from '../settings/validate.ts';
import type { Collective } from './collective.ts';
import type { PauseSwitch } from './pause.ts';
import { WATCH_OPTIONS, type WatchOptions } from './watch-options.ts';

const VALUES = instance('a Map of values by name, from finetuneFrom or importEncoder', 'Map');

export interface PretrainOptions extends WorkerCounts {
  /** From `resolveConfig`; of a resumed run, that of its checkpoint or what `mergeResumedConfig` makes of it. */
  config: Settings;
  /** From `describeDataset`, `describeFiles` or `describeDrawn`. */
  data: DatasetDescription;
  /** Of a configuration that names an ONNX file: from `importEncoder`. A resumed run has it in its checkpoint. */
  encoder?: ImportedEncoder;
  /** Values that a new run's encoder begins with instead of random ones, by the names of its network: see `finetuneFrom`. */
  init?: GivenValues;
  /** A word, or what `chooseBackend` gave; by default what it gives for 'auto', or that of the run that is resumed. */
  backend?: BackendChoice | BackendRequest;
  /**
   * WebGPU: how many groups go through the network in one run, a divisor of all groups. More are faster and take more memory; they
   * change the last digits. By default as many as fit, or what the run that is resumed had.
   */
  groupsAtOnce?: number | undefined;
  /**
   * WebGPU: whether tiles of weight gradients are chosen by a measurement of up to a second as the run begins; by default on a GPU, but not on an
   * adapter that is software. A resumed run keeps those it had. They change no bit.
   */
  measureTiles?: boolean | undefined;
  /** kNN (k = 200, t = 0.1) every so many epochs, before the first and after the last; left out: never. One that fails is a notice. */
  knnEvery?: number;
  /** A linear probe every so many epochs, likewise; needs classes and a test split. It changes nothing of the run. */
  probeEvery?: number;
  /** Shows pairs and where some images lie, every so many steps (events `watch`); left out: never. It changes nothing of the run. */
  watch?: WatchOptions;
  /** Checkpoints every so many steps, besides those at the end of each epoch, every ten minutes, and at the end. */
  checkpointEvery?: number;
  /** Folder for the graphs that are run: forward.onnx, training-forward.onnx, backward-0.onnx, …, inference.onnx. */
  dumpGraphs?: string | undefined;
  /** Run directory, of this run alone while it lasts; without it nothing is saved. */
  out?: string;
  /** Go on from this checkpoint, on the same data: the run gives the numbers it would have given uninterrupted. */
  resume?: LoadedCheckpoint;
  /** Go on although names or sizes of the images are not those of the saved run; told by a notice. Their number has to be the same. */
  allowChangedData?: boolean;
  /** Once it fires, the step under way is finished, a checkpoint is written, and the run ends. */
  signal?: AbortSignal;
  /** Halts the run between steps, and lets it go on; `signal` ends a halted run, too. */
  pause?: PauseSwitch;
  /**
   * The ranks that share the groups of each batch, each of which calls with the same options: from `joinRanks`, not in a page.
   * Rank 0 alone writes, measures and shows, whatever the others are asked for; `signal` of any ends the run.
   */
  ranks?: Collective;
}

/** What `pretrain` checks at its door; that all of it fits together, the run says. */
export const PRETRAIN_OPTIONS: Forms<PretrainOptions> = {
  ...WORKER_COUNTS,
  config: CONFIGURATION,
  data: DATASET,
  encoder: optional(
    made<ImportedEncoder>('what importEncoder gave', {
      network: made<ImportedEncoder['network']>('a network', { graph: record, parameters: record }),
      values: VALUES,
    }),
  ),
  init: optional(VALUES),
  backend: optional(
    either(
      oneOf(BACKENDS),
      made<BackendChoice>('what chooseBackend gave', { backend: oneOf(BACKENDS), reason: text() }),
    ),
  ),
  groupsAtOnce: optional(whole(1)),
  measureTiles: optional(yesNo),
  knnEvery: optional(whole(1)),
  probeEvery: optional(whole(1)),
  watch: optional(options(WATCH_OPTIONS)),
  checkpointEvery: optional(whole(1)),
  dumpGraphs: optional(text('the path of a folder')),
  out: optional(text('the path of a folder')),
  resume: optional(CHECKPOINT),
  signal: optional(instance('an AbortSignal', 'AbortSignal')),
  pause: optional(made<PauseSwitch>('a PauseSwitch', { paused: yesNo, wait: callback })),
  allowChangedData: optional(yesNo),
  ranks: optional(made<Collective>('what joinRanks gave', { rank: whole(0), size: whole(1) })),
};
