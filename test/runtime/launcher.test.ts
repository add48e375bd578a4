import { describe, expect, it } from 'vitest';
import { launcherOf } from '../../src/runtime/mpi/launcher.ts';

describe('launcherOf', () => {
  it.each([
    ['nothing', {}, null],
    [
      'mpirun of Open MPI',
      {
        OMPI_COMM_WORLD_RANK: '3',
        OMPI_COMM_WORLD_SIZE: '8',
        OMPI_COMM_WORLD_LOCAL_SIZE: '4',
        PMIX_RANK: '3',
      },
      { name: 'mpirun of Open MPI', family: 'Open MPI', rank: 3, size: 8, localSize: 4 },
    ],
    [
      'mpirun of MPICH, inside of a job of Slurm',
      {
        ...{ PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALNRANKS: '2' },
        ...{ SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' },
      },
      { name: 'mpirun of MPICH', family: 'MPICH', rank: 1, size: 2, localSize: 2 },
    ],
    [
      'mpirun -pmi-port of MPICH',
      { PMI_ID: '1', PMI_PORT: 'host:1234' },
      { name: 'mpirun of MPICH', family: 'MPICH', rank: 1, size: null, localSize: null },
    ],
    [
      'srun with PMIx',
      {
        ...{ SLURM_PROCID: '5', SLURM_STEP_NUM_TASKS: '7', SLURM_STEP_TASKS_PER_NODE: '4,3' },
        PMIX_RANK: '5',
      },
      { name: 'srun', family: null, rank: 5, size: 7, localSize: 4 },
    ],
    [
      'srun with PMI 2, which is MPICH’s',
      { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '2', SLURM_MPI_TYPE: 'pmi2', PMI_RANK: '1', PMI_SIZE: '2' },
      { name: 'srun', family: 'MPICH', rank: 1, size: 2, localSize: null },
    ],
    ['a batch script of Slurm, which is no task', { SLURM_PROCID: '0', SLURM_NTASKS: '8' }, null],
    [
      'another launcher of PMIx',
      { PMIX_RANK: '2' },
      { name: 'a launcher of PMIx', family: null, rank: 2, size: null, localSize: null },
    ],
    ['variables that are no numbers', { OMPI_COMM_WORLD_RANK: 'x', PMI_RANK: '-1' }, null],
  ])('knows %s', (_, variables, launcher) => {
    expect(launcherOf(variables as Record<string, string>)).toEqual(launcher);
  });
});
