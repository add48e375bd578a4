/** A whole pre-training run: what it holds open, from the first session to the last. */

import { type ClaimedRun, claimRun } from '../checkpoint/claim-run.ts';
import { keepIndex } from '../data/tar/index-file.ts';
import { requireGroupsAtOnce } from '../encoder/choose-groups-at-once.ts';
import { canProbe, hasClasses } from '../evaluate/monitor.ts';
import { networkOf } from '../models/choose-network.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import type { BackendChoice } from '../runtime/backend.ts';
import { describeVersions } from '../runtime/environment.ts';
import { workerCounts } from '../scheduler/worker-counts.ts';
import { stepsPerEpoch, totalSteps } from '../settings/run-length.ts';
import { requireSavable } from './check-options.ts';
import { type PretrainConfig, validateConfig } from './configure.ts';
import type { PretrainEvent } from './events.ts';
import { GpuRecovery, type Position } from './gpu-recovery.ts';
import { compareImages, imageDigest } from './image-digest.ts';
import { chance, Notices, withNotices } from './notices.ts';
import type { PretrainOptions } from './pretrain-options.ts';
import { withAdvice } from './recovery.ts';
import { requireLabels } from './require-labels.ts';
import { requireRanks } from './require-ranks.ts';
import { backendOf, groupsAtOnceOf } from './resumed-backend.ts';
import { Run } from './run.ts';
import { openSession, type Session } from './session.ts';
import { requireKnown } from './unknown-settings.ts';
import { checkWatch } from './watch.ts';

/**
 * The run itself, on whatever thread calls it. What it gives and throws stands with the public one, page/jobs.ts.
 * @param claimed the run directory, where the caller has claimed it and will release it
 */
export async function* pretrain(
  options: PretrainOptions,
  claimed: ClaimedRun | null = null,
): AsyncGenerator<PretrainEvent> {
  const { config, data, resume, out } = options;
  validateConfig(config, data.trainLength);
  if (resume) requireKnown(resume.state);
  requireLabels(config, data);
  if (options.watch) checkWatch(options.watch, data.trainLength);
  const network = resume?.network ?? options.encoder?.network ?? null;
  if (out !== undefined) requireSavable(config, network);
  const { backend: asked = 'auto' } = options;
  const backend = typeof asked === 'string' ? await backendOf(asked, resume) : asked;
  requireRanks(options, backend.backend);
  requireGroupsAtOnce(options.groupsAtOnce, config.groups, backend.backend);
  const claim = claimed ?? (out === undefined ? null : await claimRun(out, resume ?? null));
  try {
    yield* train({ ...options, config }, claim, backend, network);
  } finally {
    // Whoever claimed it may have more to write.
    if (!claimed) await claim?.release();
  }
}

async function* train(
  options: PretrainOptions & { config: PretrainConfig },
  claim: ClaimedRun | null,
  backend: BackendChoice,
  network: ImportedNetwork | null,
): AsyncGenerator<PretrainEvent> {
  const { config, data, resume } = options;
  const perEpoch = stepsPerEpoch(data.trainLength, config.batchSize);
  const last = totalSteps(config, perEpoch);
  const isGpu = backend.backend === 'webgpu';
  /** Kept by resumed runs, and by devices that take the place of others. */
  let tiles = isGpu ? (resume?.state.tiles ?? null) : null;
  const open = ({ state, recompute, groupsAtOnce }: Position): Promise<Session> =>
    openSession({
      config,
      network,
      data,
      backend: backend.backend,
      ...workerCounts(options),
      dumpGraphs: options.dumpGraphs,
      recompute,
      groupsAtOnce,
      tiles,
      measureTiles: options.measureTiles,
      ranks: options.ranks,
      saved: state ?? resume?.tensors ?? null,
      given: new Map([...(options.encoder?.values ?? []), ...(options.init ?? [])]),
    });
  const digest = claim || resume ? await imageDigest(data) : null;
  const changed =
    digest === null ? null : compareImages(digest, resume, data, options.allowChangedData ?? false);
  const unkept = claim && (await keepIndex(claim.store, data));
  const notices = new Notices(config);
  const kept = groupsAtOnceOf(options.groupsAtOnce, backend.backend, resume);
  const recovery = new GpuRecovery(resume?.state.step ?? 0, kept);
  /** Null while one takes the place of another. */
  let session: Session | null = await open(recovery.position);
  const { memory, groupsAtOnce } = session.encoders.plan;
  recovery.keepGroupsAtOnce(groupsAtOnce);
  const chosen = session.encoders.tiles;
  tiles = chosen?.choice ?? null;
  try {
    yield {
      type: 'run',
      config,
      versions: await describeVersions(backend.backend),
      backend: backend.backend,
      adapter: backend.adapter,
      stepsPerEpoch: perEpoch,
      totalSteps: last,
      chance: chance(config),
      memory,
      groupsAtOnce,
      ...(chosen && { tiles: chosen }),
    };
    if (claim?.tookOver) {
      yield {
        type: 'notice',
        message: `${options.out} was locked by ${claim.tookOver}, which is gone: taken over`,
      };
    }
    if (unkept) yield { type: 'notice', message: unkept };
    if (changed) yield { type: 'notice', message: changed };
    if (!resume) yield* notices.start();
    if (options.knnEvery !== undefined && !hasClasses(data)) {
      yield { type: 'notice', message: 'no kNN: the images are in one folder, without classes' };
    }
    if (options.probeEvery !== undefined && !canProbe(data)) {
      yield { type: 'notice', message: 'no probe: it needs classes and a test split' };
    }
    for (;;) {
      try {
        session ??= await open(recovery.position);
        const run = new Run(options, session, { network, perEpoch, last, digest }, recovery);
        return yield* withNotices(recovery.fresh(run.events()), notices);
      } catch (error) {
        const notice = isGpu ? recovery.afterFailure(error, memory.level) : null;
        if (!notice) {
          const { groupsAtOnce: atOnce } = recovery.position;
          throw withAdvice(error, networkOf(config, network), config, backend.backend, atOnce ?? 1);
        }
        yield notice;
      }
      const broken = session;
      session = null;
      await broken?.dispose();
    }
  } finally {
    await session?.dispose();
  }
}
