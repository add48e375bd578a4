/** Start: what this is, in a sentence and a picture; photos are chosen, and the run begins. */
import type { App, View } from '../app.ts';
import { drawnPhotos, getReadyForDrops, givenPhotos, type Photos } from '../choose-photos.ts';
import { h, reasonOf } from '../elements.ts';
import { keepRuntime } from '../offline.ts';
import { showChosen, showSheet } from '../parts/chosen.ts';
import { backendInWords } from '../parts/facts.ts';
import { type Give, pickFolder, takeDrops } from '../parts/give-photos.ts';
import { showMosaic } from '../parts/mosaic.ts';
import { type SavedRun, savedRun } from '../saved-run.ts';
import { Training } from '../training.ts';

const SENTENCE =
  'Drop a folder of photos, watch an encoder learn to see them, and search them by likeness. Nothing leaves this machine.';

export const start: View = (app, root) => {
  const said = h('p', { class: 'small', role: 'status' });
  const chosen = h('section', { 'aria-label': 'Your photos' });
  const picture = h('div', { class: 'mosaic', 'aria-hidden': 'true' });
  const facts = h('p', { class: 'small facts' }, 'Looking at what there is to compute with…');
  let stopMosaic = () => {};
  let left = false;

  const say = (text: string) => {
    said.textContent = text;
  };
  const show = (photos: Photos) => {
    if (left) return;
    say('');
    // What comes next is Train.
    tryIt.className = 'button-quiet';
    stopMosaic();
    if (app.photos !== photos) {
      app.photos?.dispose();
      app.photos = photos;
      app.tell('photos');
    }
    picture.className = 'sheet';
    const seen = showSheet(picture, photos);
    showChosen(chosen, photos, seen, {
      change: show,
      train: (given, plan) => void train(app, given, plan, say),
    });
  };
  const choose = async (making: Promise<Photos>) => {
    try {
      show(await making);
    } catch (error) {
      say(reasonOf(error));
    }
  };
  const give: Give = (given) => {
    say('Looking through the files…');
    const told = (done: number, of: number) =>
      say(`Looked into ${done.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} files`);
    void choose(givenPhotos(given, told));
  };

  const tryIt = h(
    'button',
    { class: 'button', type: 'button', click: () => void choose(drawnPhotos()) },
    'Try it now',
  );
  root.replaceChildren(
    h(
      'div',
      { class: 'start' },
      h(
        'div',
        {},
        h('h1', {}, SENTENCE),
        h(
          'div',
          { class: 'buttons' },
          tryIt,
          h(
            'button',
            { class: 'button-quiet', type: 'button', click: () => pickFolder(give) },
            'Choose a folder',
          ),
        ),
        h(
          'p',
          { class: 'small' },
          'Try it now takes 1,200 shapes that this page draws. A folder can be dropped anywhere here: JPEG, PNG or WebP images, or the binaries of CIFAR-10.',
        ),
        said,
        ...goOnWith(app, say),
        chosen,
      ),
      picture,
    ),
    facts,
  );
  const stopDrops = takeDrops(give);
  void getReadyForDrops().catch((error: unknown) => say(`The package cannot be loaded: ${reasonOf(error)}`));
  backendInWords().then(
    async ({ words, backend }) => {
      facts.textContent = words;
      if (await keepRuntime(backend))
        facts.append(' It is kept here now: this page works without a network.');
    },
    (error: unknown) => {
      facts.textContent = reasonOf(error);
    },
  );
  const present = app.photos as Photos | null;
  let mosaic: Photos | null = null;
  if (present) show(present);
  else {
    void drawnPhotos().then((photos) => {
      mosaic = photos;
      if (!left && app.photos === null) stopMosaic = showMosaic(picture, photos);
    });
  }
  return () => {
    left = true;
    stopMosaic();
    stopDrops();
    mosaic?.dispose();
  };
};

type Say = (text: string) => void;

async function train(
  app: App,
  photos: Photos,
  plan: Parameters<Parameters<typeof showChosen>[3]['train']>[1],
  say: Say,
) {
  const { state } = app.run ?? {};
  if (state === 'training' || state === 'paused' || state === 'starting') {
    say('There is a run already: stop it in Learn first.');
    return;
  }
  const question =
    'The run that is kept here makes room for this one: of it, its encoder stays to compare with. Go on?';
  if (savedRun() && !confirm(question)) return;
  await Training.begin(app, photos, plan);
  location.hash = 'learn';
}

/** Of a run that a page before this one has left. */
function goOnWith(app: App, say: Say): HTMLElement[] {
  const saved = savedRun();
  if (!saved || app.run) return [];
  const goOn = async (saved: SavedRun) => {
    say('Reading the run…');
    try {
      await Training.goOn(app, saved);
      location.hash = ended ? 'look' : 'learn';
    } catch (error) {
      say(reasonOf(error));
    }
  };
  const title = saved.photos.kind === 'drawn' ? 'the drawn shapes' : saved.photos.title;
  const ended = saved.step >= saved.totalSteps;
  return [
    h(
      'div',
      { class: 'card' },
      h(
        'p',
        {},
        ended
          ? `A run on ${title} is kept here: it has ended.`
          : `A run on ${title} is kept here, as of step ${saved.step.toLocaleString('en-US')} of ${saved.totalSteps.toLocaleString('en-US')}.`,
      ),
      h(
        'button',
        { class: 'button-quiet', type: 'button', click: () => void goOn(saved) },
        ended ? 'Look at it' : 'Go on',
      ),
    ),
  ];
}
