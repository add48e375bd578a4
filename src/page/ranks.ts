/** Several processes with one run, as everybody sets them up: what speaks MPI is loaded when it is asked for. */
import { aboveZero, expectOptions, type Forms, optional } from '../arguments.ts';
import type { JoinedRanks, MpiOptions } from '../train/mpi.ts';

const MPI_OPTIONS: Forms<MpiOptions> = { patience: optional(aboveZero) };

/**
 * Joins the other processes that mpirun or srun has started beside this one, for `ranks` of `pretrain`. Once a process, in Node
 * (with the optional package koffi) and Deno.
 * @throws MocoError usage where no launcher has started this process; distributed-unavailable where there is no MPI library, or
 * one that does not belong to the launcher
 */
export async function joinRanks(options: MpiOptions = {}): Promise<JoinedRanks> {
  expectOptions('joinRanks', options, MPI_OPTIONS);
  return (await import('../train/mpi.ts')).MpiRanks.join(options);
}
