/** How far the run is, how long it still takes, and what can be done with it. */
import { counted, duration, h } from '../elements.ts';
import { actionButton } from '../take/card.ts';
import { saveRunOf } from '../take/zip-run.ts';
import type { Training } from '../training.ts';

/** Screen readers are told so often, in percent. */
const SPOKEN = 10;

export class ProgressLine {
  readonly element: HTMLElement;
  readonly #bar = h('progress', { max: '1', value: '0', 'aria-label': 'Training' });
  readonly #where = h('span', { class: 'mono' });
  readonly #left = h('span', {});
  readonly #kept = h('p', { class: 'small' });
  readonly #onward = h('a', { class: 'button', href: '#look' }, 'Look at what it found');
  readonly #pause: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #save: HTMLButtonElement;
  readonly #spoken = h('p', { class: 'spoken', 'aria-live': 'polite' });
  #told = '';

  /** @param beside what stands beside the buttons, and may come and go there without moving anything. @param more what else can be done */
  constructor(run: Training, beside: Node, ...more: Node[]) {
    this.#pause = h('button', {
      class: 'button',
      type: 'button',
      click: () => (run.state === 'paused' ? run.resume() : run.pause()),
    });
    this.#stop = h('button', { class: 'button-quiet', type: 'button', click: () => run.stop() }, 'Stop');
    const saved = h('p', { class: 'small', role: 'status' });
    this.#save = actionButton('Save', saveRunOf(run.out), saved, 'button-quiet');
    this.element = h(
      'section',
      { 'aria-label': 'Progress' },
      this.#bar,
      h('div', { class: 'progress-line' }, this.#where, this.#left),
      h(
        'div',
        { class: 'progress-below' },
        h(
          'div',
          {},
          h('div', { class: 'buttons' }, this.#onward, this.#pause, this.#stop, this.#save, ...more),
          this.#kept,
          saved,
        ),
        beside,
      ),
      this.#spoken,
    );
  }

  show(run: Training): void {
    const { state, totalSteps, savedStep } = run;
    const last = run.steps.at(-1);
    const step = last?.step ?? savedStep;
    const share = totalSteps > 0 ? step / totalSteps : 0;
    this.#bar.value = share;
    this.#where.textContent = totalSteps > 0 ? `step ${step} of ${totalSteps}` : '';
    this.#left.textContent = wordsOf(run);
    // The file is of what is kept, and before that there is none.
    this.#save.disabled = savedStep === 0;
    this.#kept.textContent = keptInWords(savedStep, totalSteps);
    this.#pause.textContent = state === 'paused' ? 'Go on' : 'Pause';
    this.#pause.disabled = state !== 'training' && state !== 'paused';
    const over = state === 'ended' || state === 'failed';
    this.#pause.hidden = this.#stop.hidden = over;
    this.#onward.hidden = state !== 'ended';
    this.#speak(
      state === 'training' ? `${Math.floor((100 * share) / SPOKEN) * SPOKEN} % trained` : wordsOf(run),
    );
  }

  #speak(text: string): void {
    if (text === this.#told) return;
    this.#told = text;
    this.#spoken.textContent = text;
  }
}

function keptInWords(savedStep: number, totalSteps: number): string {
  if (savedStep === 0) return '';
  if (savedStep >= totalSteps) return 'Kept in this browser: it is there after a reload.';
  return `Kept in this browser as of step ${savedStep}: a reload goes on from there.`;
}

function wordsOf({ state, reason, steps, totalSteps, backend }: Training): string {
  const last = steps.at(-1);
  switch (state) {
    case 'starting':
      return `Preparing the encoder, and keeping what it knows before: this takes some seconds on ${backend.backend}`;
    case 'training':
      return last ? `about ${duration(last.secondsLeft)} left` : 'The first steps take longest';
    case 'paused':
      return 'Paused';
    case 'ended':
      return last && last.step < totalSteps
        ? `Stopped after ${counted(last.step, 'step')}`
        : 'Trained: look at what it found';
    case 'failed':
      return `It failed: ${reason}`;
  }
}
