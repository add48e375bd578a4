import { knnClassify } from '../evaluate/knn.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { exp } from '../math.ts';
import type { CaseFamily, GoldenCase, GoldenContext } from './case.ts';
import { float32, floatInput, int64, numberParam, wholeInput } from './tensors.ts';

/** The golden cases of evaluation: knn. */
export const evaluationFamily: CaseFamily = { runners: { knn } };

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
