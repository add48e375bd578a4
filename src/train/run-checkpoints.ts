/** When a run saves what it has learned, and what it refuses to save. */
import { notFinite } from '../checkpoint/finite.ts';
import { saveCheckpoint } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import type { TileChoice } from '../kernels/conv-tiles.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { GENERATOR } from '../random.ts';
import type { Backend } from '../runtime/backend.ts';
import type { FileStore } from '../runtime/file-store.ts';
import type { PretrainOptions } from './pretrain-options.ts';
import type { SavedState } from './state.ts';

/** No more than so much is lost where a run is killed. */
const SAVE_WITHIN_MS = 10 * 60_000;

/** What is the same for all checkpoints of a run. */
export interface RunFacts {
  readonly network: ImportedNetwork | null;
  readonly backend: Backend;
  /** Groups that go through the network in one run. */
  readonly groupsAtOnce: number;
  /** webgpu: by which weight gradients are computed. */
  readonly tiles?: TileChoice | undefined;
  readonly perEpoch: number;
  /** The last step. */
  readonly last: number;
  /** Of the images, see image-digest.ts; null: they are not known by one. */
  readonly digest: string | null;
}

export class RunCheckpoints {
  readonly #options: PretrainOptions;
  readonly #facts: RunFacts;
  /** Null where nothing is saved. */
  readonly #store: FileStore | null;
  /** The step that was looked at last, and saved where anything is. */
  #saved = -1;
  /** When: the run began, or a checkpoint was saved. */
  #savedAt = performance.now();
  /** The last checkpoint. */
  #path: string | null;

  constructor(options: PretrainOptions, facts: RunFacts, store: FileStore | null) {
    this.#options = options;
    this.#facts = facts;
    this.#store = store;
    this.#path = options.resume?.directory ?? null;
  }

  /** At the end of each epoch, as often as is asked for, at the end. */
  isDue(step: number): boolean {
    const { checkpointEvery } = this.#options;
    const { perEpoch, last } = this.#facts;
    return (
      step === last ||
      step % perEpoch === 0 ||
      (checkpointEvery !== undefined && step % checkpointEvery === 0)
    );
  }

  /** Whether the last one is old enough for another. */
  get isLate(): boolean {
    return this.#store !== null && performance.now() - this.#savedAt >= SAVE_WITHIN_MS;
  }

  /**
   * @param stateNow what training has come to after `step`
   * @param judge what is wrong with the encoder as it is, null where nothing is: asked before the run's last checkpoint
   * @returns the checkpoint's directory and what is in it; null where nothing was saved
   * @throws MocoError write-failed; loss-not-finite: a loss can be finite where weights no longer are, or no longer of use, as a step
   * is judged before the optimizer moves them
   */
  async save(
    step: number,
    stateNow: () => Promise<SavedState>,
    judge: () => Promise<string | null>,
  ): Promise<{ readonly path: string; readonly state: SavedState } | null> {
    const { perEpoch, last, digest, backend, groupsAtOnce, tiles, network } = this.#facts;
    if (this.#saved === step || (!this.#store && step !== last)) return null;
    const state = await stateNow();
    const bad = notFinite(state) ?? (step === last ? await judge() : null);
    if (bad) throw this.#refused(step, bad);
    if (!this.#store) {
      this.#saved = step;
      return null;
    }
    const { config, data } = this.#options;
    const sampler = {
      ...{ dataset: data.kind, path: data.path, images: data.trainLength },
      ...{ stepInEpoch: step % perEpoch, digest },
    };
    const generator = { algorithm: GENERATOR, seed: config.seed };
    const epoch = Math.floor(step / perEpoch);
    const path = await saveCheckpoint(
      this.#store,
      {
        ...{ config, step, epoch, sampler, generator, backend },
        ...(backend === 'webgpu' && { groupsAtOnce, ...(tiles && { tiles }) }),
      },
      state,
      network,
    );
    this.#saved = step;
    this.#savedAt = performance.now();
    this.#path = path;
    return { path, state };
  }

  #refused(step: number, bad: string): MocoError {
    const good =
      this.#path === null ? 'there is no earlier checkpoint' : `the last good checkpoint is ${this.#path}`;
    return new MocoError(
      'loss-not-finite',
      `after step ${step} ${bad}: nothing is saved of it; ${good}. Lower the learning rate or the weight decay`,
    );
  }
}
