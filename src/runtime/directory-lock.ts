/** One at a time works in a folder: a file in it says who (Node, Deno); in a page a Web Lock, which ends with who holds it. */
import { MocoError, messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';
import { namesIn } from './opfs.ts';

export interface DirectoryLock {
  /** In words, whose lock was found and taken over, as it is gone; null where there was none. */
  readonly tookOver: string | null;
  release(): Promise<void>;
}

/** In the folder. */
const LOCK = 'run.lock';
/** The file is touched so often, for those on other machines, who cannot look for the process. */
const TOUCH_MS = 30_000;
/** One of another machine that nobody touched for so long is of a process that is gone; so is one that says nothing. */
const GONE_MS = 10 * 60_000;

/** What the file says. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When it began, ISO 8601. */
  readonly start: string;
  /** What tells the process from a later one of the same number (Linux: when it started, in ticks); null where nothing does. */
  readonly process: string | null;
}

/**
 * @param root a folder that exists
 * @throws MocoError usage where another holds it
 */
export async function lockDirectory(root: string): Promise<DirectoryLock> {
  return runtimeName() === 'browser' ? lockInPage(root) : lockByFile(root);
}

async function lockInPage(root: string): Promise<DirectoryLock> {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const name = `moco-web run ${namesIn(root).join('/')}`;
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock ? held : undefined;
      })
      .catch(reject);
  });
  if (!isOurs) throw inUse(root, 'another run, perhaps of another tab, works in it');
  return { tookOver: null, release: async () => release() };
}

async function lockByFile(root: string): Promise<DirectoryLock> {
  const fs = await nodeModule('fs/promises');
  const { hostname } = await nodeModule('os');
  const path = `${root}/${LOCK}`;
  const start = new Date().toISOString();
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    start,
    process: (await factsOf(process.pid)).start,
  };
  const text = `${JSON.stringify(holder)}\n`;
  let tookOver: string | null = null;
  for (let attempt = 0; ; attempt++) {
    try {
      await fs.writeFile(path, text, { flag: 'wx' });
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new MocoError('usage', `cannot lock ${root}: ${messageOf(cause)}`, { cause });
      }
      const found = await look(path);
      if (found === null) continue;
      if (attempt > 2 || !(await isGone(found, holder.host)))
        throw inUse(root, inWords(found, path, holder.host));
      await setAside(root, path, found.text, holder.pid);
      tookOver = found.holder ? `process ${found.holder.pid} on ${found.holder.host}` : 'nobody known';
    }
  }
  const touching = setInterval(() => {
    const now = new Date();
    fs.utimes(path, now, now).catch(() => {});
  }, TOUCH_MS);
  (touching as { unref?: () => void }).unref?.();
  return {
    tookOver,
    async release() {
      clearInterval(touching);
      // It may be another's by now: whoever came from a machine that could not see this process for ten minutes.
      if ((await look(path))?.text === text) await fs.rm(path, { force: true }).catch(() => {});
    },
  };
}

interface Found {
  readonly text: string;
  /** Null where the file does not say. */
  readonly holder: Holder | null;
  /** Milliseconds since it was touched. */
  readonly age: number;
}

/** Null where there is none any more. */
async function look(path: string): Promise<Found | null> {
  const fs = await nodeModule('fs/promises');
  try {
    const stat = await fs.stat(path);
    const text = stat.isFile() && stat.size < 4096 ? await fs.readFile(path, 'utf8') : '';
    return { text, holder: holderIn(text), age: Date.now() - stat.mtimeMs };
  } catch {
    return null;
  }
}

function holderIn(text: string): Holder | null {
  try {
    const { pid, host, start, process: started } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || pid! < 1 || typeof host !== 'string' || typeof start !== 'string')
      return null;
    return { pid: pid!, host, start, process: typeof started === 'string' ? started : null };
  } catch {
    return null;
  }
}

async function isGone({ holder, age }: Found, host: string): Promise<boolean> {
  if (!holder || holder.host !== host) return age > GONE_MS;
  if (!isAlive(holder.pid)) return true;
  const { state, start } = await factsOf(holder.pid);
  // One that has ended stays in the table until its parent asks, which in a container may be never.
  if (state === 'Z' || state === 'X') return true;
  return start !== null && holder.process !== null && start !== holder.process;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // One of another user is there all the same.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Fields 3 and 22 of /proc/PID/stat (proc_pid_stat(5)); the name before them may hold blanks and brackets. */
async function factsOf(pid: number): Promise<{ state: string | null; start: string | null }> {
  try {
    const text = await (await nodeModule('fs/promises')).readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? null, start: fields[19] ?? null };
  } catch {
    return { state: null, start: null };
  }
}

/** Removes a lock, if it is still the one that was looked at: another may have taken it over meanwhile. */
async function setAside(root: string, path: string, expected: string, pid: number): Promise<void> {
  const fs = await nodeModule('fs/promises');
  const aside = `${path}.${pid}`;
  try {
    await fs.rename(path, aside);
  } catch {
    return;
  }
  const isExpected = (await look(aside))?.text === expected;
  if (!isExpected) await fs.link(aside, path).catch(() => {});
  await fs.rm(aside, { force: true });
  if (!isExpected) throw inUse(root, 'another run has just begun in it');
}

function inWords({ holder }: Found, path: string, host: string): string {
  if (!holder) return `${path} does not say who works in it: remove it if nobody does`;
  const who = `process ${holder.pid}${holder.host === host ? '' : ` on ${holder.host}`} works in it since ${holder.start}`;
  return holder.host === host ? who : `${who} (if it is gone, remove ${path})`;
}

function inUse(root: string, who: string): MocoError {
  return new MocoError('usage', `${root} is in use: ${who}. Wait for it, end it, or choose another folder`);
}
