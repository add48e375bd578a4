/**
 * What is measured of the encoder between epochs: kNN, the linear probe and, of supervised learning, the accuracy on the test
 * split, on features that are computed once for all.
 */
import type { DatasetDescription } from '../data/dataset.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { KNN } from '../evaluate/knn-defaults.ts';
import { type MonitorResult, monitorKnn } from '../evaluate/monitor.ts';
import { probe } from '../evaluate/probe.ts';
import { embedSplits } from '../evaluate/splits.ts';
import { testAccuracy } from '../evaluate/test-accuracy.ts';
import { Random, STREAMS } from '../random.ts';
import type { Settings } from '../settings/settings.ts';
import type { KnnEvent, NeighborsEvent, ProbeEvent, TestEvent } from './events.ts';
import type { Session } from './session.ts';

const SHOWN_QUERIES = 8;
const SHOWN_NEIGHBORS = 8;

/** Which of them are due. */
export interface Due {
  readonly knn: boolean;
  readonly probe: boolean;
  /** Of methods whose embedding is the logits of classes. */
  readonly test: boolean;
  /** Whether neighbors are shown, with kNN. */
  readonly neighbors: boolean;
}

/** Where a run is. */
export interface At {
  readonly data: DatasetDescription;
  readonly config: Settings;
  /** How many epochs were trained. */
  readonly epoch: number;
}

/** Ranks embed together; the first alone tells what comes of it. @throws as embedSplits, monitorKnn and probe do */
export async function* measureEncoder(
  { trainer, kernels, ranks, viewOptions: views }: Session,
  { data, config, epoch }: At,
  due: Due,
): AsyncGenerator<KnnEvent | ProbeEvent | TestEvent | NeighborsEvent> {
  await trainer.prepareEmbedding();
  const options = {
    ...{ kernels, data, views, share: ranks },
    embed: (images: () => Promise<Float32Array>) => trainer.embed(images),
    ...KNN,
  };
  const embedded = due.knn || due.probe ? await embedSplits(options) : null;
  const isFirst = ranks.rank === 0;
  const knn = isFirst && due.knn && embedded ? await monitorKnn(options, embedded) : null;
  if (knn) {
    for (const features of ['backbone', 'head'] satisfies FeatureKind[]) {
      const { top1, k, t } = knn[features];
      yield { type: 'knn', epoch, top1, k, t, features };
    }
  }
  if (isFirst && due.probe && embedded) yield { type: 'probe', epoch, ...probe(embedded, data) };
  if (due.test) {
    const accuracy = await testAccuracy(options, embedded?.test ?? null);
    if (accuracy && isFirst) yield { type: 'test', epoch, ...accuracy };
  }
  if (knn && due.neighbors) yield neighborsOf(knn, epoch, config.seed);
}

function neighborsOf(result: MonitorResult, epoch: number, seed: number): NeighborsEvent {
  const { neighbors, k } = result.backbone;
  // Queries of every class in turn, where images come sorted or shuffled alike.
  const random = new Random({ seed, stream: STREAMS.sampleOrder, epoch: 2 ** 32 - 1 });
  const queries = [...random.permutation(result.queries.length).subarray(0, SHOWN_QUERIES)];
  return {
    type: 'neighbors',
    epoch,
    queries: queries.map((row) => result.queries[row]!),
    neighbors: queries.map((row) =>
      Array.from(
        neighbors.subarray(row * k, row * k + Math.min(k, SHOWN_NEIGHBORS)),
        (near) => result.bank[near]!,
      ),
    ),
  };
}
