/** Every function of the public API refuses what it cannot take, before it works: by a code, in a line, by the names of its options. */
import { afterAll, describe, expect, test } from 'vitest';
import { exports as entries } from '../../package.json';
import { MocoError } from '../../src/index.ts';
import { CALLS, type Call, ENTRIES } from './calls.ts';
import { JUNK, type Junk, outcomeOf } from './values.ts';

const FUNCTIONS = Object.assign({}, ...Object.values(ENTRIES)) as Record<
  string,
  (...args: unknown[]) => unknown
>;
const isClass = (value: unknown) => typeof value === 'function' && /^class\b/.test(String(value));

test('every function that is exported has a call here, and every entry of the package', () => {
  expect(Object.keys(ENTRIES)).toEqual(Object.keys(entries).filter((name) => name !== './package.json'));
  const functions = Object.entries(FUNCTIONS).filter(
    ([, value]) => typeof value === 'function' && !isClass(value),
  );
  expect(functions.length).toBeGreaterThan(30);
  expect(functions.map(([name]) => name).filter((name) => !(name in CALLS))).toEqual([]);
});

const tally = { functions: 0, inputs: 0, codes: new Map<string, number>() };
afterAll(() => {
  if (!process.env.MOCO_SHOW) return;
  const codes = [...tally.codes].map(([code, count]) => `${code} ${count}`).join(', ');
  console.log(`${tally.functions} functions, ${tally.inputs} bad inputs: ${codes}`);
});

/** A call with one thing wrong. */
interface Mistake {
  readonly what: string;
  readonly args: readonly unknown[];
  /** What the message has to say. */
  readonly says?: RegExp;
}

describe.each(Object.entries(CALLS).filter(([, { args }]) => args.length > 0))('%s', (name, call) => {
  const mistakes = mistakesIn(call);
  test(`refuses ${mistakes.length} bad inputs`, async () => {
    const wrong: string[] = [];
    for (const { what, args, says } of mistakes) {
      const run = call.call as ((...args: unknown[]) => unknown) | undefined;
      const problem = await problemOf(() => (run ?? FUNCTIONS[name]!)(...args), call, says);
      if (problem) wrong.push(`${name}, ${what}: ${problem}`);
    }
    expect(wrong).toEqual([]);
    tally.functions++;
    tally.inputs += mistakes.length;
  });
});

function mistakesIn({ args, takes = {}, options = {}, open = [] }: Call): Mistake[] {
  const at = (position: number, value: unknown) => args.map((arg, i) => (i === position ? value : arg));
  return args.flatMap((given, position): Mistake[] => {
    const mistakes = junk(takes[position]).map(([kind, value]) => ({
      what: `argument ${position} is ${kind}`,
      args: at(position, value),
    }));
    const named = options[position];
    if (!named) return mistakes;
    const whole = given as object;
    const inOptions = Object.entries(named).flatMap(([option, may]) =>
      junk(may).map(([kind, value]) => ({
        what: `${option} is ${kind}`,
        args: at(position, { ...whole, [option]: value }),
        ...(open.includes(position) ? {} : { says: new RegExp(`\\b${option}\\b`) }),
      })),
    );
    if (open.includes(position)) return [...mistakes, ...inOptions];
    const [first = ''] = Object.keys(named);
    const misspelled = `${first}z`;
    return [
      ...mistakes,
      ...inOptions,
      {
        what: 'an option that there is not',
        args: at(position, { ...whole, qqqqqqqqqqqq: 1 }),
        says: /no option '[\w.]*qqqqqqqqqqqq': the options are /,
      },
      {
        what: 'an option that is misspelled',
        args: at(position, { ...whole, [misspelled]: 1 }),
        says: new RegExp(`no option '[\\w.]*${misspelled}' \\(did you mean '${first}'\\?\\)`),
      },
    ];
  });
}

const junk = (may: readonly Junk[] = []): [Junk, unknown][] =>
  (Object.entries(JUNK) as [Junk, unknown][]).filter(([kind]) => !may.includes(kind));

/** Null where a call is refused as it should be. */
async function problemOf(call: () => unknown, { codes = [] }: Call, says?: RegExp): Promise<string | null> {
  try {
    await outcomeOf(call);
    return 'was taken';
  } catch (error) {
    if (!(error instanceof MocoError)) return `not a MocoError: ${error}`;
    tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
    if (!['usage', ...codes].includes(error.code)) return `code ${error.code}: ${error.message}`;
    if (/\n|\[object|--[a-z]/.test(error.message)) return `says: ${error.message}`;
    return says && !says.test(error.message) ? `does not say ${says}: ${error.message}` : null;
  }
}
