/** Learn: how the run is going, as numbers, as curves, and as the question that the encoder is asked. */
import type { App, View } from '../app.ts';
import { h, reasonOf } from '../elements.ts';
import type { NoticeEvent } from '../moco-web.ts';
import { Curves } from '../parts/curves.ts';
import { Pairs } from '../parts/pairs.ts';
import { ProgressLine } from '../parts/progress-line.ts';
import { savedRun } from '../saved-run.ts';
import { Training } from '../training.ts';

export const learn: View = (app, root) => {
  let leaveRun = () => {};
  let shown: unknown = null;
  const look = () => {
    if (app.run === shown && shown !== null) return;
    leaveRun();
    shown = app.run;
    // Runs of this page are of this kind alone.
    leaveRun = app.run ? showRun(app, root, app.run as Training) : showNone(root);
  };
  look();
  const stop = app.on('run', look);
  return () => {
    stop();
    leaveRun();
  };
};

function showNone(root: HTMLElement): () => void {
  root.replaceChildren(
    h('h1', {}, 'Nothing is being learned yet.'),
    h('p', { class: 'text' }, 'Choose photos first, or go on with a run that is kept here.'),
    h('a', { class: 'button', href: '#start' }, 'Choose photos'),
  );
  return () => {};
}

function showRun(app: App, root: HTMLElement, run: Training): () => void {
  const pairs = new Pairs();
  const curves = new Curves(run.photos.data.trainLabels !== null);
  const notices = h('ul', { class: 'notices text', 'aria-live': 'polite', 'aria-label': 'Notices' });
  const said = h('p', { class: 'small', role: 'status' });
  const goOn = h('button', { class: 'button-quiet', type: 'button' }, 'Go on from what is kept');
  goOn.addEventListener('click', async () => {
    goOn.disabled = true;
    const saved = savedRun();
    try {
      if (saved) await Training.goOn(app, saved, run.photos);
    } catch (error) {
      said.textContent = reasonOf(error);
    }
  });
  const progress = new ProgressLine(run, notices, goOn);
  root.replaceChildren(
    h('h1', { class: 'spoken' }, 'Learn'),
    progress.element,
    said,
    h('div', { class: 'learn' }, pairs.element, h('div', { class: 'curves' }, ...curves.large)),
    h('div', { class: 'multiples' }, ...curves.small),
  );
  let asked = 0;
  const show = () => {
    asked = 0;
    progress.show(run);
    pairs.show(run);
    curves.show(run);
    const over = run.state === 'ended' || run.state === 'failed';
    goOn.hidden = !over || run.savedStep === 0 || run.savedStep >= run.totalSteps;
    const told = run.notices.map(inWords).filter((words) => words !== null);
    for (const words of told.slice(notices.childElementCount)) notices.append(h('li', {}, words));
  };
  // Many events come between two frames, and none is drawn while nobody looks.
  const stop = app.on('run', () => {
    asked ||= requestAnimationFrame(show);
  });
  show();
  return () => {
    stop();
    cancelAnimationFrame(asked);
    curves.dispose();
  };
}

/** Null where the curves show it. */
function inWords({ about, message }: NoticeEvent): string | null {
  if (about === 'chance') return null;
  if (about === 'queue') {
    return (
      'The loss rises at first, and pairs are found less often: the queue fills with views of real photos, which are harder ' +
      'to tell apart than the random vectors it began with. That is right.'
    );
  }
  return sentence(message);
}

const sentence = (text: string) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
