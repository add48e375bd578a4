import { randomResizedCropBox } from '../data/augment/crop.ts';
import { MocoError } from '../errors.ts';
import { Random, STREAMS } from '../random.ts';
import type { GoldenCase } from './case.ts';

interface Statistic {
  mean: number;
  sem: number;
  quantiles: Record<string, number>;
}

interface Sample {
  width: number;
  height: number;
  scale: [number, number];
  ratio: [number, number];
  draws: number;
  [statistic: string]: unknown;
}

const STANDARD_ERRORS = 5;
const QUANTILE_TOLERANCE = 0.02;

/**
 * Draws as many crops as the recorded sample holds and compares: means within 5 standard errors of both samples,
 * quantiles within 0.02, fractions within 5 standard errors. Returns the worst difference over what is tolerated.
 */
export function gradeCropStatistics(goldenCase: GoldenCase): number {
  if (typeof goldenCase.json !== 'object' || goldenCase.json === null) {
    throw new MocoError('data-invalid', `golden case ${goldenCase.name}: no JSON content`);
  }
  let worst = 0;
  for (const [, sample] of Object.entries(goldenCase.json as Record<string, Sample>)) {
    const drawn = draw(sample);
    for (const [name, values] of Object.entries(drawn.values)) {
      const recorded = sample[name] as Statistic;
      worst = Math.max(worst, compare(values, recorded));
    }
    for (const [name, fraction] of Object.entries(drawn.fractions)) {
      const recorded = sample[name] as number;
      // Both are binomial; one count more keeps the tolerance sensible where nothing was drawn.
      const p = Math.max(recorded, fraction) + 1 / sample.draws;
      const sem = Math.sqrt((2 * p * (1 - p)) / sample.draws);
      worst = Math.max(worst, Math.abs(fraction - recorded) / (STANDARD_ERRORS * sem));
    }
  }
  return worst;
}

function draw(sample: Sample): { values: Record<string, number[]>; fractions: Record<string, number> } {
  const { width, height, draws } = sample;
  const area: number[] = [];
  const aspect: number[] = [];
  const top: number[] = [];
  const left: number[] = [];
  let full = 0;
  for (let image = 0; image < draws; image++) {
    const random = new Random({ seed: 0, image, stream: STREAMS.firstView });
    const box = randomResizedCropBox(width, height, sample.scale, sample.ratio, random);
    area.push((box.width * box.height) / (width * height));
    aspect.push(box.width / box.height);
    // A crop of full height has no place to choose: the recorded statistics leave it out, too.
    if (box.height < height) top.push(box.top / (height - box.height));
    if (box.width < width) left.push(box.left / (width - box.width));
    if (box.height === height && box.width === width) full++;
  }
  return {
    values: {
      area_fraction: area,
      aspect_w_over_h: aspect,
      log_aspect: aspect.map((ratio) => Math.log(ratio)),
      top_relative: top,
      left_relative: left,
    },
    fractions: {
      fraction_full_image: full / draws,
      fraction_height_full: 1 - top.length / draws,
      fraction_width_full: 1 - left.length / draws,
    },
  };
}

function compare(values: number[], recorded: Statistic): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const sem = Math.sqrt(variance / n + recorded.sem ** 2);
  let worst = Math.abs(mean - recorded.mean) / (STANDARD_ERRORS * sem);
  values.sort((a, b) => a - b);
  for (const [at, expected] of Object.entries(recorded.quantiles)) {
    // Linear interpolation between order statistics, as numpy.quantile.
    const position = Number(at) * (n - 1);
    const below = values[Math.floor(position)]!;
    const above = values[Math.ceil(position)]!;
    const quantile = below + (position - Math.floor(position)) * (above - below);
    worst = Math.max(worst, Math.abs(quantile - expected) / QUANTILE_TOLERANCE);
  }
  return worst;
}
