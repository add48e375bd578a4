/** A run of the page: it trains in workers, tells what happens as it happens, and outlives the page by its checkpoints. */
import type { App } from './app.ts';
import { type Photos, photosOfNote } from './choose-photos.ts';
import { reasonOf } from './elements.ts';
import {
  type BackendChoice,
  type ImportedEncoder,
  type LoadedCheckpoint,
  library,
  type NoticeEvent,
  type PauseSwitch,
  type PretrainConfig,
  type PretrainEvent,
  type RgbImage,
  type RunEvent,
  type StepEvent,
  type WatchEvent,
} from './moco-web.ts';
import type { Plan } from './parts/recipe.ts';
import type { Run, RunState } from './run.ts';
import { RUN, type SavedRun, START, saveRun, setRunAside } from './saved-run.ts';

type Library = Awaited<ReturnType<typeof library>>;

/** So often a run measures the agreement of neighbors, where folders are labels. */
const MEASUREMENTS = 10;
/** Shown at once; and as many more, whose keys are told apart from. */
export const PAIRS = 3;
const WATCHED = 12;
const MOST_KEYS = 24;
/** Steps from one checkpoint to the next, and from one pair that is shown to the next: some seconds on either. */
const RHYTHM = { webgpu: 50, wasm: 5, native: 5 } as const;

export class Training implements Run {
  state: RunState = 'starting';
  reason: string | null = null;
  about: RunEvent | null = null;
  totalSteps = 0;
  /** What a reload would go on from. */
  savedStep = 0;
  watched: WatchEvent | null = null;
  /** Keys of steps before, the newest first. */
  keys: readonly { readonly view: RgbImage; readonly step: number }[] = [];
  readonly out = RUN;
  readonly start = START;
  readonly config: PretrainConfig;
  readonly photos: Photos;
  readonly backend: BackendChoice;
  /** Of a new run that begins with an ONNX file. */
  readonly encoder: ImportedEncoder | null;
  readonly steps: StepEvent[] = [];
  readonly measurements: PretrainEvent[] = [];
  readonly notices: NoticeEvent[] = [];
  /** Images that could not be decoded after all. */
  readonly skipped: { path: string; reason: string }[] = [];
  readonly #app: App;
  readonly #pause: PauseSwitch;
  readonly #end = new AbortController();

  private constructor(
    app: App,
    { PauseSwitch }: Library,
    photos: Photos,
    config: PretrainConfig,
    backend: BackendChoice,
    encoder: ImportedEncoder | null = null,
  ) {
    this.encoder = encoder;
    this.#app = app;
    this.#pause = new PauseSwitch();
    this.photos = photos;
    this.config = config;
    this.backend = backend;
  }

  /** A new run, in the place of the one before it. */
  static async begin(
    app: App,
    photos: Photos,
    { config, backend, encoder }: Pick<Plan, 'config' | 'backend' | 'encoder'>,
  ): Promise<void> {
    const moco = await library();
    const run = new Training(app, moco, photos, config, backend, encoder);
    app.run = run;
    app.tell('run');
    void run.#go(async () => {
      await setRunAside();
      await keepStart(moco, run);
      if (photos.files) await moco.keepFiles(RUN, photos.files);
      // Asks that the browser does not clear it away when the disk fills. Firefox asks people, who may take their time.
      navigator.storage.persist?.().catch(() => {});
      return null;
    });
  }

  /**
   * The run that was saved, from its last checkpoint on; of one that has ended, what it told.
   * @param known its photos, where the page has them
   * @throws where its photos or its checkpoint are gone
   */
  static async goOn(app: App, saved: SavedRun, known: Photos | null = null): Promise<void> {
    const moco = await library();
    const photos = known ?? (await photosOfNote(saved.photos, RUN));
    const checkpoint = await moco.loadCheckpoint(RUN);
    const { config, step, backend } = checkpoint.state;
    const run = new Training(
      app,
      moco,
      photos,
      config as PretrainConfig,
      await moco.chooseBackend(backend ?? 'auto'),
    );
    run.about = saved.about;
    run.totalSteps = saved.totalSteps;
    run.savedStep = step;
    run.steps.push(...saved.steps.filter((event) => event.step <= step));
    run.measurements.push(...saved.measurements);
    run.notices.push(...saved.notices);
    if (app.photos !== photos) app.photos?.dispose();
    app.photos = photos;
    app.run = run;
    if (step >= saved.totalSteps) run.state = 'ended';
    else void run.#go(async () => checkpoint);
    app.tell('photos');
    app.tell('run');
  }

  pause(): void {
    if (this.state !== 'training') return;
    this.#pause.pause();
    this.#become('paused');
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.#pause.resume();
    this.#become('training');
  }

  stop(): void {
    this.#end.abort();
  }

  #become(state: RunState, reason: string | null = null): void {
    this.state = state;
    this.reason = reason;
    this.#app.tell('run');
  }

  async #go(getReady: () => Promise<LoadedCheckpoint | null>): Promise<void> {
    try {
      const resume = await getReady();
      const { pretrain } = await library();
      const every = RHYTHM[this.backend.backend];
      const labeled = this.photos.data.trainLabels !== null;
      const events = pretrain({
        config: this.config,
        data: this.photos.data,
        backend: this.backend,
        out: RUN,
        checkpointEvery: every,
        watch: { every, pairs: WATCHED, sample: 0 },
        ...(labeled ? { knnEvery: Math.max(1, Math.round(this.config.epochs / MEASUREMENTS)) } : {}),
        ...(resume ? { resume } : this.encoder ? { encoder: this.encoder } : {}),
        pause: this.#pause,
        signal: this.#end.signal,
      });
      for await (const event of events) {
        this.#hear(event);
        this.#app.tell('run');
      }
      this.#become('ended');
    } catch (error) {
      this.#become('failed', reasonOf(error));
    }
  }

  #hear(event: PretrainEvent): void {
    switch (event.type) {
      case 'run':
        this.about = event;
        this.totalSteps = event.totalSteps;
        this.state = this.#pause.paused ? 'paused' : 'training';
        break;
      case 'step':
        this.steps.push(event);
        break;
      case 'watch':
        this.#keepKeys(event);
        this.watched = event;
        break;
      case 'notice':
        this.notices.push(event);
        this.#app.tell('notice');
        break;
      case 'skipped':
        this.skipped.push(event);
        break;
      case 'checkpoint':
        this.savedStep = event.step;
        this.#save();
        break;
      default:
        this.measurements.push(event);
    }
  }

  /** After its step the keys of a batch are in the queue; before the first there are random ones. */
  #keepKeys({ step, pairs }: WatchEvent): void {
    if (step === 0) return;
    const added = pairs.slice(PAIRS).map(({ key }) => ({ view: key, step }));
    this.keys = [...added, ...this.keys].slice(0, MOST_KEYS);
  }

  #save(): void {
    const { photos, savedStep: step, totalSteps, about, steps, measurements, notices } = this;
    if (about) saveRun({ photos: photos.note, step, totalSteps, about, steps, measurements, notices });
  }
}

/** The encoder that a run begins with: after one step that changes no weight. */
async function keepStart(moco: Library, { photos, config, backend, encoder }: Training): Promise<void> {
  const one = { ...config, epochs: 1, steps: 1, learningRate: 0 };
  const begun = encoder ? { encoder } : {};
  for await (const _ of moco.pretrain({ config: one, data: photos.data, backend, out: START, ...begun }));
}
