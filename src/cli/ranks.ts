/** A command that several processes run together: started by mpirun or srun, one of them speaks for all. */
import { type Command, Option } from 'commander';
import { INPUT_ERRORS, MocoError, messageOf } from '../errors.ts';
import { coresOfEach } from '../runtime/cores.ts';
import { launcherOf } from '../runtime/mpi/launcher.ts';
import { SharedError } from '../train/agree.ts';
import { alone, type Collective } from '../train/collective.ts';
import { MpiRanks } from '../train/mpi.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';

export type Distributed = 'auto' | 'mpi' | 'none';

/** Milliseconds that the first rank has to say what keeps all of them from joining; then the launcher ends the others. */
const FIRST_SPEAKS = 3000;
const FAILED = 1;
const BAD_INPUT = 2;

export function addDistributedOptions(command: Command): Command {
  const what = 'share the groups of a batch among the processes of mpirun or srun';
  return command
    .addOption(choice('--distributed <how>', what, ['auto', 'mpi', 'none']).default('auto'))
    .addOption(
      new Option('--patience <seconds>', 'how long a rank waits for the others (default: 1800)').argParser(
        Number,
      ),
    );
}

/** What the ranks of a command have. */
export interface Team {
  readonly ranks: Collective;
  /** Of ranks other than the first a silent one, but for errors. */
  readonly terminal: Terminal;
  /** By default: a share of the processors of the machine. Undefined where nothing else is on it. */
  readonly workers: number | undefined;
  /** Who they are, in a line; null where there is one. */
  readonly line: string | null;
}

/**
 * Does a task on all ranks, which it leaves when it is done. What all of them throw is told by the first; what one throws
 * ends all, with a line that names it.
 * @throws MocoError what the task throws, or why there can be no ranks: usage, distributed-unavailable
 */
export async function withRanks(
  { distributed = 'auto', patience }: { distributed?: Distributed; patience?: number },
  terminal: Terminal,
  task: (team: Team) => Promise<void>,
): Promise<void> {
  const launcher = launcherOf();
  const isAlone = distributed === 'none' || (distributed === 'auto' && (launcher?.size ?? launcher) === 1);
  if (isAlone || (distributed === 'auto' && !launcher)) {
    return task({ ranks: alone, terminal, workers: undefined, line: null });
  }
  const ranks = await join(launcher?.rank ?? 0, patience, terminal);
  if (!ranks) return;
  const { rank, size, library } = ranks;
  try {
    await task({
      ranks,
      terminal: rank === 0 ? terminal : silent(terminal),
      workers: await coresOfEach(launcher?.localSize ?? 1),
      line: `${size} ranks of ${launcher?.name ?? 'MPI'}, by ${library}`,
    });
  } catch (error) {
    if (size > 1 && !isEverywhere(error)) {
      terminal.error(`error: rank ${rank} of ${size}: ${messageOf(error)}`);
      await ranks.abort(codeOf(error));
    }
    await ranks.leave();
    if (rank === 0) throw error;
    terminal.exitCode = codeOf(error);
    return;
  }
  await ranks.leave();
}

/** Null where it is for the first to say why there are none. */
async function join(
  rank: number,
  patience: number | undefined,
  terminal: Terminal,
): Promise<MpiRanks | null> {
  try {
    return await MpiRanks.join(patience === undefined ? {} : { patience: 1000 * patience });
  } catch (error) {
    if (rank === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, FIRST_SPEAKS));
    if (!(error instanceof SharedError)) throw error;
    terminal.exitCode = codeOf(error);
    return null;
  }
}

/** What comes of numbers that all ranks have. */
function isEverywhere(error: unknown): boolean {
  return error instanceof SharedError || (error instanceof MocoError && error.code === 'loss-not-finite');
}

function codeOf(error: unknown): number {
  return error instanceof MocoError && INPUT_ERRORS.has(error.code) ? BAD_INPUT : FAILED;
}

function silent(terminal: Terminal): Terminal {
  return {
    out: () => {},
    error: (line) => terminal.error(line),
    get exitCode() {
      return terminal.exitCode;
    },
    set exitCode(code: number) {
      terminal.exitCode = code;
    },
    exit: (code) => terminal.exit(code),
    onSignal: (signal, handler) => terminal.onSignal(signal, handler),
    offSignal: (signal, handler) => terminal.offSignal(signal, handler),
    bar: null,
  };
}
