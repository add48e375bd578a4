/** What was trained on what, in words, and the numbers that matter most. */
import { choicesOf, measuresOf } from './measures.ts';
import { type RunRecord, stepsInAll, stepsPerEpoch } from './run-record.ts';
import { endsOf, lastMean } from './summary.ts';
import { named, number, withUnit } from './words.ts';

export interface Figure {
  readonly title: string;
  readonly value: string;
  /** What it is to be compared with. */
  readonly beside: string;
}

/** "MoCo v2, ResNet-18 on CIFAR-10" */
export function headlineOf(runs: readonly RunRecord[]): string {
  const each = runs.map(({ config, data }) => {
    const what = `${named(config.preset ?? config.method ?? 'A run')}, ${named(config.arch ?? 'encoder')}`;
    return `${what}${data ? ` on ${dataName(data)}` : ''}`;
  });
  const [first] = each;
  if (runs.length === 1) return first!;
  return `${runs.length} runs: ${new Set(each).size === 1 ? first : 'side by side'}`;
}

/** Sentences about one run. */
export function storyOf(run: RunRecord): readonly string[] {
  const { config, data, backend, adapter, versions, starts } = run;
  const perEpoch = stepsPerEpoch(run);
  const done = run.steps.at(-1)?.step ?? 0;
  const all = stepsInAll(run);
  const classes = data?.classes?.length ?? 0;
  const from = data
    ? `${number(data.images)} images${classes > 1 ? ` of ${classes} classes` : ''}${data.path ? ` (${data.path})` : ''}`
    : 'images that are told of with the first checkpoint';
  const width = typeof config.width === 'number' ? `, width ${config.width}` : '';
  const parts =
    typeof config.groups === 'number' ? `batches of ${config.batchSize} in ${config.groups} groups` : '';
  const queue = typeof config.queueSize === 'number' ? `, a queue of ${number(config.queueSize)} keys` : '';
  const epochs = perEpoch ? ` (${number(done / perEpoch, 2)} epochs)` : '';
  const state =
    all === null
      ? `${number(done)} steps${epochs} so far.`
      : done < all
        ? `${number(done)} of ${number(all)} steps${epochs} were done when this was written.`
        : `${number(done)} steps${epochs}, all that were asked for.`;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Learned from ${from}: ${config.arch ?? 'an encoder'}${width} at ${config.imageSize ?? '?'} px, ${parts}${queue}. ${state}`,
    `Computed on ${backend || 'an unknown backend'}${adapter ? ` (${adapter})` : ''}${named.length > 0 ? `, ${named.join(', ')}` : ''}` +
      `${starts > 1 ? `; gone on with ${starts === 2 ? 'once' : `${starts - 1} times`}` : ''}.`,
  ];
}

/** Of one run: first what was measured on classes, where it was, then what its own question tells. */
export function figuresOf(run: RunRecord): readonly Figure[] {
  const figures: Figure[] = [];
  for (const measure of measuresOf([run]).accuracies) {
    const ends = endsOf(run, measure.key);
    if (!ends || figures.length === 2) continue;
    const chance = measure.levels?.(run)[0];
    const beside = [
      ends.first === null ? '' : `untrained ${withUnit(ends.first, '%')}`,
      chance ? `chance ${withUnit(chance.value, '%')}` : '',
    ];
    figures.push({
      title: measure.title,
      value: withUnit(ends.last, '%'),
      beside: beside.filter(Boolean).join(', '),
    });
  }
  const choices = choicesOf(run);
  const acc1 = lastMean(run, 'acc1');
  if (acc1) {
    figures.push({
      title: 'Finds the pair',
      value: `${number(acc1.value, 1)} %`,
      beside: choices ? `among ${number(choices.count)}; chance ${withUnit(100 / choices.count, '%')}` : '',
    });
  }
  const loss = lastMean(run, 'loss');
  if (loss) {
    figures.push({
      title: 'Loss',
      value: number(loss.value, 3),
      beside: choices ? `chance ${number(Math.log(choices.count), 3)}` : '',
    });
  }
  return figures;
}

function dataName({ kind, path }: NonNullable<RunRecord['data']>): string {
  if (kind === 'drawn') return 'drawn images';
  if (kind !== 'imagefolder') return named(kind);
  return path?.split(/[/\\]/).findLast((part) => part !== '') ?? 'a folder of images';
}
