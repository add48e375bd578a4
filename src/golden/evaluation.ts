import { MocoError } from '../errors.ts';
import { knnClassify } from '../evaluate/knn.ts';
import { LinearClassifier } from '../evaluate/linear-classifier.ts';
import { alignment, columnDeviation, rankMe, uniformity } from '../evaluate/metrics.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { exp } from '../math.ts';
import type { CaseFamily, GoldenCase, GoldenContext } from './case.ts';
import { float32, floatInput, int64, numberParam, wholeInput } from './tensors.ts';

/** The golden cases of evaluation. */
export const evaluationFamily: CaseFamily = { runners: { knn, lincls, metrics } };

async function knn(goldenCase: GoldenCase, context: GoldenContext): Promise<Map<string, NamedTensor>> {
  const bank = floatInput(goldenCase, 'bank');
  const query = floatInput(goldenCase, 'query');
  const [bankRows = 0, dim = 0] = bank.shape;
  const rows = query.shape[0] ?? 0;
  const classes = numberParam(goldenCase, 'classes');
  const t = numberParam(goldenCase, 't');
  const { scores, predictions, neighbors, similarities, top1, k } = await knnClassify(
    context.kernels,
    { features: bank.data, labels: wholeInput(goldenCase, 'bank_labels'), rows: bankRows },
    { features: query.data, labels: wholeInput(goldenCase, 'query_labels'), rows },
    // The rows of the case are unit rows as they are.
    { dim, classes, k: numberParam(goldenCase, 'k'), t, normalize: false },
  );
  // The case has Σ exp(similarity / t) itself.
  const absolute = (score: number, i: number) => score * exp(similarities[Math.floor(i / classes) * k]! / t);
  const ascending = Array.from({ length: rows }, (_, r) => neighbors.slice(r * k, (r + 1) * k).sort());
  return new Map([
    ['scores', float32([rows, classes], Float32Array.from(scores, absolute))],
    ['pred', int64([rows], predictions)],
    [
      'neighbors',
      int64(
        [rows, k],
        ascending.flatMap((row) => [...row]),
      ),
    ],
    ['top1', float32([1], [top1])],
  ]);
}

/** An epoch of linear classification: batches in file order. */
async function lincls(goldenCase: GoldenCase): Promise<Map<string, NamedTensor>> {
  const given = floatInput(goldenCase, 'features');
  const [rows = 0, dim = 0] = given.shape;
  const classes = numberParam(goldenCase, 'classes');
  const batch = numberParam(goldenCase, 'batch');
  const settings = {
    learningRate: numberParam(goldenCase, 'lr'),
    momentum: numberParam(goldenCase, 'momentum'),
  };
  if (numberParam(goldenCase, 'weight_decay') !== 0) {
    throw new MocoError('data-invalid', `golden case ${goldenCase.name}: the protocol has no weight decay`);
  }
  const data = {
    features: given.data,
    labels: Int32Array.from(wholeInput(goldenCase, 'labels')),
  };
  const first = (name: string) => floatInput(goldenCase, name).data.slice();
  const classifier = new LinearClassifier(classes, dim, first('w.0'), first('b.0'));
  const tensors = new Map<string, NamedTensor>();
  const keep = (when: string) => {
    tensors.set(`w.${when}`, float32([classes, dim], classifier.weights));
    tensors.set(`b.${when}`, float32([classes], classifier.bias));
  };
  const fits = [];
  for (let i = 0; i < numberParam(goldenCase, 'iterations'); i++) {
    const count = Math.min(batch, rows - i * batch);
    const inOrder = Uint32Array.from({ length: count }, (_, row) => i * batch + row);
    fits.push(classifier.step(data, inOrder, settings));
    if (i === 0) keep('first');
  }
  keep('last');
  return tensors
    .set(
      'loss',
      float32(
        [fits.length],
        Float32Array.from(fits, ({ loss }) => loss),
      ),
    )
    .set(
      'acc1',
      float32(
        [fits.length],
        Float32Array.from(fits, ({ top1 }) => top1),
      ),
    )
    .set('acc1_after', float32([1], [classifier.measure(data).top1]));
}

async function metrics(goldenCase: GoldenCase): Promise<Map<string, NamedTensor>> {
  const { shape, data: q } = floatInput(goldenCase, 'q');
  const k = floatInput(goldenCase, 'k').data;
  const dim = shape[1] ?? 0;
  if (numberParam(goldenCase, 'alpha') !== 2 || numberParam(goldenCase, 't') !== 2) {
    throw new MocoError(
      'data-invalid',
      `golden case ${goldenCase.name}: only alpha 2 and t 2 are known here`,
    );
  }
  return new Map([
    ['alignment', float32([1], [alignment(q, k, dim)])],
    ['uniformity', float32([1], [uniformity(q, dim)])],
    ['std', float32([1], [columnDeviation(q, dim)])],
    ['rankme', float32([1], [rankMe(q, dim)])],
  ]);
}
