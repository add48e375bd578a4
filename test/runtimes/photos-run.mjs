/** What a page does with photos that it is given, and Node alike: by the built package. Plain JavaScript, because it runs as it is. */
import {
  describeFiles,
  factsOf,
  forgetFiles,
  keepFiles,
  MocoError,
  pretrain,
  resolveConfig,
  restoreFiles,
  thumbnails,
} from '../../dist/index.js';

const BACKEND = { backend: 'wasm', adapter: null, reason: 'asked for' };

/** @param files of an `<input>`, blobs, a handle */
export async function trainedOn(files, options) {
  const data = await describeFiles(files, options);
  const facts = { ...factsOf(data), backend: 'wasm', processors: 1 };
  const config = resolveConfig('photos', { width: 2, imageSize: 16, steps: 3 }, facts);
  const losses = [];
  const watched = [];
  const watch = { every: 2, pairs: 1, sample: 8 };
  for await (const event of pretrain({ config, data, backend: BACKEND, workers: 1, watch })) {
    if (event.type === 'step') losses.push(event.loss);
    if (event.type === 'watch') {
      const { step, pairs, sample } = event;
      watched.push([
        step,
        pairs[0].image,
        [...pairs[0].key.data.slice(0, 6)],
        [...sample.features.slice(0, 4)],
      ]);
    }
  }
  const { train, test, ...told } = data;
  return { told: { ...told, trainLabels: data.trainLabels && [...data.trainLabels] }, losses, watched };
}

export async function thumbnailsOf(files) {
  const made = [];
  for await (const { index, image, reason } of thumbnails(await describeFiles(files), {
    size: 8,
    workers: 1,
  })) {
    made.push([index, image?.constructor.name, image?.width, reason]);
  }
  return made;
}

const inWords = (error) => (error instanceof MocoError ? `${error.code}: ${error.message}` : String(error));

/** Keeps a folder and takes it back; keeps files, which cannot be kept; forgets. */
export async function keptAndRestored(folder, files) {
  const kept = await keepFiles('runs/page', await describeFiles(folder, { labels: false, name: 'mine' }));
  const { path, trainLength, trainLabels, classes } = await restoreFiles('runs/page');
  const refused = await keepFiles('runs/page', await describeFiles(files));
  const gone = await restoreFiles('runs/page').catch(inWords);
  await keepFiles('runs/other', await describeFiles(folder));
  await forgetFiles('runs/other');
  const forgotten = await restoreFiles('runs/other').catch(inWords);
  return { kept, restored: { path, trainLength, trainLabels, classes }, refused, gone, forgotten };
}

/** Of a page that was reloaded: what it kept before. */
export const keepFolder = async (folder, name) => keepFiles(name, await describeFiles(folder));
export const restored = async (name) => (await restoreFiles(name)).trainLength;
