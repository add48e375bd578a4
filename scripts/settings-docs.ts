/** Writes docs/settings.md from the table of settings: see test/settings/docs.test.ts, which `npm run docs:settings` runs. */
import { choicesOf, rangeOf } from '../src/settings/kinds.ts';
import { FEWEST_PHOTOS } from '../src/settings/photos.ts';
import { PRESETS } from '../src/settings/presets.ts';
import { RULES } from '../src/settings/rules.ts';
import type { Owner, Setting } from '../src/settings/setting.ts';
import { type Known, SETTING_LIST, SHORTHAND_LIST, type Words } from '../src/settings/settings.ts';

/** @param table text of src/settings/table.ts: the comments of its entries say what each is */
export function settingsDocs(table: string, known: Known): string {
  const presets = Object.entries<Readonly<Record<string, unknown>>>(PRESETS);
  const settings = SETTING_LIST.flatMap(([name, setting]) => [
    `### ${name}`,
    '',
    docOf(table, name),
    '',
    `- value: ${valuesOf(name, setting, known.words)}`,
    ...(setting.flag ? [`- option: ${flagsOf(setting.flag)}`] : []),
    ...(setting.default === undefined ? [] : [`- default: ${code(setting.default)}`]),
    ...(setting.only ? [`- only of ${ownerOf(setting.only)}`] : []),
    ...(setting.resume === 'grows' ? ['- a resumed run may raise it'] : []),
    ...(setting.since
      ? [
          `- since checkpoints of format ${setting.since.format}; earlier runs had ${code(setting.since.absent)}`,
        ]
      : []),
    '',
  ]);
  const rows = SETTING_LIST.filter(([, { preset }]) => preset).map(
    ([name]) => `| ${name} | ${presets.map(([, values]) => shown(values[name])).join(' | ')} |`,
  );
  return [
    '# Settings',
    '',
    '<!-- Written by `npm run docs:settings` from src/settings/table.ts. -->',
    '',
    'Everything that determines the numbers of a run. `resolveConfig(preset, overrides)` takes them by name, `moco-web',
    'pretrain` and `bench` by option; a checkpoint holds them all. What neither says comes from the preset.',
    '',
    '## Presets',
    '',
    `| | ${presets.map(([name]) => name).join(' | ')} |`,
    `| --- |${' --- |'.repeat(presets.length)}`,
    ...rows,
    '',
    'What `photos` says here is for data of which nothing is known. Told how many images there are, it cuts width, imageSize,',
    'batchSize, groups, queueSize and epochs to them, to the backend and to a time, `--minutes` (10 where it is left out;',
    "`resolveConfig('photos', overrides, { ...factsOf(data), minutes, backend, processors })`): `src/settings/photos.ts` has the rules.",
    `It needs ${FEWEST_PHOTOS} images. What is given stays, and the rest follows.`,
    '',
    '## Each',
    '',
    ...settings,
    '## Shorthands',
    '',
    ...SHORTHAND_LIST.map(
      ([name, { of, flag }]) => `- \`${name}\` (${flagsOf(flag)}), for ${of}: ${docOf(table, name)}`,
    ),
    '',
    '## Together',
    '',
    ...RULES.map(({ says }) => `- ${says}`),
    '',
    `Smallest images by stem: ${Object.entries(known.smallestImage)
      .map(([stem, side]) => `${stem} ${side} px`)
      .join(', ')}.`,
    '',
  ].join('\n');
}

/** The comment above an entry. */
function docOf(table: string, name: string): string {
  const [, comment] = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*${name}: \\{`).exec(table) ?? [];
  if (comment === undefined) throw new Error(`src/settings/table.ts has no comment on ${name}`);
  return comment.replace(/\n\s*\*/g, '').trim();
}

function valuesOf(name: string, { kind }: Setting, words: Words): string {
  const range =
    kind.type === 'word'
      ? choicesOf(kind, words[name as keyof Words], true)
          .map(code)
          .join(', ')
      : rangeOf(kind);
  return kind.orNull ? `${range}, or null` : range;
}

function flagsOf({ name, no }: { readonly name: string; readonly no?: string }): string {
  return [name, ...(no === undefined ? [] : [name.replace('--', '--no-')])].map(code).join(', ');
}

function ownerOf(owner: Owner): string {
  if ('method' in owner) return `method ${owner.method.join(', ')}`;
  if ('optimizer' in owner) return `optimizer ${owner.optimizer.join(', ')}`;
  return owner.encoder === 'file' ? 'encoders from an ONNX file' : 'the built-in ResNets';
}

const code = (value: unknown) => `\`${String(value)}\``;

const shown = (value: unknown) => (value === undefined ? '' : String(value));
