/** A run directory for one run alone, checked before any work: nobody else in it, no other run in it, and room to write. */
import { MocoError } from '../errors.ts';
import { type DirectoryLock, lockDirectory } from '../runtime/directory-lock.ts';
import type { FileStore } from '../runtime/file-store.ts';
import { openFolder } from '../runtime/files.ts';
import { checkWritable } from '../runtime/writable.ts';
import { type LoadedCheckpoint, listCheckpoints, STATE } from './run-directory.ts';

export interface ClaimedRun extends Pick<DirectoryLock, 'tookOver' | 'release'> {
  readonly store: FileStore;
  /** Whether the folder was made for it. */
  readonly isNew: boolean;
}

/**
 * Makes the folder, tries a file in it, and locks it until `release`.
 * @param resume what the run goes on from; null: a new run
 * @throws MocoError usage
 */
export async function claimRun(out: string, resume: LoadedCheckpoint | null): Promise<ClaimedRun> {
  if (typeof out !== 'string' || out.trim() === '') {
    throw new MocoError('usage', 'out is empty: name the run directory');
  }
  const store = await openFolder(out);
  try {
    await refuseOtherRuns(store, out, resume);
  } catch (error) {
    // A run that is going has later checkpoints than the one to resume from: that it is going says more.
    if (resume) await (await lockDirectory(out)).release();
    throw error;
  }
  const isNew = !(await store.exists(''));
  await checkWritable(store, '--out');
  const lock = await lockDirectory(out);
  try {
    // Another may have ended just now.
    await refuseOtherRuns(store, out, resume);
    return { store, isNew, tookOver: lock.tookOver, release: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** @throws MocoError usage where runs would be mixed */
async function refuseOtherRuns(
  store: FileStore,
  out: string,
  resume: LoadedCheckpoint | null,
): Promise<void> {
  const broken = new Set(resume?.skipped.map(({ directory }) => directory.split('/').at(-1)));
  const present = (await listCheckpoints(store)).filter((name) => !broken.has(name));
  if (present.length === 0) return;
  if (!resume) {
    throw new MocoError(
      'usage',
      `${out} holds checkpoints of an earlier run: go on with it by --resume ${out}, or choose another --out`,
    );
  }
  const { step } = resume.state;
  const later = present.find((name) => Number(name.slice('step-'.length)) > step);
  if (later) {
    throw new MocoError(
      'usage',
      `${out} holds ${later}, which is later than the checkpoint to resume from: choose another --out`,
    );
  }
  if (!(await holds(store, present, resume))) {
    throw new MocoError(
      'usage',
      `${out} holds another run than that of ${resume.directory}: choose another --out`,
    );
  }
}

/** Whether the checkpoint itself lies in the folder: its state.json has checksums of all that it is. */
async function holds(
  store: FileStore,
  present: readonly string[],
  { directory }: LoadedCheckpoint,
): Promise<boolean> {
  const limit = 2 ** 20;
  const own = await (await openFolder(directory)).read(STATE, limit).catch(() => null);
  for (const name of present) {
    const other = await store.read(`${name}/${STATE}`, limit).catch(() => null);
    if (own && other && own.length === other.length && own.every((byte, i) => byte === other[i])) return true;
  }
  return false;
}
