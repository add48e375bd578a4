/** One step, as the method that runs it sees it: groups on encoders, and what they give in its place. */

import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { groupPositions } from '../methods/groups.ts';
import type { BatchRows, ForwardOptions, GroupRows, Report, Step } from '../methods/method.ts';
import type { Stream } from '../random.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import { type GroupSum, sumGroups } from './group-sums.ts';
import type { TrainState } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Makes the views of some images of the batch: positions in the batch → [positions, 3, size, size]. */
export type MakeViews = (stream: Stream, positions: Uint32Array) => Promise<Float32Array>;

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

/** Where the values of all images are gathered, in batch order. */
export const REPORTED = {
  loss: 'reported loss',
  rank: 'reported rank',
  embedding: 'batch embedding',
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

export function beginStep(context: StepContext, { permutation, views }: StepInput): RunningStep {
  const { settings, dim, kernels, encoders, workspace, parameters } = context;
  const { batchSize, groups } = settings;
  const count = batchSize / groups;
  const passes: StatisticsPass[] = [];
  const running: Promise<void>[] = [];
  let gradients: GroupSum | null = null;
  /** The last call of `train`. */
  let trained: Promise<void> = Promise.resolve();

  const positionsOfGroups = (order?: Uint32Array) =>
    Array.from({ length: groups }, (_, group) => groupPositions(group, groups, batchSize, order));
  const statisticsOf = (encoder: string): GroupSum => {
    const name = `statistics of pass ${passes.length}, ${encoder}`;
    const sums = workspace.list(name, context.statisticsLengths(encoder));
    passes.push({ encoder, sums });
    return { arrays: sums, begun: false };
  };
  const follow = (pass: Promise<void>): Promise<void> => {
    running.push(pass);
    // Avoids an unhandledRejection where the method awaits another pass first; the trainer awaits all of them.
    pass.catch(() => {});
    return pass;
  };
  const batch = (name: string): BatchRows => {
    const rows = workspace.array(`batch ${name}`, batchSize * dim);
    return {
      rows,
      put: (values, positions) => kernels.scatterRows({ target: rows, source: values, rows: positions, dim }),
      take: (target, positions) => kernels.gatherRows({ target, source: rows, rows: positions, dim }),
    };
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
    batch,
    passes,

    forward(encoder: string, view: Stream, take: (group: GroupRows) => void, options: ForwardOptions = {}) {
      const { order, statistics = true } = options;
      const sums = statistics ? statisticsOf(encoder) : null;
      const runs = positionsOfGroups(order).map(async (positions) => [
        await encoders.forward(
          encoder,
          () => views(view, positions),
          (embedding) => take({ count, embedding, positions }),
        ),
      ]);
      return follow(sumGroups(runs, [sums]));
    },

    train(encoder, view, ready, loss) {
      // Avoids an unhandledRejection before a group awaits it.
      ready.catch(() => {});
      const statistics = statisticsOf(encoder);
      gradients ??= {
        arrays: workspace.list(
          'gradient',
          parameters(encoder).map(({ length }) => length),
        ),
        begun: false,
      };
      const runs = positionsOfGroups().map(async (positions) => {
        const made = await encoders.train(
          encoder,
          () => views(view, positions),
          ready,
          (embedding) => loss({ count, embedding, positions }),
        );
        return [made.statistics, made.gradients];
      });
      trained = follow(sumGroups(runs, [statistics, gradients], trained));
      return trained;
    },

    report({ loss, rank, embedding }: Report, positions: Uint32Array) {
      kernels.scatterRows({
        target: workspace.array(REPORTED.loss, batchSize),
        source: loss,
        rows: positions,
        dim: 1,
      });
      kernels.scatterRows({
        target: workspace.array(REPORTED.rank, batchSize),
        source: rank,
        rows: positions,
        dim: 1,
      });
      batch('embedding').put(embedding, positions);
    },

    async settled() {
      await Promise.allSettled(running);
    },
  };
}
