/** The page of web/ in Firefox, in a frame that its parent works: the policy of the page lets nothing in that is not its own. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeFirefox, type OpenFirefoxPage, openFirefoxPage } from './firefox.ts';
import { inRuntimes } from './in-every-runtime.ts';

const WEB = fileURLToPath(new URL('../../web', import.meta.url));
const LONG = 240_000;
/** What there is to say to the frame. */
const PARENT = `<!doctype html><title>parent</title><iframe src="app/index.html" width="1280" height="900"></iframe><script>
  const frame = document.querySelector('iframe');
  const said = [];
  frame.addEventListener('load', () => {
    const { contentWindow: window } = frame;
    window.addEventListener('error', ({ message }) => said.push(message));
    window.addEventListener('unhandledrejection', ({ reason }) => said.push(String(reason)));
    window.document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      said.push(violatedDirective + ' ' + blockedURI));
  });
  const text = () => frame.contentDocument?.body?.innerText ?? '';
  const all = (selector) => [...(frame.contentDocument?.querySelectorAll(selector) ?? [])];
  async function until(test, seconds = 120) {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end; ) {
      const found = test();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error('not in ' + seconds + ' s: ' + test + ' in: ' + text());
  }
  const says = (pattern) => until(() => text().match(pattern));
  const press = async (words) => {
    const find = () => all('a, button, summary')
      .find((element) => element.textContent.trim() === words && !element.disabled);
    (await until(find)).click();
  };
  // A folder of the page's own storage: its handle is kept over a reload like that of any folder.
  const giveFolder = async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('shapes', { create: true });
    for (let i = 0; i < 40; i++) {
      const canvas = new OffscreenCanvas(32, 32);
      const context = canvas.getContext('2d');
      context.fillStyle = 'hsl(' + 9 * i + ' 60% 40%)';
      context.fillRect(0, 0, 32, 32);
      context.fillStyle = 'white';
      if (i % 2) context.fillRect(i % 9, 4, 20, 20);
      else context.fillRect(4, i % 9, 8, 24);
      const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
      const folder = await root.getDirectoryHandle(i % 2 ? 'squares' : 'bars', { create: true });
      const writable = await (await folder.getFileHandle(i + '.jpg', { create: true })).createWritable();
      await writable.write(blob);
      await writable.close();
    }
    frame.contentWindow.showDirectoryPicker = async () => root;
  };
  const set = async (label, value) => {
    const find = () => all('label')
      .find((element) => element.textContent.startsWith(label))?.querySelector('select, input');
    const field = await until(find);
    field.value = value;
    field.dispatchEvent(new Event('change', { bubbles: true }));
  };
</script>`;

let folder: string;
let open: OpenFirefoxPage;
const inFrame = (task: string) => open.page.evaluate(`(async () => { ${task} })()`);

await inRuntimes(['firefox'], () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moco-web-firefox-'));
    await symlink(join(WEB, 'dist'), join(folder, 'app'));
    await writeFile(join(folder, 'index.html'), PARENT);
    open = await openFirefoxPage('index.html', false, folder);
  });
  afterAll(async () => {
    await closeFirefox();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    'searches, trains, goes on after a reload, and shows what it found',
    async () => {
      expect(await inFrame('return (await says(/Computes with .*?[.]/))[0]')).toMatch(/processor/);
      await inFrame('await says(/this page works without a network/)');
      await inFrame(
        "await giveFolder(); await press('Choose a folder'); await says(/40 photos in 2 classes/)",
      );
      await inFrame("await press('Search them first'); await says(/By the encoder of this page/)");
      await inFrame("await press('Start'); await press('More'); await set('Minutes', '0.2')");
      await inFrame("await says(/less than a minute on wasm/); await press('Train')");
      const [, step, all] = (await inFrame(`
      await says(/Kept in this browser as of step [0-9]+/);
      return (await says(/step ([0-9]+) of ([0-9]+)/)).slice()`)) as string[];
      await inFrame("await press('Pause'); await says(/Paused/); await press('Start')");
      await open.page.reload();
      const kept = (await inFrame(
        'return (await says(/as of step ([0-9]+) of ([0-9]+)/)).slice()',
      )) as string[];
      // Of the last epoch that was whole, at least.
      expect(Number(kept[1])).toBeGreaterThanOrEqual(1);
      expect([kept[2], Number(step) > 0]).toEqual([all, true]);
      await inFrame(`await press('Go on');
      await until(() => Number(text().match(/step ([0-9]+) of/)?.[1]) > ${kept[1]});
      await press('Stop'); await says(/Stopped after [0-9]+ steps/)`);
      await inFrame("await press('Look'); await says(/Before training/); await says(/After [0-9]+ steps/)");
      await inFrame("await press('Map'); await says(/Near on the map/)");
      expect(await inFrame('return said')).toEqual([]);
      expect(open.errors).toEqual([]);
    },
    LONG,
  );
});
