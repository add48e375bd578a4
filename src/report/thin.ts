/** Long curves, made short: means of as many steps as it takes, and how far their values reach. */

export interface Curve {
  /** Of each point the last step that it stands for. */
  readonly steps: readonly number[];
  readonly mean: readonly number[];
  /** Least and greatest value of its steps; null where every point is one step. */
  readonly range: { readonly low: readonly number[]; readonly high: readonly number[] } | null;
}

/** How many steps a point stands for, so that there are at most `most` points. */
export const stepsAPoint = (steps: number, most: number): number => Math.max(1, Math.ceil(steps / most));

export function thin(steps: readonly number[], values: readonly number[], size: number): Curve {
  if (size === 1) return { steps, mean: values.map(short), range: null };
  const curve = { steps: [] as number[], mean: [] as number[], low: [] as number[], high: [] as number[] };
  for (let start = 0; start < values.length; start += size) {
    const some = values.slice(start, start + size);
    curve.steps.push(steps[start + some.length - 1]!);
    curve.mean.push(short(some.reduce((sum, value) => sum + value, 0) / some.length));
    curve.low.push(short(Math.min(...some)));
    curve.high.push(short(Math.max(...some)));
  }
  return { steps: curve.steps, mean: curve.mean, range: { low: curve.low, high: curve.high } };
}

/** Five digits: more than a picture shows, and a third of the file. */
const short = (value: number) => Number(value.toPrecision(5));
