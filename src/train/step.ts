/** One step, as the method that runs it sees it: groups on encoders, and what they give in its place. */

import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { BatchRows, Report, Step, TrainOptions, Views } from '../methods/method.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import { type Collective, isOwn } from './collective.ts';
import { type GroupSum, sumGroups } from './group-sums.ts';
import { groupViews, type MakeViews } from './group-views.ts';
import type { RankSum } from './rank-sum.ts';
import type { TrainState } from './state.ts';
import { StepRanks } from './step-ranks.ts';
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
  readonly ranks: Collective;
  /** The sum of that name, the same in each step; undefined where there is one rank. */
  rankSum(name: string, lengths: readonly number[]): RankSum | undefined;
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
  /** To be called when it has: the sums of gradients are those of all ranks then. */
  finish(): Promise<void>;
}

export function beginStep(context: StepContext, { step, permutation, views: make }: StepInput): RunningStep {
  const { settings, dim, viewsTogether, reported, kernels, encoders, workspace, parameters } = context;
  const isAlone = context.ranks.size === 1;
  const ranks = new StepRanks(context.ranks, kernels, workspace, step);
  const passes: StatisticsPass[] = [];
  const running: Promise<void>[] = [];
  let gradients: GroupSum | null = null;
  /** The last call of `train`. */
  let trained: Promise<void> = Promise.resolve();

  /** Where there are several ranks, each run is of one group: those of this rank. */
  const groupsOf = (views: Views, order?: Uint32Array) =>
    groupViews(settings, viewsTogether, views, make, encoders.plan.groupsAtOnce, order).filter((_, run) =>
      isOwn(context.ranks, run),
    );
  const sumOf = (name: string, arrays: readonly DeviceArray[]): GroupSum => {
    const sum = context.rankSum(
      name,
      arrays.map(({ length }) => length),
    );
    sum?.begin(`step ${step}, ${name}`);
    return { arrays, begun: false, ...(sum && { ranks: sum }) };
  };
  /** Sums of the statistics of a pass; null: they do not count. */
  const statisticsOf = (encoder: string, { statistics = true }: TrainOptions): GroupSum | null => {
    if (!statistics) return null;
    const name = `statistics of pass ${passes.length}, ${encoder}`;
    const sums = workspace.list(name, context.statisticsLengths(encoder));
    passes.push({ encoder, sums });
    return sumOf(name, sums);
  };
  const gradientsOf = (encoder: string): GroupSum => {
    const lengths = parameters(encoder).map(({ length }) => length);
    gradients ??= sumOf('gradients', workspace.list('gradient', lengths));
    return gradients;
  };
  const follow = (pass: Promise<void>): Promise<void> => {
    running.push(pass);
    // Avoids an unhandledRejection where the method awaits another pass first; the trainer awaits all of them.
    pass.catch(() => {});
    return pass;
  };
  const put = (name: string, length: number, width: number, source: DeviceArray, rows: Uint32Array) => {
    const target = workspace.array(name, length * width);
    kernels.scatterRows({ target, source, rows, dim: width });
    ranks.put(name, target, width, rows);
  };

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
      const length = viewsTogether * settings.batchSize;
      const rows = workspace.array(`batch ${name}`, length * dim);
      return {
        rows,
        put: (source, positions) => put(`batch ${name}`, length, dim, source, positions),
        take: (target, positions) => kernels.gatherRows({ target, source: rows, rows: positions, dim }),
      };
    },

    forward(encoder, views, take, options = {}) {
      const statistics = statisticsOf(encoder, options);
      const given = ranks.rows();
      const runs = groupsOf(views, options.order).map(async ({ images, rows }, group) => [
        await encoders.forward(encoder, images, (embedding) => given.of(group, () => take(rows(embedding)))),
      ]);
      if (isAlone) return follow(sumGroups(runs, [statistics]));
      const pass = ranks.rowsFirst(runs, given, statistics);
      follow(pass.all);
      return follow(pass.rows);
    },

    train(encoder, views, ready, loss, options = {}) {
      // Avoids an unhandledRejection before a group awaits it.
      ready.catch(() => {});
      const statistics = statisticsOf(encoder, options);
      const sum = gradientsOf(encoder);
      const given = ranks.rows();
      const runs = groupsOf(views).map(async ({ images, rows }, group) => {
        const gradient = (embedding: DeviceArray) => given.of(group, () => loss(rows(embedding)));
        const made = await encoders.train(encoder, images, ready, gradient, sum);
        return [made.statistics, made.gradients];
      });
      const sums = [statistics, sum];
      trained = follow(
        isAlone ? sumGroups(runs, sums, trained) : ranks.sumsFirst(runs, sums, statistics, given),
      );
      return trained;
    },

    trainTogether(encoder, views, take, all, loss) {
      const taken = new Set<number>();
      const given = ranks.rows();
      const reported = ranks.rows();
      const before = ranks.exchanged;
      let allTaken = () => {};
      let fail = (_error: unknown) => {};
      const ready = new Promise<void>((resolve, reject) => {
        allTaken = resolve;
        fail = reject;
      })
        .then(() => before)
        .then(() => (isAlone ? undefined : given.exchange()))
        .then(all);
      ready.catch(() => {});
      const statistics = statisticsOf(encoder, {});
      const sum = gradientsOf(encoder);
      const groups = groupsOf(views);
      const runs = groups.map(async ({ images, rows }, group) => {
        // A group that is done again after its worker has died is taken again, and counts once.
        const embedded = (embedding: DeviceArray) => {
          given.of(group, () => take(rows(embedding)));
          if (taken.add(group).size === groups.length) allTaken();
        };
        const gradient = (embedding: DeviceArray) => reported.of(group, () => loss(rows(embedding)));
        try {
          const made = await encoders.train(encoder, images, ready, gradient, sum, embedded);
          return [made.statistics, made.gradients];
        } catch (error) {
          // The others wait for it.
          fail(error);
          throw error;
        }
      });
      const sums = [statistics, sum];
      trained = follow(
        isAlone ? sumGroups(runs, sums, trained) : ranks.sumsFirst(runs, sums, statistics, reported, ready),
      );
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

    async finish() {
      await ranks.exchanged;
      await ranks.finish([gradients]);
    },
  };
}
