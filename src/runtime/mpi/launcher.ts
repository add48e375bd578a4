/** What has started this process beside others: mpirun or srun, by the variables that they set. */
import { runtimeName } from '../detect.ts';

export interface Launcher {
  /** As people call it. */
  readonly name: string;
  /** Whose library it belongs to; null: any (Slurm). */
  readonly family: 'Open MPI' | 'MPICH' | null;
  readonly rank: number;
  /** How many processes it has started; null where it does not tell. */
  readonly size: number | null;
  /** How many of them on this machine; null where it does not tell. */
  readonly localSize: number | null;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of this process; none in a page, and where Deno may not read them. */
export function processVariables(): Variables {
  if (runtimeName() === 'browser') return {};
  try {
    return { ...process.env };
  } catch {
    return {};
  }
}

/**
 * Null where nothing of the kind has started this process. A batch script of Slurm is none of its tasks: only `srun` says how
 * many a step has. The launcher's own words come before Slurm's, inside of whose jobs mpirun may be called.
 */
export function launcherOf(variables: Variables = processVariables()): Launcher | null {
  const number = (name: string): number | null => {
    const text = variables[name];
    return text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : null;
  };
  const openMpi = number('OMPI_COMM_WORLD_RANK');
  if (openMpi !== null) {
    return {
      name: 'mpirun of Open MPI',
      family: 'Open MPI',
      rank: openMpi,
      size: number('OMPI_COMM_WORLD_SIZE'),
      localSize: number('OMPI_COMM_WORLD_LOCAL_SIZE'),
    };
  }
  const step = number('SLURM_STEP_NUM_TASKS');
  const task = number('SLURM_PROCID');
  if (step !== null && task !== null && number('MPI_LOCALNRANKS') === null) {
    // `4(x2),3`: the tasks of each node in turn; they differ by one at most where nobody asked for else.
    const local = /^\d+/.exec(variables.SLURM_STEP_TASKS_PER_NODE ?? '')?.[0];
    return {
      name: 'srun',
      family: null,
      rank: task,
      size: step,
      localSize: local === undefined ? null : Number(local),
    };
  }
  const pmi = number('PMI_RANK');
  if (pmi !== null) {
    return {
      name: 'mpirun of MPICH',
      family: 'MPICH',
      rank: pmi,
      size: number('PMI_SIZE'),
      localSize: number('MPI_LOCALNRANKS'),
    };
  }
  const pmix = number('PMIX_RANK');
  return pmix === null
    ? null
    : { name: 'a launcher of PMIx', family: null, rank: pmix, size: null, localSize: null };
}
