/**
 * Fuzzing, bounded and seeded. A kind of input is made by the thousand and given to the code that reads it: each must be read, or
 * refused with the code of a MocoError, within its time. Everything else fails: another error, a hang, a control that
 * no longer works after it.
 *
 *     fuzz({
 *       kind: 'state.json',
 *       cases: 5000,
 *       input: (random) => damaged(random, good),
 *       take: (bytes) => readState(bytes),
 *       control: async () => expect(await readState(good)).toEqual(known),
 *     });
 *
 * `npm test` takes a small share of the cases, always the same ones; `npm run test:fuzz` all, from a seed of the day.
 * MOCO_FUZZ_SEED=7 is another seed; MOCO_FUZZ_CASE='state.json:123' makes that one case again; MOCO_FUZZ_TIMES=10 takes ten
 * times as many.
 */
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { FuzzRandom } from './random.ts';

export interface FuzzKind<Input> {
  /** What is made; a row of the table. One of each name. */
  readonly kind: string;
  /** How many in the whole suite; `npm test` takes a hundredth, and at least 20. */
  readonly cases: number;
  /** One of them, by nothing but these: case `number` is the same however many there are. */
  readonly input: (random: FuzzRandom, number: number) => Input | Promise<Input>;
  /** Reads it: what it gives does not matter. */
  readonly take: (input: Input) => unknown;
  /** What must still work after each case; throws where it does not. */
  readonly control?: () => unknown;
  /** Seconds of processor time that a case may take, control and all. Default 5. */
  readonly seconds?: number;
  /** What to call an input in a message. Default: its beginning as JSON, of bytes in hexadecimal. */
  readonly show?: (input: Input) => string;
}

/** What a kind came to, for the table: table.ts. */
export interface FuzzOutcome {
  readonly kind: string;
  readonly seed: number;
  readonly cases: number;
  /** How many were read, and how many refused with which code. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
  /** Milliseconds of processor time. */
  readonly slowest: number;
}

declare module 'vitest' {
  interface TaskMeta {
    fuzz?: FuzzOutcome;
  }
}

/** Set for the project `fuzz` (vitest.config.ts). */
const whole = process.env.MOCO_FUZZ === 'whole';
/** Days since 1970: a whole run looks for something else every day. */
const seed = Number(process.env.MOCO_FUZZ_SEED ?? (whole ? Math.floor(Date.now() / 86_400_000) : 1));
const times = Number(process.env.MOCO_FUZZ_TIMES ?? 1);
const only = /^(.*):(\d+)$/.exec(process.env.MOCO_FUZZ_CASE ?? '');
/** A hang is ended after as many times the limit: the clock goes on while others have the processor. */
const PATIENCE = 12;
const MOST_FAILURES = 5;

/** A test of all inputs of a kind. */
export function fuzz<Input>(of: FuzzKind<Input>): void {
  const { kind, seconds = 5 } = of;
  const share = Math.round(of.cases * times * (whole ? 1 : 0.01));
  const numbers = only
    ? [Number(only[2])]
    : Array.from({ length: Math.max(20, share) }, (_, number) => number);
  const timeout = 60_000 + numbers.length * seconds * 1000;
  test.skipIf(only && only[1] !== kind)(
    `${kind}: ${numbers.length} inputs, seed ${seed}`,
    { timeout },
    async ({ task }) => {
      const outcomes: Record<string, number> = {};
      const failures: string[] = [];
      let slowest = 0;
      const watch = watchdog(kind, seconds * PATIENCE);
      try {
        for (const number of numbers) {
          watch.at(number);
          const before = process.cpuUsage();
          const { outcome, failure } = await one(of, number);
          const { user, system } = process.cpuUsage(before);
          const spent = (user + system) / 1000;
          slowest = Math.max(slowest, spent);
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          const slow = spent > 1000 * seconds ? `took ${Math.round(spent)} ms of ${1000 * seconds}` : null;
          for (const what of [failure, slow]) {
            if (what !== null) failures.push(`${again(kind, number)}: ${what}`);
          }
          if (failures.length >= MOST_FAILURES) break;
        }
      } finally {
        await watch.end();
      }
      const cases = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
      task.meta.fuzz = { kind, seed, cases, outcomes, failures, slowest };
      expect(failures, failures.join('\n')).toEqual([]);
    },
  );
}

async function one<Input>(
  { kind, input, take, control, show = beginning }: FuzzKind<Input>,
  number: number,
): Promise<{ outcome: string; failure: string | null }> {
  const made = await input(new FuzzRandom(seed, kind, number), number);
  let outcome = 'read';
  let failure: string | null = null;
  try {
    await take(made);
  } catch (error) {
    if (error instanceof MocoError) outcome = error.code;
    else {
      outcome = 'FAILED';
      failure = `${error instanceof Error ? error.stack : String(error)}\n  input: ${show(made)}`;
    }
  }
  try {
    await control?.();
  } catch (error) {
    failure = `the control failed after it (${outcome}): ${String(error)}\n  input: ${show(made)}`;
  }
  return { outcome, failure };
}

const again = (kind: string, number: number): string =>
  `MOCO_FUZZ_SEED=${seed} MOCO_FUZZ_CASE='${kind}:${number}'`;

function beginning(input: unknown): string {
  if (input instanceof Uint8Array) {
    return `${input.length} bytes ${Buffer.from(input.subarray(0, 200)).toString('hex')}`;
  }
  return (JSON.stringify(input) ?? String(input)).slice(0, 400);
}

/**
 * Ends this process, with a word of which case it was, where one goes on and on: code that never waits lets no timer of its own
 * thread run, and vitest waits for it forever.
 */
function watchdog(kind: string, seconds: number) {
  // Number of the case, and how many were begun.
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const message = `\nfuzz: no end within ${seconds} s: MOCO_FUZZ_SEED=${seed} MOCO_FUZZ_CASE='${kind}:`;
  const worker = new Worker(
    `const { workerData: { shared, seconds, message } } = require('node:worker_threads');
    let seen = -1;
    setInterval(() => {
      const begun = Atomics.load(shared, 1);
      if (begun === seen) {
        require('node:fs').writeSync(2, message + Atomics.load(shared, 0) + "'\\n");
        process.kill(process.pid, 'SIGKILL');
      }
      seen = begun;
    }, 1000 * seconds);`,
    { eval: true, workerData: { shared, seconds, message } },
  );
  return {
    at(number: number): void {
      Atomics.store(shared, 0, number);
      Atomics.add(shared, 1, 1);
    },
    end: async () => void (await worker.terminate()),
  };
}
