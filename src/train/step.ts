/** One step, as the method that runs it sees it: groups on encoders, and what they give in its place. */

import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { BatchRows, Report, Step, TrainOptions, Views } from '../methods/method.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import { type GroupSum, sumGroups } from './group-sums.ts';
import { groupViews, type MakeViews } from './group-views.ts';
import type { TrainState } from './state.ts';
import type { Workspace } from './workspace.ts';

export interface StepInput {
  /** Counted from 1; named when the loss is not finite. */
  readonly step: number;
  readonly learningRate: number;
  /** The permutations of the batch that the method may ask for, by number. */
  readonly permutation: (number: number) => Uint32Array;
  readonly views: MakeViews;
}

/** What does not change from step to step. */
export interface StepContext {
  readonly settings: Settings;
  readonly dim: number;
  readonly viewsTogether: number;
  /** Rows that are reported. */
  readonly reported: number;
  readonly kernels: Kernels;
  readonly encoders: GroupEncoders;
  readonly state: TrainState;
  readonly workspace: Workspace;
  /** [1] */
  readonly gate: DeviceArray;
  parameters(encoder: string): readonly DeviceArray[];
  /** Lengths of an encoder's batch statistics. */
  statisticsLengths(encoder: string): readonly number[];
}

/** Where what is reported is gathered, row by row. */
export const REPORTED = {
  loss: 'reported loss',
  rank: 'reported rank',
  embedding: 'reported embedding',
} as const;

/** Sums of the statistics of one forward through an encoder. */
export interface StatisticsPass {
  readonly encoder: string;
  readonly sums: readonly DeviceArray[];
}

export interface RunningStep extends Step {
  /** Of the passes so far that count, in the order of their calls. */
  readonly passes: readonly StatisticsPass[];
  /** When all groups are done or have failed: none is writing any more. */
  settled(): Promise<void>;
}

export function beginStep(context: StepContext, { permutation, views: make }: StepInput): RunningStep {
  const { settings, dim, viewsTogether, reported, kernels, encoders, workspace, parameters } = context;
  const passes: StatisticsPass[] = [];
  const running: Promise<void>[] = [];
  let gradients: GroupSum | null = null;
  /** The last call of `train`. */
  let trained: Promise<void> = Promise.resolve();

  const groupsOf = (views: Views, order?: Uint32Array) =>
    groupViews(settings, viewsTogether, views, make, order);
  /** Sums of the statistics of a pass; null: they do not count. */
  const statisticsOf = (encoder: string, { statistics = true }: TrainOptions): GroupSum | null => {
    if (!statistics) return null;
    const name = `statistics of pass ${passes.length}, ${encoder}`;
    const sums = workspace.list(name, context.statisticsLengths(encoder));
    passes.push({ encoder, sums });
    return { arrays: sums, begun: false };
  };
  const gradientsOf = (encoder: string): GroupSum => {
    const lengths = parameters(encoder).map(({ length }) => length);
    gradients ??= { arrays: workspace.list('gradient', lengths), begun: false };
    return gradients;
  };
  const follow = (pass: Promise<void>): Promise<void> => {
    running.push(pass);
    // Avoids an unhandledRejection where the method awaits another pass first; the trainer awaits all of them.
    pass.catch(() => {});
    return pass;
  };
  const put = (name: string, length: number, width: number, source: DeviceArray, rows: Uint32Array) =>
    kernels.scatterRows({ target: workspace.array(name, length * width), source, rows, dim: width });

  return {
    device: kernels,
    gate: context.gate,
    settings,
    dim,
    state: context.state,
    parameters,
    permutation,
    scratch: (name, length) => workspace.array(`scratch ${name}`, length),
    passes,

    batch(name): BatchRows {
      const rows = workspace.array(`batch ${name}`, viewsTogether * settings.batchSize * dim);
      return {
        rows,
        put: (source, positions) => kernels.scatterRows({ target: rows, source, rows: positions, dim }),
        take: (target, positions) => kernels.gatherRows({ target, source: rows, rows: positions, dim }),
      };
    },

    forward(encoder, views, take, options = {}) {
      const statistics = statisticsOf(encoder, options);
      const runs = groupsOf(views, options.order).map(async ({ images, rows }) => [
        await encoders.forward(encoder, images, (embedding) => take(rows(embedding))),
      ]);
      return follow(sumGroups(runs, [statistics]));
    },

    train(encoder, views, ready, loss, options = {}) {
      // Avoids an unhandledRejection before a group awaits it.
      ready.catch(() => {});
      const statistics = statisticsOf(encoder, options);
      const runs = groupsOf(views).map(async ({ images, rows }) => {
        const made = await encoders.train(encoder, images, ready, (embedding) => loss(rows(embedding)));
        return [made.statistics, made.gradients];
      });
      trained = follow(sumGroups(runs, [statistics, gradientsOf(encoder)], trained));
      return trained;
    },

    trainTogether(encoder, views, take, all, loss) {
      const { groups } = settings;
      const taken = new Set<number>();
      let allTaken = () => {};
      let fail = (_error: unknown) => {};
      const ready = new Promise<void>((resolve, reject) => {
        allTaken = resolve;
        fail = reject;
      }).then(all);
      ready.catch(() => {});
      const statistics = statisticsOf(encoder, {});
      const runs = groupsOf(views).map(async ({ images, rows }, group) => {
        // A group that is done again after its worker has died is taken again, and counts once.
        const embedded = (embedding: DeviceArray) => {
          take(rows(embedding));
          if (taken.add(group).size === groups) allTaken();
        };
        try {
          const made = await encoders.train(encoder, images, ready, (dz) => loss(rows(dz)), embedded);
          return [made.statistics, made.gradients];
        } catch (error) {
          // The others wait for it.
          fail(error);
          throw error;
        }
      });
      trained = follow(sumGroups(runs, [statistics, gradientsOf(encoder)], trained));
      return trained;
    },

    report({ loss, rank, embedding }: Report, rows) {
      put(REPORTED.loss, reported, 1, loss, rows);
      put(REPORTED.rank, reported, 1, rank, rows);
      put(REPORTED.embedding, reported, dim, embedding, rows);
    },

    async settled() {
      await Promise.allSettled(running);
    },
  };
}
