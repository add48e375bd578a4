/** Look: what the encoder has learned, seen in which photos it puts near each other. */
import type { View } from '../app.ts';
import { h, reasonOf } from '../elements.ts';
import { type Embedded, embeddingsOf, forgetEmbeddings, type Work } from '../embeddings.ts';
import type { LookContext, Panel } from '../look/context.ts';
import { duplicatesPanel } from '../look/duplicates.ts';
import { mapPanel } from '../look/map.ts';
import { neighborsPanel } from '../look/neighbors.ts';
import { oddPanel } from '../look/odd.ts';
import { tabs } from '../look/tabs.ts';
import { waiting } from '../look/waiting.ts';
import { library } from '../moco-web.ts';
import type { ChosenPhotos } from '../photos.ts';

/** Milliseconds. */
const LOOK_EVERY = 5000;

export const look: View = (app, root) => {
  let end = () => {};
  let gone = false;
  /** What is waited for, or shown. */
  let asked: Work | null = null;

  function start(): void {
    end();
    const work = embeddingsOf(app);
    asked = work;
    const { photos, run } = app;
    if (!work || !photos || !run) {
      root.replaceChildren(nothingYet(photos !== null));
      return;
    }
    const shown = waiting('The encoders look at your photos', work);
    end = () => shown.dispose();
    root.replaceChildren(shown.element);
    work.outcome.then(
      (embedded) => {
        shown.dispose();
        if (gone || asked !== work) return;
        end = whole(root, photos, embedded, again);
        tellNewer(embedded);
      },
      (error: unknown) => {
        if (gone || asked !== work) return;
        root.replaceChildren(failed(error, again));
        if ((error as { code?: string }).code === 'data-missing') end = whenSaved(run.out, again);
      },
    );
  }

  const again = () => {
    forgetEmbeddings();
    start();
  };

  const tellNewer = ({ after }: Embedded) => {
    const button = root.querySelector<HTMLElement>('.look-newer');
    if (!button) return;
    const saved = app.run?.steps.at(-1)?.step ?? after.step;
    button.hidden = saved <= after.step;
  };
  const endings = [
    app.on('photos', start),
    app.on('run', () => {
      if (!root.querySelector('.look-tabs')) {
        // Where there was no run, there may be one now.
        if (root.querySelector('.look-nothing') && app.run) start();
        return;
      }
      const work: Work | null = embeddingsOf(app);
      void work?.outcome.then(tellNewer, () => {});
    }),
  ];
  start();
  return () => {
    gone = true;
    end();
    for (const off of endings) off();
  };
};

/** @returns what ends it */
function whole(root: HTMLElement, photos: ChosenPhotos, embedded: Embedded, again: () => void): () => void {
  const live = h('p', { class: 'spoken', role: 'status' });
  const context: LookContext = {
    photos,
    embedded,
    open(row) {
      bar.choose('Neighbors');
      neighbors.show({ row });
    },
    say: (words) => {
      live.textContent = words;
    },
  };
  const neighbors = neighborsPanel(context);
  // Made when they are first looked at.
  const bar = tabs({
    Neighbors: (): Panel => neighbors,
    Map: () => mapPanel(context),
    Duplicates: () => duplicatesPanel(context),
    'Odd ones out': () => oddPanel(context),
  });
  const newer = h(
    'button',
    { type: 'button', class: 'button button-quiet look-newer', hidden: true, click: again },
    'Look again with what it has learned since',
  );
  root.replaceChildren(h('h1', { class: 'spoken' }, 'Look'), bar.element, newer, live);
  neighbors.show({ row: 0 });
  return bar.dispose;
}

/** Looks now and then whether there is a checkpoint. @returns what ends it */
function whenSaved(path: string, then: () => void): () => void {
  let ended = false;
  const timer = setInterval(async () => {
    const { loadCheckpoint } = await library();
    const saved = await loadCheckpoint(path).catch(() => null);
    if (!saved || ended) return;
    clearInterval(timer);
    then();
  }, LOOK_EVERY);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

const nothingYet = (havePhotos: boolean) =>
  h(
    'section',
    { class: 'look-nothing text' },
    h('h1', {}, 'Nothing to look at yet'),
    h(
      'p',
      {},
      havePhotos
        ? 'Train on your photos first: a minute is enough to see a difference.'
        : 'Choose some photos first, or take the drawn ones.',
    ),
    h('p', {}, h('a', { class: 'button', href: '#start' }, 'Start')),
  );

function failed(error: unknown, again: () => void): HTMLElement {
  const isEarly = (error as { code?: string }).code === 'data-missing';
  return h(
    'section',
    { class: 'look-failed text' },
    h('h1', {}, isEarly ? 'Nothing is saved yet' : 'The photos could not be looked at'),
    h(
      'p',
      { role: 'alert' },
      isEarly ? 'The run saves the encoder now and then, and when it is stopped.' : reasonOf(error),
    ),
    h(
      'p',
      {},
      h('button', { type: 'button', class: 'button', click: again }, 'Try again'),
      ' ',
      h('a', { class: 'button button-quiet', href: '#learn' }, 'See how far it is'),
    ),
  );
}
