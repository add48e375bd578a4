/** How a saved run goes on in Node: by the command, which has to be told where photos lie; a drawn set is drawn again. */
import type { App } from '../app.ts';

export function resumeCode({ photos, run }: App): string {
  const data = photos!.data;
  const { steps, epochs } = run!.config;
  // Of what bounds the run, twice as much.
  const [bound, more] = steps === null ? (['epochs', 2 * epochs] as const) : (['steps', 2 * steps] as const);
  const { seed } = data.train as { readonly seed?: number };
  if (data.kind === 'drawn' && seed !== undefined) {
    return `import { describeDrawn, loadCheckpoint, mergeResumedConfig, pretrain } from 'moco-web';

const data = await describeDrawn(${data.trainLength}, ${data.testLength}, ${data.imageSize}, ${seed});
const resume = await loadCheckpoint('page'); // of run.zip
const { config: was } = resume.state;
const config = mergeResumedConfig(was, { ${bound}: ${more} }, ${data.trainLength});
const run = { config, data, resume, out: 'page' };
for await (const event of pretrain(run)) console.log(event);`;
  }
  return `unzip run.zip
npx moco-web pretrain --resume page \\
  --data FOLDER-OF-THE-PHOTOS --${bound} ${more}`;
}
