/** What the page notes of its run, so that a reload finds it again: checkpoints are in the origin private file system. */
import type { PhotosNote } from './choose-photos.ts';
import type { NoticeEvent, PretrainEvent, RunEvent, StepEvent } from './moco-web.ts';

export const RUN = 'runs/page';
export const START = 'runs/page-start';

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

/** Forgets the run, and removes its files. */
export async function removeRun(): Promise<void> {
  localStorage.removeItem(NAME);
  const runs = await navigator.storage.getDirectory();
  try {
    await runs.removeEntry('runs', { recursive: true });
  } catch (error) {
    // There is none yet.
    if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
  }
}
