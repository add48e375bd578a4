/** Take away: what the run has made, as files; and whether this machine computes right. */
import type { App, View } from '../app.ts';
import { h, megabytes, save } from '../elements.ts';
import { type Embedded, embeddingsOf } from '../embeddings.ts';
import { folderOf } from '../look/context.ts';
import { pairsAsCsv } from '../look/pairs-csv.ts';
import { likelyDuplicate } from '../look/typical.ts';
import { library } from '../moco-web.ts';
import { type Action, card } from '../take/card.ts';
import { machine } from '../take/machine.ts';
import { reportOf } from '../take/report.ts';
import { resumeCode } from '../take/resume-code.ts';
import { csvParts, npyParts } from '../take/rows-files.ts';
import { saveRunOf } from '../take/zip-run.ts';

const USE = `import { Encoder, Index } from 'moco-web';

const names = ['cat.jpg', 'dog.jpg', 'tree.jpg'];
const encoder = await Encoder.load('encoder.onnx');
const rows = await encoder.embed(names);
const index = await Index.from(rows, { names });
const query = await encoder.embed('new.jpg');
console.log(await index.search(query, 3));`;

export const take: View = (app, root) => {
  const own = machine();
  const cards = h('div', { class: 'take-cards' });
  let hadRun: boolean | null = null;
  const show = () => {
    const hasRun = app.run !== null && app.photos !== null;
    // What a card says stays while the run goes on.
    if (hasRun === hadRun) return;
    hadRun = hasRun;
    cards.replaceChildren(...(hasRun ? cardsOf(app) : [nothingYet()]));
  };
  root.replaceChildren(h('div', { class: 'take' }, h('h1', {}, 'Take it with you'), cards, own.element));
  show();
  const endings = [app.on('run', show), app.on('photos', show)];
  return () => {
    own.dispose();
    for (const off of endings) off();
  };
};

const nothingYet = () =>
  h(
    'section',
    { class: 'text' },
    h(
      'p',
      {},
      'There is nothing to take yet: train on some photos first. Below, this machine can be checked.',
    ),
    h('p', {}, h('a', { class: 'button', href: '#start' }, 'Start')),
  );

function cardsOf(app: App): HTMLElement[] {
  const embedded = async (tell: (words: string) => void): Promise<Embedded> => {
    const work = embeddingsOf(app);
    if (!work) throw new Error('Choose photos and train first.');
    const far = () => tell(`The encoders look at your photos: ${Math.floor((100 * work.done) / work.all)} %`);
    const timer = setInterval(far, 500);
    try {
      return await work.outcome;
    } finally {
      clearInterval(timer);
    }
  };
  const onnx: Action = async (tell) => {
    const { loadCheckpoint, exportOnnx } = await library();
    tell('Writing the encoder…');
    const checkpoint = await loadCheckpoint(app.run!.out);
    const bytes = await exportOnnx(checkpoint, 'backbone');
    save('encoder.onnx', bytes as Uint8Array<ArrayBuffer>);
    return `Saved ${megabytes(bytes.length)}, after ${checkpoint.state.step.toLocaleString('en')} steps.`;
  };
  const npy: Action = async (tell) => {
    const { after } = await embedded(tell);
    save('embeddings.npy', new Blob(npyParts(after.rows)));
    return `Saved ${after.rows.length.toLocaleString('en')} rows of ${after.rows[0]?.length ?? 0} numbers.`;
  };
  const csv: Action = async (tell) => {
    const all = await embedded(tell);
    tell('Writing the numbers…');
    save(
      'embeddings.csv',
      new Blob(await csvParts(all.after.rows, all.names, (row) => folderOf(all, row))),
      'text/csv',
    );
    return `Saved ${all.names.length.toLocaleString('en')} lines.`;
  };
  const duplicates: Action = async (tell) => {
    const { after, names } = await embedded(tell);
    tell('Comparing every photo with every other…');
    const threshold = likelyDuplicate(after.typical);
    const pairs = await after.index.duplicates(threshold);
    if (pairs.length === 0) return 'No two photos are so alike: nothing to save.';
    save('duplicates.csv', pairsAsCsv(pairs, names), 'text/csv');
    return `Saved ${pairs.length.toLocaleString('en')} pairs with a likeness of ${threshold} or more.`;
  };
  const report: Action = async (tell) => {
    const all = await embedded(tell);
    tell('Writing the report…');
    const text = await reportOf(app, all, tell);
    save('report.html', text, 'text/html');
    return `Saved ${megabytes(text.length)}.`;
  };
  return [
    card(
      'The encoder',
      'One ONNX file that any ONNX runtime runs: an image in, a row of numbers out. With moco-web it is a search in eight lines.',
      { 'Save encoder.onnx': onnx },
      code('Code that uses the encoder', USE),
    ),
    card(
      'The run',
      'All that it takes to go on where this page stopped, in Node, with the same numbers.',
      { 'Save run.zip': saveRunOf(app.run!.out) },
      code('What goes on in Node', resumeCode(app)),
    ),
    card('Where each photo lies', 'The encoder’s numbers for every photo, for NumPy or for a table.', {
      'Save .npy': npy,
      'Save .csv': csv,
    }),
    card(
      'Duplicates',
      'Pairs of photos that are far more alike than any two are, as a list. Look has a slider for how far.',
      {
        'Save duplicates.csv': duplicates,
      },
    ),
    card(
      'Report',
      'Curves, settings, neighbors before and after and a map of the photos as one HTML file, which asks nothing of any network.',
      { 'Save report.html': report },
    ),
  ];
}

const code = (label: string, text: string) =>
  h('pre', { tabindex: 0, role: 'region', 'aria-label': label }, h('code', {}, text));
