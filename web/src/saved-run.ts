/** What the page notes of its run, so that a reload finds it again: checkpoints are in the origin private file system. */
import type { PhotosNote } from './choose-photos.ts';
import { library, type NoticeEvent, type PretrainEvent, type RunEvent, type StepEvent } from './moco-web.ts';

export const RUN = 'runs/page';
export const START = 'runs/page-start';
/** The newest checkpoint of the run before: to compare with. */
export const EARLIER = 'runs/earlier';

/** As of the last checkpoint. */
export interface SavedRun {
  readonly photos: PhotosNote;
  readonly step: number;
  readonly totalSteps: number;
  readonly about: RunEvent;
  readonly steps: readonly StepEvent[];
  readonly measurements: readonly PretrainEvent[];
  readonly notices: readonly NoticeEvent[];
}

const NAME = 'moco-web.run';
/** Browsers give a page 5 MB for its notes: longer curves are kept thinned out. */
const MOST_STEPS = 2000;

export function savedRun(): SavedRun | null {
  const text = localStorage.getItem(NAME);
  if (text === null) return null;
  try {
    return JSON.parse(text) as SavedRun;
  } catch {
    return null;
  }
}

export function saveRun(run: SavedRun): void {
  const every = Math.ceil(run.steps.length / MOST_STEPS);
  const steps = run.steps.filter((_, i) => i % every === 0 || i === run.steps.length - 1);
  try {
    localStorage.setItem(NAME, JSON.stringify({ ...run, steps }));
  } catch {
    // No room: the run goes on after a reload without its curves.
    localStorage.setItem(NAME, JSON.stringify({ ...run, steps: [], measurements: [] }));
  }
}

/** Makes room for another run. Of this one its newest checkpoint stays, to compare with. */
export async function setRunAside(): Promise<void> {
  localStorage.removeItem(NAME);
  const storage = await navigator.storage.getDirectory();
  const runs = await storage.getDirectoryHandle('runs', { create: true });
  const { loadCheckpoint } = await library();
  // Checked and whole; there may be none.
  const newest = await loadCheckpoint(RUN).catch(() => null);
  if (newest) {
    await remove(runs, nameIn(EARLIER));
    const name = newest.directory.split('/').at(-1)!;
    const from = await (await runs.getDirectoryHandle(nameIn(RUN))).getDirectoryHandle(name);
    const to = await runs.getDirectoryHandle(nameIn(EARLIER), { create: true });
    await copyFiles(from, await to.getDirectoryHandle(name, { create: true }));
  }
  await remove(runs, nameIn(RUN));
  await remove(runs, nameIn(START));
}

/** Whether there is a run to compare with. */
export async function hasEarlier(): Promise<boolean> {
  const storage = await navigator.storage.getDirectory();
  const runs = await storage.getDirectoryHandle('runs').catch(() => null);
  const earlier = await runs?.getDirectoryHandle(nameIn(EARLIER)).catch(() => null);
  return !!earlier;
}

const nameIn = (path: string) => path.split('/').at(-1)!;

async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name, { recursive: true });
  } catch (error) {
    // There is none yet.
    if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
  }
}

async function copyFiles(from: FileSystemDirectoryHandle, to: FileSystemDirectoryHandle): Promise<void> {
  for await (const handle of from.values()) {
    if (handle.kind !== 'file') continue;
    const writable = await (await to.getFileHandle(handle.name, { create: true })).createWritable();
    await (await (handle as FileSystemFileHandle).getFile()).stream().pipeTo(writable);
  }
}
