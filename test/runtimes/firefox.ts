/**
 * Debian's Firefox, which has no WebGPU on Linux. Nothing drives it from within: watched over WebDriver BiDi (puppeteer-core 25,
 * Firefox 153), a worker that starts workers hung in one run of twenty, and left alone in none of seventy. Its pages ask
 * this process, by HTTP, what they are to evaluate.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Answer, serve } from './server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXECUTABLE = process.env.MOCO_FIREFOX ?? '/usr/bin/firefox-esr';

/** Added to each page: it evaluates one text after the other, and tells what came of it. */
const ASKING = `<script type="module">
  const errors = [];
  addEventListener('error', ({ message }) => errors.push(message));
  addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
  const page = crypto.randomUUID();
  for (;;) {
    const task = await (await fetch('/next?' + page)).text();
    const outcome = await Promise.resolve().then(() => (0, eval)(task))
      .then((value) => ({ value, errors }), (error) => ({ error: error + ' ' + error.stack, errors }));
    await fetch('/outcome?' + page, { method: 'POST', body: JSON.stringify(outcome) });
  }
</script>`;

interface Outcome {
  value?: unknown;
  error?: string;
  errors: string[];
}

export interface FirefoxPage {
  /** Evaluates text, and what is a promise is waited for. */
  evaluate(text: string): Promise<unknown>;
  reload(): Promise<void>;
  /** Ends the browser, too. */
  close(): Promise<void>;
}

export interface OpenFirefoxPage {
  page: FirefoxPage;
  server: Server;
  /** Errors that nobody in the page took care of, once something has been evaluated after them. */
  errors: string[];
}

const opened = new Set<FirefoxPage>();

export function missingFirefox(): string | null {
  return existsSync(EXECUTABLE)
    ? null
    : `there is no ${EXECUTABLE}: install Debian's firefox-esr, or name another in MOCO_FIREFOX`;
}

/** Promise.withResolvers, which Node 20 does not have. */
function awaited<Value>(): { promise: Promise<Value>; resolve(value: Value): void } {
  let resolve = (_: Value): void => {};
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Where a page asks. After a reload it is another one. */
class Desk {
  #page: string | null = null;
  readonly #gone = new Set<string>();
  #asking = awaited<ServerResponse>();
  #outcome = awaited<Outcome>();

  readonly answer: Answer = async ({ pathname, search }, request, response) => {
    if (this.#gone.has(search)) response.writeHead(410).end();
    else if (pathname === '/next') {
      this.#page = search;
      this.#asking.resolve(response);
    } else if (pathname === '/outcome') {
      this.#outcome.resolve(JSON.parse(await text(request)) as Outcome);
      response.writeHead(204).end();
    } else return false;
    return true;
  };

  async evaluate(task: string): Promise<Outcome> {
    await this.#give(task);
    return this.#outcome.promise;
  }

  async reload(): Promise<void> {
    await this.#give('location.reload()');
    this.#gone.add(this.#page!);
    await this.#asking.promise;
  }

  async #give(task: string): Promise<void> {
    const response = await this.#asking.promise;
    this.#asking = awaited();
    this.#outcome = awaited();
    response.end(task);
  }
}

export async function openFirefoxPage(
  path: string,
  isolated: boolean,
  root = ROOT,
): Promise<OpenFirefoxPage> {
  const desk = new Desk();
  const { base, server } = await serve(root, isolated, { added: ASKING, answer: desk.answer });
  const profile = await mkdtemp(join(tmpdir(), 'moco-web-firefox-'));
  const args = ['--headless', '--no-remote', '--profile', profile, `${base}/${path}`];
  const browser = spawn(EXECUTABLE, args, { stdio: 'ignore' });
  const ended = once(browser, 'exit').then(() => {
    throw new Error(`${EXECUTABLE} ended before its page had answered`);
  });
  ended.catch(() => {});
  const errors: string[] = [];
  const page: FirefoxPage = {
    async evaluate(task) {
      const outcome = await Promise.race([desk.evaluate(task), ended]);
      errors.splice(0, errors.length, ...outcome.errors);
      if (outcome.error !== undefined) throw new Error(outcome.error);
      return outcome.value;
    },
    reload: () => desk.reload(),
    async close() {
      opened.delete(page);
      const exited = once(browser, 'exit');
      browser.kill();
      await exited;
      server.close();
      server.closeAllConnections();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  opened.add(page);
  return { page, server, errors };
}

const fiveSteps = new Map<boolean, Promise<OpenFirefoxPage>>();

/** A page with its table, opened once for each kind. */
export function fiveStepsInFirefox(path: string, isolated: boolean): Promise<OpenFirefoxPage> {
  const open = fiveSteps.get(isolated) ?? openFirefoxPage(path, isolated);
  fiveSteps.set(isolated, open);
  return open;
}

export async function closeFirefox(): Promise<void> {
  fiveSteps.clear();
  await Promise.all([...opened].map((page) => page.close()));
}
