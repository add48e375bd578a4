/** What became of one run of a row: result.json in its run directory. */
import * as v from 'valibot';

const percent = v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(100)));
const amount = v.nullable(v.pipe(v.number(), v.minValue(0)));

const ResultSchema = v.object({
  row: v.string(),
  seed: v.number(),
  /** The options of `pretrain` that made it: results of others do not belong beside it. */
  options: v.array(v.string()),
  status: v.picklist(['done', 'failed', 'does not fit']),
  /** Why it is not done. */
  reason: v.nullable(v.string()),
  /** kNN of the backbone at the end; null where there are no classes. */
  knn: percent,
  /** Of a linear classifier on the features; of a supervised run its own, on the test split. */
  top1: percent,
  /** Epochs of that classifier; null where none was trained. */
  linearEpochs: v.nullable(v.number()),
  steps: v.nullable(v.number()),
  stepsPerEpoch: v.nullable(v.number()),
  /** By the median step, without what lies between epochs. */
  secondsPerEpoch: amount,
  /** Of the process, at its peak. */
  peakBytes: amount,
  /** Of the activations that have to be there at one time, computed before anything runs. */
  activationBytes: amount,
});

export type RowResult = v.InferOutput<typeof ResultSchema>;

/** Null where the text is no result. */
export function parseResult(text: string): RowResult | null {
  try {
    const parsed = v.safeParse(ResultSchema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
