// What every project of the matrix runs: three steps of training, and an image embedded by what was trained. On wasm, so that all have to
// give the same bits.
import { deflateSync } from 'node:zlib';

/** A PNG of 24 × 24 pixels. */
function picture() {
  const side = 24;
  const rows = Buffer.alloc(side * (1 + 3 * side));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const at = y * (1 + 3 * side) + 1 + 3 * x;
      rows.set([(x * 10) % 256, (y * 10) % 256, ((x ^ y) * 9) % 256], at);
    }
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0]);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

/** A module that exports `trainAndEmbed(out)`. @param imports {string} how the package is had: `import … from` or `require` */
export const PROGRAM = `
const PICTURE = '${picture().toString('base64')}';

export async function trainAndEmbed(library, out) {
  const { chooseBackend, describeDrawn, Encoder, factsOf, pretrain, resolveConfig } = library;
  const data = await describeDrawn(48, 8, 16, 0);
  const options = { arch: 'resnet18', width: 4, dim: 16, batchSize: 16, groups: 2, queueSize: 64, steps: 3 };
  const config = resolveConfig('moco-v2', options, factsOf(data));
  const backend = await chooseBackend('wasm');
  const losses = [];
  for await (const event of pretrain({ config, data, out, backend, workers: 2, dataWorkers: 1 })) {
    if (event.type === 'step') losses.push(event.loss);
  }
  const encoder = await Encoder.load(out, { backend: 'wasm', workers: 1 });
  const bytes = Uint8Array.from(atob(PICTURE), (letter) => letter.charCodeAt(0));
  const row = await encoder.embed(bytes);
  await encoder.dispose();
  return { losses, row: [...row] };
}
`;

/** A page that leaves a promise of what came of it, and says so in its title. */
export const PAGE_PROGRAM = `import * as library from 'moco-web';
import { trainAndEmbed } from './program.js';
globalThis.result = trainAndEmbed(library, 'run-' + Date.now()).then(
  (result) => result,
  (error) => ({ error: (error.code ?? error.name) + ': ' + error.message }),
);
`;

export const html = (script, head = '') =>
  `<!doctype html><meta charset="utf-8"><title>user</title>${head}<script type="module" src="${script}"></script>\n`;
