/** The page: which of its views is shown, by the part of the address after #. */
import { App, type View } from './app.ts';
import { startServiceWorker } from './offline.ts';

/** Each is loaded when it is first shown. */
const VIEWS: Readonly<Record<string, () => Promise<View>>> = {
  start: async () => (await import('./views/start.ts')).start,
  learn: async () => (await import('./views/learn.ts')).learn,
  look: async () => (await import('./views/look.ts')).look,
  take: async () => (await import('./views/take.ts')).take,
};

const app = new App();
const root = document.querySelector<HTMLElement>('#view')!;
let leave = () => {};
let shown = '';

async function show(): Promise<void> {
  const name = location.hash.slice(1).split('/')[0] || 'start';
  const load = VIEWS[name] ?? VIEWS.start!;
  shown = name;
  const view = await load();
  // Another may have been asked for meanwhile.
  if (shown !== name) return;
  leave();
  root.replaceChildren();
  leave = view(app, root);
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

// Whoever goes by keyboard or ear goes on in the view.
addEventListener('hashchange', () => void show().then(() => root.focus({ preventScroll: true })));
await show();
void startServiceWorker();
