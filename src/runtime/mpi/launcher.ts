/** What has started this process beside others: mpirun or srun, by the variables that they set. */
import { MocoError } from '../../errors.ts';
import { isNode, runtimeName } from '../detect.ts';
import { nodeModule } from '../node.ts';

export interface Launcher {
  /** As people call it. */
  readonly name: string;
  /** Whose library it belongs to, or speaks to best; null: any. */
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
      // What `--mpi` says: Open MPI as distributions build it speaks PMIx alone, MPICH speaks pmi2.
      family: variables.SLURM_MPI_TYPE === 'pmi2' ? 'MPICH' : null,
      rank: task,
      size: step,
      localSize: local === undefined ? null : Number(local),
    };
  }
  // PMI_ID: where the launcher listens at a port (-pmi-port).
  const pmi = number('PMI_RANK') ?? number('PMI_ID');
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

/**
 * MPICH's launcher speaks to a process by an open file, which a process between them, as npx is one, does not hand on.
 * @throws MocoError distributed-unavailable
 */
export async function expectReachable(variables: Variables = processVariables()): Promise<void> {
  const file = variables.PMI_FD;
  if (file === undefined || !isNode()) return;
  const { fstatSync } = await nodeModule('fs');
  try {
    if (fstatSync(Number(file)).isSocket()) return;
  } catch {
    // It is closed.
  }
  throw new MocoError(
    'distributed-unavailable',
    'mpirun of MPICH cannot be reached from here, as a wrapper (npx?) stands between: mpirun -pmi-port gets through, or start node itself',
  );
}
